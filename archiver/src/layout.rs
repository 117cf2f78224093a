//! Where a row goes: its table, its partition by event time in UTC, its file's key.
//! It knows no rows and no storage.

mod partition;

use std::{fmt, str::FromStr};

use jiff::{Span, civil::Date};
use objects::{InvalidKey, Key};
use schemas::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use partition::{FileName, Partition};

const MS_PER_HOUR: i64 = 3_600_000;
const HOURS_PER_DAY: i64 = 24;

/// The day that hours are counted from.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// The first hour after 9999-12-31: `dt` has four digits for the year.
const END_OF_HOURS: i64 = 2_932_897 * HOURS_PER_DAY;

/// A table of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Table {
    Pings,
    RideEvents,
    Trips,
}

impl Table {
    pub(crate) const ALL: [Self; 3] = [Self::Pings, Self::RideEvents, Self::Trips];

    /// The table's name, and the first segment of its keys.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pings => "pings",
            Self::RideEvents => "ride_events",
            Self::Trips => "trips",
        }
    }
}

/// An hour in UTC, from 1970 to 9999: the partition of what happened in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hour(i64);

impl Hour {
    /// 1970-01-01, midnight to one.
    pub(crate) const FIRST: Self = Self(0);

    /// The hour that holds `time`; None outside the years 1970 to 9999.
    pub(crate) fn of(time: Timestamp) -> Option<Self> {
        let hour = time.0.div_euclid(MS_PER_HOUR);
        (0..END_OF_HOURS).contains(&hour).then_some(Self(hour))
    }

    /// The first moment of the hour.
    pub(crate) fn begin(self) -> Timestamp {
        Timestamp(self.0 * MS_PER_HOUR)
    }

    /// The first moment behind the hour.
    pub(crate) fn end(self) -> Timestamp {
        Timestamp((self.0 + 1) * MS_PER_HOUR)
    }
}

/// Says that a text is no hour of the archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not like dt=2026-03-01/hour=07")]
pub(crate) struct NoHour(String);

/// Reads what an hour writes, and nothing else.
impl FromStr for Hour {
    type Err = NoHour;

    fn from_str(text: &str) -> Result<Self, NoHour> {
        let read = || {
            let (day, hour) = text.strip_prefix("dt=")?.split_once("/hour=")?;
            let day: Date = day.parse().ok()?;
            let days = i64::from(EPOCH.until(day).ok()?.get_days());
            let hours = days * HOURS_PER_DAY + hour.parse::<i64>().ok()?;
            let hour = (0..END_OF_HOURS).contains(&hours).then_some(Self(hours))?;
            (hour.to_string() == text).then_some(hour)
        };
        read().ok_or_else(|| NoHour(text.to_owned()))
    }
}

/// The partition's segments of a key: `dt=YYYY-MM-DD/hour=HH`.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = Span::new().days(self.0 / HOURS_PER_DAY);
        let day = EPOCH.checked_add(days).map_err(|_| fmt::Error)?;
        write!(f, "dt={day}/hour={:02}", self.0 % HOURS_PER_DAY)
    }
}

/// Which commit of which shard writes: the part of a key that no two commits share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) shard: String,
    pub(crate) n: u64,
}

impl Link {
    /// The key of the file that holds this commit's rows of one hour.
    pub(crate) fn file_key(&self, table: Table, hour: Hour) -> Result<Key, InvalidKey> {
        let Self { shard, n } = self;
        Key::new(format!("{}/{hour}/{shard}-{n:010}.parquet", table.as_str()))
    }

    /// The key of the dedupe window as it is after this commit.
    pub(crate) fn window_key(&self) -> Result<Key, InvalidKey> {
        let Self { shard, n } = self;
        Key::new(format!("{}{n:010}.zst", windows_prefix(shard)))
    }

    /// The key of what this commit could not read as rows.
    pub(crate) fn dead_letters_key(&self) -> Result<Key, InvalidKey> {
        Key::new(format!("_dead_letters/{}/{:010}.jsonl", self.shard, self.n))
    }
}

/// What the keys of all dedupe windows of a shard begin with; they sort by their numbers.
pub(crate) fn windows_prefix(shard: &str) -> String {
    format!("_windows/{shard}/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(ms: i64, expected: Option<&str>) {
        let hour = Hour::of(Timestamp(ms));
        assert_eq!(
            hour.map(|hour| hour.to_string()).as_deref(),
            expected,
            "{ms}"
        );
    }

    #[test]
    fn an_hour_is_written_as_athena_projects_it() {
        check(0, Some("dt=1970-01-01/hour=00"));
        check(3_599_999, Some("dt=1970-01-01/hour=00"));
        check(3_600_000, Some("dt=1970-01-01/hour=01"));
        check(1_211_018_404_000, Some("dt=2008-05-17/hour=10"));
        check(1_709_251_199_999, Some("dt=2024-02-29/hour=23"));
        check(1_709_251_200_000, Some("dt=2024-03-01/hour=00"));
        check(253_402_300_799_999, Some("dt=9999-12-31/hour=23"));
    }

    #[test]
    fn a_time_that_no_partition_can_name_has_no_hour() {
        check(-1, None);
        check(253_402_300_800_000, None);
        check(i64::MAX, None);
        check(i64::MIN, None);
    }

    #[test]
    fn a_key_names_table_hour_shard_and_number() {
        let link = Link {
            shard: "s-1".to_owned(),
            n: 7,
        };
        let hour = Hour::of(Timestamp(1_211_018_404_000)).unwrap();
        assert_eq!(
            link.file_key(Table::RideEvents, hour).unwrap().as_str(),
            "ride_events/dt=2008-05-17/hour=10/s-1-0000000007.parquet"
        );
    }

    proptest! {
        #[test]
        fn later_hours_sort_after_earlier_ones(a in 0_i64..END_OF_HOURS, b in 0_i64..END_OF_HOURS) {
            prop_assert_eq!(a.cmp(&b), Hour(a).to_string().cmp(&Hour(b).to_string()));
        }

        #[test]
        fn an_hour_reads_back_as_it_was_written(hour in 0_i64..END_OF_HOURS) {
            prop_assert_eq!(Hour(hour).to_string().parse(), Ok(Hour(hour)));
        }

        #[test]
        fn what_is_read_as_an_hour_is_written_the_same(
            text in "dt=[0-9]{0,5}-[0-9]{1,3}-[0-9]{1,3}/hour=[0-9]{1,3}",
        ) {
            if let Ok(hour) = text.parse::<Hour>() {
                prop_assert_eq!(hour.to_string(), text);
            }
        }
    }
}
