-- Generated from the Arrow schema of the rows. Put the archive's bucket and prefix in place of
-- ARCHIVE. Athena takes one statement a call. It finds no day before 2008-01-01: where there are
-- older events, begin projection.dt.range earlier.
--
-- Rows are read by lists: an hour has one object that names the files which count, so that a query
-- sees each row once, also while files are merged or rewritten.
CREATE EXTERNAL TABLE IF NOT EXISTS ride_events (
  `fleet_id` string COMMENT 'the fleet',
  `vehicle_id` string COMMENT 'the vehicle that serves the ride',
  `ride_id` string COMMENT 'the ride, within the fleet',
  `driver_id` string COMMENT 'who drives, if known',
  `time` timestamp COMMENT 'when it happened by the clock of the app, UTC',
  `kind` string COMMENT 'what happened',
  `pickup_lat_e7` int COMMENT 'assigned: where the rider waits, 1e-7 degree',
  `pickup_lng_e7` int COMMENT 'assigned: where the rider waits, 1e-7 degree',
  `dropoff_lat_e7` int COMMENT 'assigned, rerouted: the destination, 1e-7 degree',
  `dropoff_lng_e7` int COMMENT 'assigned, rerouted: the destination, 1e-7 degree',
  `route` string COMMENT 'the planned way: encoded polyline, precision 6',
  `fare_minor_units` bigint COMMENT 'dropped_off: the fare in cents, pence, yen',
  `fare_currency` string COMMENT 'dropped_off: ISO 4217',
  `cancelled_by` string COMMENT 'cancelled: by whom',
  `received_at` timestamp COMMENT 'when ingest received it, UTC',
  `route_duration_s` int COMMENT 'how long the planned way takes by the plan, s'
)
PARTITIONED BY (
  `dt` string COMMENT 'day of the event time, UTC',
  `hour` int COMMENT 'hour of the event time, UTC'
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://ARCHIVE/tables/ride_events/'
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
  'storage.location.template' = 's3://ARCHIVE/tables/ride_events/dt=${dt}/hour=${hour}/'
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
