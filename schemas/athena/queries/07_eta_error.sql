-- How good planned arrivals were: the time that the planned route takes by its plan, as it came with the
-- assignment, against the time that the ride took from pickup to drop-off, by the hour in which it
-- ended. Positive errors are late arrivals. Rides without a plan, or whose destination changed, are
-- left out. What the live API predicted on the way is not archived; docs/eta.md says how good that is.
--
-- Scans of the day's ride events ids, time, kind and planned time, and of its trips ids, version,
-- outcome and duration: some 60 bytes a ride, without routes.
-- Change dt and fleet_id. A ride assigned on the day before is not found: widen the range of the events.
WITH plans AS (
  SELECT
    vehicle_id,
    ride_id,
    max_by(route_duration_s, "time") FILTER (WHERE kind = 'assigned' AND route_duration_s > 0) AS planned_s,
    count_if(kind = 'rerouted') AS reroutes
  FROM ride_events
  WHERE dt = '2026-01-15'
    AND fleet_id = 'default'
    AND kind IN ('assigned', 'rerouted')
  GROUP BY vehicle_id, ride_id
),
errors AS (
  SELECT
    t.dt,
    t.hour,
    p.planned_s,
    t.duration_s - p.planned_s AS late_s
  FROM trips_latest_view AS t
  JOIN plans AS p ON p.vehicle_id = t.vehicle_id AND p.ride_id = t.ride_id
  WHERE t.dt = '2026-01-15'
    AND t.fleet_id = 'default'
    AND t.outcome = 'completed'
    AND p.planned_s IS NOT NULL
    AND p.reroutes = 0
)
SELECT
  dt,
  hour,
  count(*) AS rides,
  avg(late_s) AS mean_late_seconds,
  avg(abs(late_s)) AS mean_error_seconds,
  1e2 * count_if(late_s > 2e-1 * planned_s) / count(*) AS percent_a_fifth_late
FROM errors
GROUP BY dt, hour
ORDER BY dt, hour;
