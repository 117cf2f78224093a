-- One vehicle's day: stretches of the same state and ride, one after the other.
--
-- Scans of the day's pings seven columns, but only the parts of files that may have the vehicle.
-- Change vehicle_id, fleet_id and dt.
WITH fixes AS (
  SELECT
    "time",
    epoch,
    seq,
    state,
    ride_id,
    speed_cm_s,
    CASE
      WHEN lag(state) OVER in_order = state
        AND coalesce(lag(ride_id) OVER in_order, '') = coalesce(ride_id, '')
      THEN 0
      ELSE 1
    END AS begins
  FROM pings
  WHERE dt = '2026-01-15'
    AND fleet_id = 'default'
    AND vehicle_id = 'cab-00007'
  WINDOW in_order AS (ORDER BY "time", epoch, seq)
),
stretches AS (
  SELECT
    *,
    sum(begins) OVER (ORDER BY "time", epoch, seq ROWS UNBOUNDED PRECEDING) AS nth
  FROM fixes
)
SELECT
  min("time") AS first_ping,
  max("time") AS last_ping,
  state,
  ride_id,
  count(*) AS pings,
  max(speed_cm_s) / 1e2 AS fastest_mps
FROM stretches
GROUP BY nth, state, ride_id
ORDER BY nth;
