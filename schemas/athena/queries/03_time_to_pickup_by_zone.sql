-- How long riders wait for their vehicle, by the place where they wait: the time from the assignment
-- to the pickup, by cells of 1/100 degree (about 1.1 km from south to north). Median and 90th percentile
-- are times that occurred: as many rides as that took no longer.
--
-- Scans of the day's trips ids, version, the pickup and three times: some 50 bytes a ride.
-- Change dt, hour, fleet_id, the size of a cell, and how few rides say nothing.
WITH waits AS (
  SELECT
    floor(pickup_lat * 1e2) / 1e2 AS cell_lat,
    floor(pickup_lng * 1e2) / 1e2 AS cell_lng,
    date_diff('millisecond', assigned_at, picked_up_at) / 1e3 AS seconds
  FROM trips_latest_view
  WHERE dt = '2026-01-15'
    AND fleet_id = 'default'
    AND picked_up_at >= assigned_at
    AND pickup_lat IS NOT NULL
),
ranked AS (
  SELECT
    cell_lat,
    cell_lng,
    seconds,
    row_number() OVER (PARTITION BY cell_lat, cell_lng ORDER BY seconds) AS nth,
    count(*) OVER (PARTITION BY cell_lat, cell_lng) AS rides
  FROM waits
)
SELECT
  cell_lat,
  cell_lng,
  count(*) AS rides,
  min(CASE WHEN nth >= 5e-1 * rides THEN seconds END) AS median_seconds,
  min(CASE WHEN nth >= 9e-1 * rides THEN seconds END) AS p90_seconds
FROM ranked
GROUP BY cell_lat, cell_lng
HAVING count(*) >= 3
ORDER BY rides DESC, cell_lat, cell_lng;
