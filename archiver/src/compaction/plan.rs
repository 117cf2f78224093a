//! Which files of an hour are merged: the decision alone. It reads no file.

use objects::Key;

use crate::{commit::File, lists::Replaced};

/// Files that are merged at once: of each a row group is in memory, of 5 MB or so.
const MAX_INPUTS: usize = 32;

/// A file of so many bytes is large enough for every query.
const LARGE_BYTES: u64 = 128_000_000;

/// Says whether the files that an hour has may be worth merging: there are `least` at least, and they
/// are not what one merging has left already.
pub(super) fn is_due(listed: &[Key], records: &[Replaced], least: usize) -> bool {
    let is_output_of = |record: &Replaced, key: &Key| {
        let mut outputs = record.outputs.iter();
        outputs.any(|file| file.object.key == key.as_str())
    };
    let mut records = records.iter();
    let is_done = records.any(|record| listed.iter().all(|key| is_output_of(record, key)));
    listed.len() >= least && !is_done
}

/// Of the files of an hour that is due those that are merged next, in the order of their keys: all, or of
/// many the smallest. None where all are large.
pub(super) fn choose(mut listed: Vec<File>) -> Vec<File> {
    if listed.len() > MAX_INPUTS {
        listed.retain(|file| file.object.bytes < LARGE_BYTES);
        listed.sort_by(|one, other| {
            let order = |file: &File| (file.object.bytes, file.object.key.clone());
            order(one).cmp(&order(other))
        });
        listed.truncate(MAX_INPUTS);
    }
    if listed.len() < 2 {
        return Vec::new();
    }
    listed.sort_by(|one, other| one.object.key.cmp(&other.object.key));
    listed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        commit::StoredObject,
        layout::Table,
        lists::{RowCounts, Why},
    };

    fn file(key: &str, bytes: u64) -> File {
        File {
            table: Table::Pings,
            object: StoredObject {
                key: key.to_owned(),
                bytes,
                sha256: String::new(),
            },
            rows: 0,
            min_ms: 0,
            max_ms: 0,
        }
    }

    fn record(outputs: &[&str]) -> Replaced {
        Replaced {
            partition: String::new(),
            n: 1,
            why: Why::Compaction,
            erasure: None,
            inputs: Vec::new(),
            outputs: outputs.iter().map(|key| file(key, 0)).collect(),
            counts: RowCounts::default(),
        }
    }

    fn check(listed: &[&str], outputs: &[&str], expected: bool) {
        let keys: Vec<Key> = listed.iter().map(|key| Key::new(key).unwrap()).collect();
        assert_eq!(is_due(&keys, &[record(outputs)], 2), expected, "{listed:?}");
    }

    #[test]
    fn an_hour_is_merged_until_it_is_what_a_merging_leaves() {
        check(&["a", "b"], &[], true);
        check(&["a"], &[], false);
        check(&["c1", "c2"], &["c1", "c2"], false);
        check(&["c1", "c2", "late"], &["c1", "c2"], true);
    }

    proptest! {
        /// What merging makes of the chosen: files of at most 256 MB, as large as possible.
        #[test]
        fn merging_comes_to_an_end(sizes in proptest::collection::vec(1..300_u64, 2..200)) {
            let mut files: Vec<File> = (0..).zip(&sizes).map(|(n, size)| file(&format!("f{n}"), size * 1_000_000)).collect();
            for round in 0.. {
                prop_assert!(round < 100);
                let chosen = choose(files.clone());
                prop_assert!(chosen.len() <= MAX_INPUTS);
                if chosen.is_empty() {
                    prop_assert!(files.iter().filter(|file| file.object.bytes < LARGE_BYTES).count() < 2);
                    break;
                }
                let are_all = chosen.len() == files.len();
                files.retain(|file| !chosen.contains(file));
                let bytes: u64 = chosen.iter().map(|file| file.object.bytes).sum();
                let parts = bytes.div_ceil(256_000_000);
                files.extend((0..parts).map(|part| file(&format!("c{round}-{part}"), bytes / parts)));
                if are_all {
                    break;
                }
            }
        }
    }
}
