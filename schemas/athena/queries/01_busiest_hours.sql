-- The busiest hours of a day: rides by the hour in which they ended, how they ended, the vehicles that
-- served them and the hours that these drove with a passenger.
--
-- Scans of the day's trips the ids, the version, the outcome and the duration: some 30 bytes a ride.
-- Change dt, also to a range of days, and fleet_id.
SELECT
  dt,
  hour,
  count_if(outcome = 'completed') AS completed,
  count_if(outcome = 'cancelled') AS cancelled,
  count(DISTINCT vehicle_id) AS vehicles,
  sum(duration_s) / 3.6e3 AS hours_with_passenger
FROM trips_latest_view
WHERE dt = '2026-01-15'
  AND fleet_id = 'default'
GROUP BY dt, hour
ORDER BY completed DESC, dt, hour;
