-- Generated from the Arrow schema of the rows. Put the archive's bucket and prefix in place of
-- ARCHIVE. Athena takes one statement a call. It finds no day before 2008-01-01: where there are
-- older events, begin projection.dt.range earlier.
--
-- Rows are read by lists: an hour has one object that names the files which count, so that a query
-- sees each row once, also while files are merged or rewritten.
CREATE EXTERNAL TABLE IF NOT EXISTS trips (
  `fleet_id` string COMMENT 'the fleet',
  `vehicle_id` string COMMENT 'the vehicle that served the ride',
  `ride_id` string COMMENT 'the ride, within the fleet',
  `driver_id` string COMMENT 'who drove, if known',
  `version` bigint COMMENT 'counts from 1; of a ride the highest counts',
  `outcome` string COMMENT 'how it ended',
  `cancelled_by` string COMMENT 'who called it off; unspecified if completed',
  `assigned_at` timestamp COMMENT 'when a vehicle was sent, UTC',
  `arrived_at` timestamp COMMENT 'when it stood at the pickup, UTC',
  `picked_up_at` timestamp COMMENT 'when the rider got in, UTC',
  `ended_at` timestamp COMMENT 'when the ride ended, UTC',
  `pickup_lat_e7` int COMMENT 'where the rider got in, 1e-7 degree',
  `pickup_lng_e7` int COMMENT 'where the rider got in, 1e-7 degree',
  `dropoff_lat_e7` int COMMENT 'where the rider got out, 1e-7 degree',
  `dropoff_lng_e7` int COMMENT 'where the rider got out, 1e-7 degree',
  `distance_m` bigint COMMENT 'travelled with the passenger, m',
  `to_pickup_m` bigint COMMENT 'travelled from the assignment to the pickup, m',
  `duration_s` bigint COMMENT 'pickup to end, s',
  `waiting_s` bigint COMMENT 'arrival at the pickup to the pickup, s',
  `route` string COMMENT 'the way travelled: encoded polyline, precision 6',
  `fare_minor_units` bigint COMMENT 'the fare in cents, pence, yen',
  `fare_currency` string COMMENT 'ISO 4217',
  `pings` bigint COMMENT 'pings between pickup and end',
  `largest_gap_s` bigint COMMENT 'the longest time without one from pickup to end, s',
  `to_pickup_s` bigint COMMENT 'assignment to arrival, s',
  `transitions` string COMMENT 'the vehicle states of MDS 2.0 that the ride led through, as JSON'
)
PARTITIONED BY (
  `dt` string COMMENT 'day of the event time, UTC',
  `hour` int COMMENT 'hour of the event time, UTC'
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://ARCHIVE/tables/trips/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2008-01-01,NOW+1DAYS',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://ARCHIVE/tables/trips/dt=${dt}/hour=${hour}/'
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
