-- Generated from the Arrow schema of the rows. Put the archive's bucket and prefix in place of
-- ARCHIVE. Athena takes one statement a call. It finds no day before 2008-01-01: where there are
-- older events, begin projection.dt.range earlier.
--
-- Rows are read by lists: an hour has one object that names the files which count, so that a query
-- sees each row once, also while files are merged or rewritten.
CREATE EXTERNAL TABLE IF NOT EXISTS pings (
  `fleet_id` string COMMENT 'the fleet',
  `vehicle_id` string COMMENT 'the vehicle, within the fleet',
  `driver_id` string COMMENT 'who drives, if known',
  `ride_id` string COMMENT 'the ride that the app believes it is on',
  `epoch` bigint COMMENT 'when the device started counting; from 2^63 on minus 2^64',
  `seq` bigint COMMENT 'counts from there; from 2^63 on minus 2^64',
  `time` timestamp COMMENT 'when the device took the fix, UTC',
  `lat_e7` int COMMENT 'WGS84 latitude, 1e-7 degree',
  `lng_e7` int COMMENT 'WGS84 longitude, 1e-7 degree',
  `speed_cm_s` int COMMENT 'speed over ground, cm/s',
  `heading_cdeg` int COMMENT 'clockwise from north, 1/100 degree',
  `accuracy_dm` int COMMENT 'radius that holds the truth with 68 %, dm',
  `altitude_dm` int COMMENT 'above the WGS84 ellipsoid, dm',
  `state` string COMMENT 'vehicle state of MDS 2.0',
  `received_at` timestamp COMMENT 'when ingest received it, UTC',
  `protocol` string COMMENT 'how it reached ingest'
)
PARTITIONED BY (
  `dt` string COMMENT 'day of the event time, UTC',
  `hour` int COMMENT 'hour of the event time, UTC'
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://ARCHIVE/tables/pings/'
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
  'storage.location.template' = 's3://ARCHIVE/tables/pings/dt=${dt}/hour=${hour}/'
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
