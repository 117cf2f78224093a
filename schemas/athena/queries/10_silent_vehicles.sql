-- Vehicles that were silent: of each the longest time without a ping, how often it was more than a
-- minute, and what is missing by the device's own count. Repeats are rows of the same name: the archive
-- should have none. Devices that do not count (epoch 0) are missing nothing.
--
-- Scans of the pings of the hours ids, names and time: little, as all of it hardly changes from row to row.
-- Change dt, hour and fleet_id.
WITH named AS (
  SELECT
    vehicle_id,
    epoch,
    seq,
    min("time") AS first_time,
    count(*) AS copies
  FROM pings
  WHERE dt = '2026-01-15'
    AND hour BETWEEN 7 AND 9
    AND fleet_id = 'default'
  GROUP BY vehicle_id, epoch, seq
),
steps AS (
  SELECT
    vehicle_id,
    epoch,
    seq,
    copies,
    date_diff(
      'millisecond',
      lag(first_time) OVER (PARTITION BY vehicle_id ORDER BY first_time, epoch, seq),
      first_time
    ) / 1e3 AS silence
  FROM named
),
counted AS (
  SELECT
    vehicle_id,
    count(*) AS names,
    sum(copies) AS pings,
    CASE WHEN epoch = 0 THEN 0 ELSE max(seq) - min(seq) + 1 - count(*) END AS missing,
    max(silence) AS longest,
    count_if(silence > 6e1) AS silences
  FROM steps
  GROUP BY vehicle_id, epoch
)
SELECT
  vehicle_id,
  sum(pings) AS pings,
  sum(pings) - sum(names) AS repeats,
  sum(missing) AS missing,
  max(longest) AS longest_silence_seconds,
  sum(silences) AS silences_over_a_minute
FROM counted
GROUP BY vehicle_id
ORDER BY longest_silence_seconds DESC, vehicle_id;
