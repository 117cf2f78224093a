-- Empty miles: how far a fleet drove in each state, and the share. What is not on_trip was driven
-- without a passenger; reserved is the way to one.
--
-- A step goes from a ping to the vehicle's next one, on a sphere small enough to be flat, and counts as
-- the state of the later one. Steps over more than a minute, or faster than 70 m/s, are no driving.
--
-- Scans of the pings of the hours ids, time, place and state: about half of their bytes. Three hours of
-- a fleet are a good sample; a day is 24 of them.
-- Change dt, hour and fleet_id.
WITH steps AS (
  SELECT
    state,
    date_diff('millisecond', lag("time") OVER by_vehicle, "time") / 1e3 AS seconds,
    (lat_e7 - lag(lat_e7) OVER by_vehicle) / 1e7 AS lat_step,
    (lng_e7 - lag(lng_e7) OVER by_vehicle) / 1e7 * cos(radians(lat_e7 / 1e7)) AS lng_step
  FROM pings
  WHERE dt = '2026-01-15'
    AND hour BETWEEN 7 AND 9
    AND fleet_id = 'default'
  WINDOW by_vehicle AS (PARTITION BY vehicle_id ORDER BY "time", epoch, seq)
),
driven AS (
  SELECT
    state,
    seconds,
    -- Metres of a degree of the mean sphere.
    sqrt(lat_step * lat_step + lng_step * lng_step) * 1.11195e5 AS metres
  FROM steps
)
SELECT
  state,
  sum(metres) / 1e3 AS kilometres,
  1e2 * sum(metres) / sum(sum(metres)) OVER () AS percent
FROM driven
WHERE seconds <= 6e1
  AND metres <= 7e1 * seconds
GROUP BY state
ORDER BY kilometres DESC, state;
