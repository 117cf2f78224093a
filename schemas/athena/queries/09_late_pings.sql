-- How late pings come, by hour and by the way they came: from the fix to the receipt, by the clock of the
-- device and that of the server. A negative delay is a clock that is ahead.
--
-- Scans of the pings of the hours both times and the protocol: less than a tenth of their bytes.
-- Change dt, hour and fleet_id.
WITH delays AS (
  SELECT
    dt,
    hour,
    protocol,
    date_diff('millisecond', "time", received_at) / 1e3 AS seconds
  FROM pings
  WHERE dt = '2026-01-15'
    AND hour BETWEEN 7 AND 9
    AND fleet_id = 'default'
)
SELECT
  dt,
  hour,
  protocol,
  count(*) AS pings,
  count_if(seconds < 0e0) AS ahead,
  count_if(seconds >= 5e0) AS after_5_seconds,
  count_if(seconds >= 6e1) AS after_a_minute,
  count_if(seconds >= 3.6e3) AS after_an_hour,
  avg(seconds) AS mean_seconds,
  max(seconds) AS most_seconds
FROM delays
GROUP BY dt, hour, protocol
ORDER BY dt, hour, protocol;
