-- How long vehicles stand at the pickup until the rider gets in, by the hour in which the ride ended.
--
-- Scans of the day's trips ids, version, the waiting time and the phase times: some 40 bytes a ride.
-- Change dt, fleet_id, and what counts as long.
WITH waits AS (
  SELECT
    dt,
    hour,
    waiting_s,
    row_number() OVER (PARTITION BY dt, hour ORDER BY waiting_s) AS nth,
    count(*) OVER (PARTITION BY dt, hour) AS rides
  FROM trips_latest_view
  WHERE dt = '2026-01-15'
    AND fleet_id = 'default'
    AND arrived_at IS NOT NULL
    AND picked_up_at IS NOT NULL
)
SELECT
  dt,
  hour,
  count(*) AS rides,
  avg(waiting_s) AS mean_seconds,
  min(CASE WHEN nth >= 9e-1 * rides THEN waiting_s END) AS p90_seconds,
  1e2 * count_if(waiting_s > 120) / count(*) AS percent_long
FROM waits
GROUP BY dt, hour
ORDER BY dt, hour;
