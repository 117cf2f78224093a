-- Generated. The archive in a local DuckDB, with the tables and views that Athena has: where the directory
-- `archive` is,
--
--     duckdb -init .../schemas/athena/local.sql
--
-- For another place change the variable, also to s3://bucket/prefix with the extension httpfs. The lists
-- are read here, once: what is archived or merged later is seen after `.read` of this file.
SET TimeZone = 'UTC';
SET VARIABLE archive = 'archive';

SET VARIABLE pings_files = (
  SELECT list(line)
  FROM (
    SELECT unnest(string_split(content, chr(10))) AS line
    FROM read_text(getvariable('archive') || '/tables/pings/*/*/files.txt')
  )
  WHERE line <> ''
);
CREATE OR REPLACE TEMP VIEW pings AS
SELECT *
FROM read_parquet(
  getvariable('pings_files'),
  hive_partitioning = true,
  hive_types = {'dt': VARCHAR, 'hour': INTEGER}
);

-- What the table has in parts of a degree, of a metre or of m/s, as doubles in whole units; every
-- other column as it is.
CREATE OR REPLACE VIEW pings_view AS
SELECT
  "fleet_id",
  "vehicle_id",
  "driver_id",
  "ride_id",
  "epoch",
  "seq",
  "time",
  "lat_e7" / 1e7 AS "lat",
  "lng_e7" / 1e7 AS "lng",
  "speed_cm_s" / 1e2 AS "speed_mps",
  "heading_cdeg" / 1e2 AS "heading_deg",
  "accuracy_dm" / 1e1 AS "accuracy_m",
  "altitude_dm" / 1e1 AS "altitude_m",
  "state",
  "received_at",
  "protocol",
  dt,
  hour
FROM pings;

SET VARIABLE ride_events_files = (
  SELECT list(line)
  FROM (
    SELECT unnest(string_split(content, chr(10))) AS line
    FROM read_text(getvariable('archive') || '/tables/ride_events/*/*/files.txt')
  )
  WHERE line <> ''
);
CREATE OR REPLACE TEMP VIEW ride_events AS
SELECT *
FROM read_parquet(
  getvariable('ride_events_files'),
  hive_partitioning = true,
  hive_types = {'dt': VARCHAR, 'hour': INTEGER}
);

-- What the table has in parts of a degree, of a metre or of m/s, as doubles in whole units; every
-- other column as it is.
CREATE OR REPLACE VIEW ride_events_view AS
SELECT
  "fleet_id",
  "vehicle_id",
  "ride_id",
  "driver_id",
  "time",
  "kind",
  "pickup_lat_e7" / 1e7 AS "pickup_lat",
  "pickup_lng_e7" / 1e7 AS "pickup_lng",
  "dropoff_lat_e7" / 1e7 AS "dropoff_lat",
  "dropoff_lng_e7" / 1e7 AS "dropoff_lng",
  "route",
  "fare_minor_units",
  "fare_currency",
  "cancelled_by",
  "received_at",
  "route_duration_s",
  dt,
  hour
FROM ride_events;

SET VARIABLE trips_files = (
  SELECT list(line)
  FROM (
    SELECT unnest(string_split(content, chr(10))) AS line
    FROM read_text(getvariable('archive') || '/tables/trips/*/*/files.txt')
  )
  WHERE line <> ''
);
CREATE OR REPLACE TEMP VIEW trips AS
SELECT *
FROM read_parquet(
  getvariable('trips_files'),
  hive_partitioning = true,
  hive_types = {'dt': VARCHAR, 'hour': INTEGER}
);

-- What the table has in parts of a degree, of a metre or of m/s, as doubles in whole units; every
-- other column as it is.
CREATE OR REPLACE VIEW trips_view AS
SELECT
  "fleet_id",
  "vehicle_id",
  "ride_id",
  "driver_id",
  "version",
  "outcome",
  "cancelled_by",
  "assigned_at",
  "arrived_at",
  "picked_up_at",
  "ended_at",
  "pickup_lat_e7" / 1e7 AS "pickup_lat",
  "pickup_lng_e7" / 1e7 AS "pickup_lng",
  "dropoff_lat_e7" / 1e7 AS "dropoff_lat",
  "dropoff_lng_e7" / 1e7 AS "dropoff_lng",
  "distance_m",
  "to_pickup_m",
  "duration_s",
  "waiting_s",
  "route",
  "fare_minor_units",
  "fare_currency",
  "pings",
  "largest_gap_s",
  "to_pickup_s",
  "transitions",
  dt,
  hour
FROM trips;

-- Of each ride the highest version, once, in the units of trips_view. A ride that went on under
-- another vehicle may have a row for each. Predicates on dt and hour keep other hours unread.
CREATE OR REPLACE VIEW trips_latest_view AS
SELECT
  "fleet_id",
  "vehicle_id",
  "ride_id",
  "driver_id",
  "version",
  "outcome",
  "cancelled_by",
  "assigned_at",
  "arrived_at",
  "picked_up_at",
  "ended_at",
  "pickup_lat_e7" / 1e7 AS "pickup_lat",
  "pickup_lng_e7" / 1e7 AS "pickup_lng",
  "dropoff_lat_e7" / 1e7 AS "dropoff_lat",
  "dropoff_lng_e7" / 1e7 AS "dropoff_lng",
  "distance_m",
  "to_pickup_m",
  "duration_s",
  "waiting_s",
  "route",
  "fare_minor_units",
  "fare_currency",
  "pings",
  "largest_gap_s",
  "to_pickup_s",
  "transitions",
  dt,
  hour
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY dt, hour, fleet_id, ride_id, vehicle_id
      ORDER BY version DESC
    ) AS nth
  FROM trips
) AS versions
WHERE nth = 1;
