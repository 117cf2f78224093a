//! What a commit says, and the intent that goes before it: plain JSON for whoever verifies.
//! Equal commits are equal bytes: there is no clock and no name of a worker in them.

use std::ops::Not;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::layout::Table;

/// Fixes what commit `n` will hold, before a byte of it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The shard.
    pub(crate) shard: String,
    /// The number of the commit.
    pub(crate) n: u64,
    /// The range.
    pub(crate) range: Range,
    /// The dedupe window after commit n - 1; None before the first.
    pub(crate) window: Option<StoredObject>,
    /// Of the first commit: the last windows of the shards that this one had its keys from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parents: Vec<StoredObject>,
    /// Whether the range ends where the shard does.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) closes: bool,
}

/// Positions of a shard, after `from`, up to and including `to`, as the stream writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    /// None is before the oldest record.
    pub(crate) from: Option<String>,
    /// The last one.
    pub(crate) to: String,
}

/// An object by its key, and what its bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredObject {
    /// Its key below the archive's root.
    pub(crate) key: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// A link of a shard's chain: what its range has become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    /// The shard.
    pub(crate) shard: String,
    /// The number of the commit, from 1 on.
    pub(crate) n: u64,
    /// The range.
    pub(crate) range: Range,
    /// The Parquet files, by table and hour.
    pub(crate) files: Vec<File>,
    /// Where the records are that cannot be rows; None if there are none.
    pub(crate) dead_letters: Option<StoredObject>,
    /// Ranges that retention took before they were read: lost.
    pub(crate) gaps: Vec<Range>,
    /// The dedupe window after this commit.
    pub(crate) window: StoredObject,
    /// How many of what.
    pub(crate) counts: Counts,
    /// Of the first commit: the last windows of the shards that this one had its keys from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parents: Vec<StoredObject>,
    /// Whether the shard was split or merged and all of it is archived: the last link of its chain.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) closes: bool,
}

/// A Parquet file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    /// The table that it is part of.
    pub(crate) table: Table,
    /// Its key, size and SHA-256.
    #[serde(flatten)]
    pub(crate) object: StoredObject,
    /// Its rows.
    pub(crate) rows: u64,
    /// The earliest event time in it, Unix ms UTC.
    pub(crate) min_ms: i64,
    /// The latest event time in it, Unix ms UTC.
    pub(crate) max_ms: i64,
}

/// What became of the records of a range: records = rows + duplicates + dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Records read.
    pub(crate) records: u64,
    /// Records that cannot be rows.
    pub(crate) dead_letters: u64,
    /// Of each table.
    pub(crate) pings: TableCounts,
    /// Of each table.
    pub(crate) ride_events: TableCounts,
    /// Of each table.
    pub(crate) trips: TableCounts,
}

/// What became of the records of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableCounts {
    /// New ones.
    pub(crate) rows: u64,
    /// Of the rows those that the window cannot tell from repeats: they lie beyond its memory.
    pub(crate) beyond_memory: u64,
    /// Repeats, which are not written again.
    pub(crate) duplicates: u64,
}

impl Counts {
    pub(crate) fn of(&self, table: Table) -> &TableCounts {
        match table {
            Table::Pings => &self.pings,
            Table::RideEvents => &self.ride_events,
            Table::Trips => &self.trips,
        }
    }

    pub(crate) fn of_mut(&mut self, table: Table) -> &mut TableCounts {
        match table {
            Table::Pings => &mut self.pings,
            Table::RideEvents => &mut self.ride_events,
            Table::Trips => &mut self.trips,
        }
    }
}

/// Writes an intent or a commit.
pub(crate) fn to_bytes(document: &impl Serialize) -> serde_json::Result<Bytes> {
    serde_json::to_vec_pretty(document).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object() -> impl Strategy<Value = StoredObject> {
        ("[a-z/=-]{1,20}", any::<u64>(), "[0-9a-f]{64}")
            .prop_map(|(key, bytes, sha256)| StoredObject { key, bytes, sha256 })
    }

    fn range() -> impl Strategy<Value = Range> {
        (proptest::option::of("[0-9]{1,20}"), "[0-9]{1,20}")
            .prop_map(|(from, to)| Range { from, to })
    }

    fn file() -> impl Strategy<Value = File> {
        let table = proptest::sample::select(Table::ALL.to_vec());
        (table, object(), any::<u64>(), any::<i64>(), any::<i64>()).prop_map(
            |(table, object, rows, min_ms, max_ms)| File {
                table,
                object,
                rows,
                min_ms,
                max_ms,
            },
        )
    }

    fn commit() -> impl Strategy<Value = Commit> {
        let files = proptest::collection::vec(file(), 0..3);
        let gaps = proptest::collection::vec(range(), 0..3);
        let head = ("[a-z0-9-]{1,9}", any::<u64>(), range());
        let ends = (proptest::collection::vec(object(), 0..3), any::<bool>());
        let counts =
            (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(rows, dead, repeats)| Counts {
                records: rows,
                dead_letters: dead,
                trips: TableCounts {
                    rows,
                    beyond_memory: dead,
                    duplicates: repeats,
                },
                ..Counts::default()
            });
        (
            head,
            files,
            proptest::option::of(object()),
            gaps,
            object(),
            counts,
            ends,
        )
            .prop_map(
                |(
                    (shard, n, range),
                    files,
                    dead_letters,
                    gaps,
                    window,
                    counts,
                    (parents, closes),
                )| Commit {
                    shard,
                    n,
                    range,
                    files,
                    dead_letters,
                    gaps,
                    window,
                    counts,
                    parents,
                    closes,
                },
            )
    }

    /// What was written once is read for ever, and written the same.
    const GOLDEN: &str = r#"{
  "shard": "s",
  "n": 7,
  "range": {
    "from": "1",
    "to": "2"
  },
  "window": null
}"#;

    #[test]
    fn what_a_document_does_not_say_takes_no_byte() {
        let intent: Intent = serde_json::from_str(GOLDEN).unwrap();
        assert_eq!((intent.closes, intent.parents.len()), (false, 0));
        assert_eq!(to_bytes(&intent).unwrap(), GOLDEN);
    }

    proptest! {
        #[test]
        fn a_commit_reads_back_as_it_was_written(commit in commit()) {
            let bytes = to_bytes(&commit).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Commit>(&bytes).unwrap(), commit);
        }

        #[test]
        fn an_intent_reads_back_as_it_was_written(
            range in range(), n in any::<u64>(), window in proptest::option::of(object()),
            parents in proptest::collection::vec(object(), 0..3), closes in any::<bool>(),
        ) {
            let shard = "s".to_owned();
            let intent = Intent { shard, n, range, window, parents, closes };
            let bytes = to_bytes(&intent).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Intent>(&bytes).unwrap(), intent);
        }
    }
}
