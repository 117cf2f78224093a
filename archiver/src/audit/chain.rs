//! A shard's chain of commits, link by link: whether it has a hole, and whether what a link says adds
//! up. What lies under the keys that it names is looked at elsewhere.

use crate::{
    commit::{Commit, Intent},
    layout::{Hour, Link, Partition, Table},
};

/// How far a chain was followed.
#[derive(Debug, Default)]
pub(super) struct ChainCheck {
    /// The number of the last link.
    pub(super) n: u64,
    /// Where its range ends.
    to: Option<String>,
    closes: bool,
}

impl ChainCheck {
    /// Follows the chain to the link that lies under number `n`; says what is wrong with it.
    pub(super) fn take(&mut self, n: u64, shard: &str, commit: &Commit) -> Vec<String> {
        let mut faults = Vec::new();
        let of = format!("commit {n} of shard {shard}");
        if n != self.n + 1 {
            faults.push(format!(
                "commits {} to {} of shard {shard} are missing",
                self.n + 1,
                n - 1
            ));
        } else if self.to != commit.range.from {
            faults.push(format!(
                "{of} begins after {:?}, and the one before ends at {:?}: records between them are in none",
                commit.range.from, self.to
            ));
        }
        if self.closes {
            faults.push(format!("{of} comes after the one that closes the chain"));
        }
        if (commit.shard.as_str(), commit.n) != (shard, n) {
            faults.push(format!(
                "{of} says that it is {} of {}",
                commit.n, commit.shard
            ));
        }
        faults.extend(counts(&of, commit));
        faults.extend(files(&of, commit));
        *self = Self {
            n,
            to: Some(commit.range.to.clone()),
            closes: commit.closes,
        };
        faults
    }

    /// Says what is wrong with the intent that lies under number `n`. The one behind the last commit
    /// is of a commit that is being made.
    pub(super) fn intent(&self, n: u64, shard: &str, intent: &Intent) -> Option<String> {
        let of = format!("intent {n} of shard {shard}");
        if n > self.n + 1 {
            return Some(format!(
                "{of} lies behind the next commit, which is {}",
                self.n + 1
            ));
        }
        (n == self.n + 1 && intent.range.from != self.to)
            .then(|| format!("{of} does not begin where the last commit ends"))
    }
}

/// Says where a commit has lost count of its records.
fn counts(of: &str, commit: &Commit) -> Vec<String> {
    let mut faults = Vec::new();
    let mut facts = commit.counts.dead_letters;
    for table in Table::ALL {
        let counts = commit.counts.of(table);
        facts += counts.rows + counts.duplicates;
        let files = commit.files.iter().filter(|file| file.table == table);
        let rows: u64 = files.map(|file| file.rows).sum();
        if rows != counts.rows {
            faults.push(format!(
                "{of} counts {} rows of {}, and its files have {rows}",
                counts.rows,
                table.as_str()
            ));
        }
    }
    if facts != commit.counts.records {
        faults.push(format!(
            "{of} counts {} records, and {facts} rows, repeats and dead letters",
            commit.counts.records
        ));
    }
    if (commit.counts.dead_letters > 0) != commit.dead_letters.is_some() {
        faults.push(format!(
            "{of} counts {} dead letters, and says otherwise where they are",
            commit.counts.dead_letters
        ));
    }
    faults
}

/// Says which files a commit names that cannot be its own.
fn files(of: &str, commit: &Commit) -> Vec<String> {
    let link = Link {
        shard: commit.shard.clone(),
        n: commit.n,
    };
    let is_its_own = |file: &crate::commit::File| {
        let Some(Partition { table, hour }) = Partition::of(&file.object.key) else {
            return false;
        };
        let is_in_hour = |ms| Hour::of(schemas::Timestamp(ms)) == Some(hour);
        let key = link.file_key(table, hour);
        key.is_ok_and(|key| key.as_str() == file.object.key)
            && file.table == table
            && is_in_hour(file.min_ms)
            && is_in_hour(file.max_ms)
    };
    let wrong = commit.files.iter().filter(|file| !is_its_own(file));
    wrong
        .map(|file| format!("{of} names {}, which is none of its own", file.object.key))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::{Counts, File, Range, StoredObject};

    fn object(key: &str) -> StoredObject {
        StoredObject {
            key: key.to_owned(),
            bytes: 0,
            sha256: String::new(),
        }
    }

    fn commit(n: u64) -> Commit {
        let from = n.checked_sub(1).filter(|from| *from > 0);
        let mut counts = Counts {
            records: 3,
            ..Counts::default()
        };
        counts.pings.rows = 2;
        counts.trips.duplicates = 1;
        Commit {
            shard: "s".to_owned(),
            n,
            range: Range {
                from: from.map(|from| from.to_string()),
                to: n.to_string(),
            },
            files: vec![File {
                table: Table::Pings,
                object: object(&format!("pings/dt=1970-01-01/hour=01/s-{n:010}.parquet")),
                rows: 2,
                min_ms: 3_600_000,
                max_ms: 7_199_999,
            }],
            dead_letters: None,
            gaps: Vec::new(),
            window: object("w"),
            counts,
            parents: Vec::new(),
            closes: false,
        }
    }

    /// Follows a chain of commits with one that is changed; says what is wrong with it.
    fn check(change: impl Fn(&mut Commit)) -> Vec<String> {
        let mut chain = ChainCheck::default();
        assert_eq!(chain.take(1, "s", &commit(1)), Vec::<String>::new());
        let mut second = commit(2);
        change(&mut second);
        let faults = chain.take(2, "s", &second);
        let _rest = chain.take(3, "s", &commit(3));
        faults
    }

    #[test]
    fn a_chain_without_a_fault_is_told_so() {
        assert_eq!(check(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn whatever_a_commit_says_wrongly_is_found() {
        type Change = fn(&mut Commit);
        let changes: [(Change, &str); 8] = [
            (
                |commit| commit.range.from = Some("0".to_owned()),
                "begins after",
            ),
            (|commit| commit.n = 7, "says that it is"),
            (|commit| commit.counts.records = 4, "counts 4 records"),
            (
                |commit| commit.counts.pings.rows = 1,
                "counts 1 rows of pings",
            ),
            (
                |commit| commit.files[0].object.key = "pings/x".to_owned(),
                "none of its own",
            ),
            (
                |commit| commit.files[0].max_ms = 7_200_000,
                "none of its own",
            ),
            (
                |commit| commit.files[0].table = Table::Trips,
                "none of its own",
            ),
            (
                |commit| commit.dead_letters = Some(object("d")),
                "dead letters",
            ),
        ];
        for (change, expected) in changes {
            let faults = check(change);
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{expected}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_hole_and_what_comes_behind_the_end_are_found() {
        let mut chain = ChainCheck::default();
        let faults = chain.take(3, "s", &commit(3));
        assert!(faults[0].contains("commits 1 to 2"), "{faults:?}");
        let mut last = commit(4);
        last.closes = true;
        assert_eq!(chain.take(4, "s", &last), Vec::<String>::new());
        assert!(chain.take(5, "s", &commit(5))[0].contains("closes"));
    }

    #[test]
    fn an_intent_is_of_a_commit_that_is_there_or_comes_next() {
        let mut chain = ChainCheck::default();
        let _ = chain.take(1, "s", &commit(1));
        let intent = |n: u64, from: u64| Intent {
            shard: "s".to_owned(),
            n,
            range: Range {
                from: Some(from.to_string()),
                to: "9".to_owned(),
            },
            window: None,
            parents: Vec::new(),
            closes: false,
        };
        assert_eq!(chain.intent(1, "s", &intent(1, 0)), None);
        assert_eq!(chain.intent(2, "s", &intent(2, 1)), None);
        assert!(chain.intent(2, "s", &intent(2, 0)).is_some());
        assert!(chain.intent(3, "s", &intent(3, 1)).is_some());
    }
}
