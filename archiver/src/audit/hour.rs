//! A table's hour, as its books have it: whether every committed file is listed or was replaced by what
//! is listed, and nothing else is. The files themselves are looked at elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::{commit::File, lists::Replaced};

/// What is listed of an hour, and should be.
#[derive(Debug, Default)]
pub(super) struct HourCheck {
    /// What is wrong.
    pub(super) faults: Vec<String>,
    /// The files that are part of the table, with what is known of them.
    pub(super) files: Vec<File>,
    /// Files that were replaced, and may still be there.
    pub(super) replaced: BTreeSet<String>,
    /// Rows of all commits.
    pub(super) committed: u64,
    /// Rows that replacements have found to be there twice, to contradict others, or erased.
    pub(super) repeats: u64,
    pub(super) conflicts: u64,
    pub(super) erased: u64,
}

/// Compares what was committed and replaced with what is listed, by keys.
pub(super) fn check_hour(
    committed: Vec<File>,
    records: &[Replaced],
    listed: &BTreeSet<String>,
) -> HourCheck {
    let mut check = HourCheck::default();
    let mut live: BTreeMap<String, File> = BTreeMap::new();
    for file in committed {
        check.committed += file.rows;
        live.insert(file.object.key.clone(), file);
    }
    for (n, record) in (1..).zip(records) {
        check.take(n, record, &mut live);
    }
    for key in live.keys().filter(|key| !listed.contains(*key)) {
        check.faults.push(format!(
            "{key} is committed and not listed: run `archiver publish`"
        ));
    }
    for key in listed.iter().filter(|key| !live.contains_key(*key)) {
        check.faults.push(if check.replaced.contains(key) {
            format!("{key} was replaced and is still listed: run `archiver compact`")
        } else {
            format!("{key} is listed, and no commit or replacement knows it")
        });
    }
    check.files = live.into_values().collect();
    check
}

impl HourCheck {
    /// Replaces what a record says.
    fn take(&mut self, n: u64, record: &Replaced, live: &mut BTreeMap<String, File>) {
        let of = format!("replacement {n} of {}", record.partition);
        if record.n != n || !record.adds_up() || record.outputs.is_empty() {
            self.faults.push(format!("{of} does not add up"));
        }
        for input in &record.inputs {
            let key = &input.object.key;
            match live.remove(key) {
                Some(known) if known == *input => {}
                Some(_) => self
                    .faults
                    .push(format!("{of} took {key} for something else")),
                None => self.faults.push(format!(
                    "{of} has replaced {key}, which was not part of the table"
                )),
            }
            self.replaced.insert(key.clone());
        }
        for output in &record.outputs {
            live.insert(output.object.key.clone(), output.clone());
        }
        self.repeats += record.counts.repeats;
        self.conflicts += record.counts.conflicts;
        self.erased += record.counts.erased;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::StoredObject,
        layout::Table,
        lists::{RowCounts, Why},
    };

    fn file(key: &str, rows: u64) -> File {
        File {
            table: Table::Pings,
            object: StoredObject {
                key: key.to_owned(),
                bytes: rows,
                sha256: key.to_owned(),
            },
            rows,
            min_ms: 0,
            max_ms: 0,
        }
    }

    fn record() -> Replaced {
        Replaced {
            partition: "p".to_owned(),
            n: 1,
            why: Why::Compaction,
            erasure: None,
            inputs: vec![file("a", 2), file("b", 3)],
            outputs: vec![file("c", 4)],
            counts: RowCounts {
                rows: 5,
                written: 4,
                repeats: 1,
                ..RowCounts::default()
            },
        }
    }

    /// Two files that were merged and a late one, with something changed; says what is wrong.
    fn check(change: impl Fn(&mut Vec<File>, &mut Replaced, &mut BTreeSet<String>)) -> HourCheck {
        let mut committed = vec![file("a", 2), file("b", 3), file("late", 7)];
        let mut record = record();
        let mut listed = BTreeSet::from(["c".to_owned(), "late".to_owned()]);
        change(&mut committed, &mut record, &mut listed);
        check_hour(committed, &[record], &listed)
    }

    #[test]
    fn an_hour_without_a_fault_adds_up() {
        let hour = check(|_, _, _| ());
        assert_eq!(hour.faults, Vec::<String>::new());
        let rows: u64 = hour.files.iter().map(|file| file.rows).sum();
        assert_eq!(
            hour.committed,
            rows + hour.repeats + hour.conflicts + hour.erased
        );
    }

    #[test]
    fn whatever_is_lost_doubled_or_made_up_is_found() {
        type Change = fn(&mut Vec<File>, &mut Replaced, &mut BTreeSet<String>);
        let changes: [(Change, &str); 8] = [
            (
                |_, _, listed| {
                    let _ = listed.remove("late");
                },
                "late is committed and not listed",
            ),
            (
                |_, _, listed| {
                    let _ = listed.remove("c");
                },
                "c is committed and not listed",
            ),
            (
                |_, _, listed| {
                    let _ = listed.insert("a".to_owned());
                },
                "still listed",
            ),
            (
                |_, _, listed| {
                    let _ = listed.insert("x".to_owned());
                },
                "no commit or replacement knows",
            ),
            (
                |committed, _, _| {
                    let _ = committed.remove(0);
                },
                "not part of the table",
            ),
            (
                |committed, _, _| committed[0].rows = 9,
                "for something else",
            ),
            (
                |committed, _, _| committed[0].object.sha256.clear(),
                "for something else",
            ),
            (|_, record, _| record.counts.repeats = 0, "does not add up"),
        ];
        for (change, expected) in changes {
            let faults = check(change).faults;
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{expected}: {faults:?}"
            );
        }
    }
}
