-- Who calls rides off, and when: of the rides that ended in an hour, those that nobody, the rider, the
-- driver or the dispatch called off, how many of these when the vehicle had arrived already, and how
-- long after the assignment.
--
-- Scans of the day's trips ids, version, outcome and three times: some 50 bytes a ride.
-- Change dt, also to a range of days, and fleet_id.
SELECT
  dt,
  hour,
  CASE WHEN outcome = 'completed' THEN 'nobody' ELSE cancelled_by END AS called_off_by,
  count(*) AS rides,
  1e2 * count(*) / sum(count(*)) OVER (PARTITION BY dt, hour) AS percent,
  count_if(arrived_at IS NOT NULL) AS after_arrival,
  avg(date_diff('millisecond', assigned_at, ended_at) / 1e3) AS mean_seconds
FROM trips_latest_view
WHERE dt = '2026-01-15'
  AND fleet_id = 'default'
GROUP BY
  dt,
  hour,
  CASE WHEN outcome = 'completed' THEN 'nobody' ELSE cancelled_by END
ORDER BY dt, hour, called_off_by;
