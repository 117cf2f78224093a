//! A table's hour: where its files lie, where the list of them is, and what a file's name says.
//! What is in the files it does not know.

use std::fmt;

use objects::{InvalidKey, Key};

use super::{Hour, Table};

/// A table's hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    pub(crate) table: Table,
    pub(crate) hour: Hour,
}

/// Where a data file comes from, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileName {
    /// A commit's: its shard and number.
    Commit { shard: String, n: u64 },
    /// That of a replacement: the number of its record, if it came so far.
    Merged { n: u64 },
}

/// The first segments of a data file's key.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.table.as_str(), self.hour)
    }
}

impl Partition {
    /// The partition that a data file's key lies in; None for any other key.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let (partition, name) = key.rsplit_once('/')?;
        let (table, hour) = partition.split_once('/')?;
        let table = Table::ALL
            .into_iter()
            .find(|one| one.as_str() == table)
            .filter(|_| name.ends_with(".parquet"))?;
        let hour = hour.parse().ok()?;
        Some(Self { table, hour })
    }

    /// What the keys of its data files begin with.
    pub(crate) fn prefix(self) -> String {
        format!("{self}/")
    }

    /// The key of the list of its files.
    pub(crate) fn list_key(self) -> Result<Key, InvalidKey> {
        Key::new(format!("tables/{self}/files.txt"))
    }

    /// The chain of what was replaced in it.
    pub(crate) fn replaced_chain(self) -> String {
        format!("_replaced/{self}")
    }

    /// The key of the note since when the list has been without what record `n` replaced.
    pub(crate) fn swapped_key(self, n: u64) -> Result<Key, InvalidKey> {
        Key::new(format!("_swapped/{self}/{n:020}"))
    }

    /// The key of a part of what record `n` is to put in place. `digest` stands for all that the
    /// bytes depend on, so that nobody overwrites a file with other bytes.
    pub(crate) fn merged_key(self, n: u64, digest: u64, part: usize) -> Result<Key, InvalidKey> {
        Key::new(format!("{self}/c{n:020}-{digest:016x}-{part:03}.parquet"))
    }
}

impl FileName {
    /// What the name of the file under `key` says; None for a name that nobody gives.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let (_, name) = key.rsplit_once('/')?;
        let name = name.strip_suffix(".parquet")?;
        let (before, last) = name.rsplit_once('-')?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if last.len() == 3 && is_number(last) {
            let (number, digest) = before.strip_prefix('c')?.split_once('-')?;
            let is_digest = digest.len() == 16 && digest.bytes().all(|b| b.is_ascii_hexdigit());
            let is_ours = number.len() == 20 && is_number(number) && is_digest;
            let n = number.parse().ok().filter(|_| is_ours)?;
            return Some(Self::Merged { n });
        }
        if last.len() < 10 || !is_number(last) {
            return None;
        }
        Some(Self::Commit {
            shard: before.to_owned(),
            n: last.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::Timestamp;

    use super::{super::Link, *};

    fn partition() -> Partition {
        Partition {
            table: Table::RideEvents,
            hour: Hour::of(Timestamp(1_211_018_404_000)).unwrap(),
        }
    }

    #[test]
    fn keys_name_the_table_and_the_hour() {
        let part = partition();
        assert_eq!(
            part.list_key().unwrap().as_str(),
            "tables/ride_events/dt=2008-05-17/hour=10/files.txt"
        );
        assert_eq!(
            part.merged_key(7, 0xab, 1).unwrap().as_str(),
            "ride_events/dt=2008-05-17/hour=10/c00000000000000000007-00000000000000ab-001.parquet"
        );
    }

    #[test]
    fn only_data_files_lie_in_a_partition() {
        let check =
            |key: &str, expected| assert_eq!(Partition::of(key).is_some(), expected, "{key}");
        check(
            "ride_events/dt=2008-05-17/hour=10/a-0000000001.parquet",
            true,
        );
        check("ride_events/dt=2008-05-17/hour=10/a.txt", false);
        check("rides/dt=2008-05-17/hour=10/a-0000000001.parquet", false);
        check(
            "ride_events/dt=2008-05-17/hour=24/a-0000000001.parquet",
            false,
        );
        check("tables/ride_events/dt=2008-05-17/hour=10/files.txt", false);
        check("a.parquet", false);
    }

    #[test]
    fn a_strangers_name_says_nothing() {
        for name in [
            "x.parquet",
            "part-00000.parquet",
            "c1-2-003.parquet",
            "a-1.parquet",
        ] {
            assert_eq!(FileName::of(&format!("pings/{name}")), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_file_says_where_it_comes_from(shard in "[a-z0-9-]{1,20}", n in any::<u64>(), digest in any::<u64>(), part in 0..1_000_usize) {
            let part_of = partition();
            let link = Link { shard: shard.clone(), n };
            let key = link.file_key(part_of.table, part_of.hour).unwrap();
            prop_assert_eq!(Partition::of(key.as_str()), Some(part_of));
            prop_assert_eq!(FileName::of(key.as_str()), Some(FileName::Commit { shard, n }));
            let key = part_of.merged_key(n, digest, part).unwrap();
            prop_assert_eq!(Partition::of(key.as_str()), Some(part_of));
            prop_assert_eq!(FileName::of(key.as_str()), Some(FileName::Merged { n }));
        }
    }
}
