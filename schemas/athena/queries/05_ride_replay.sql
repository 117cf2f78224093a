-- One ride again, ping by ping, in the order of the device: for a map, or for who asks where it was.
--
-- Scans of the pings of the hours eight columns, but only the parts of files that may have the vehicle.
-- The vehicle of a ride stands in trips and in ride_events; without it all vehicles are read.
-- Change ride_id, vehicle_id, fleet_id, and dt and hour to when it was under way.
SELECT
  "time",
  lat,
  lng,
  speed_mps,
  heading_deg,
  state
FROM pings_view
WHERE dt = '2026-01-15'
  AND hour BETWEEN 7 AND 9
  AND fleet_id = 'default'
  AND vehicle_id = 'cab-00007'
  AND ride_id = 'cab-00007-1768460400000-3'
ORDER BY "time", epoch, seq;
