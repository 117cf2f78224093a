//! What the rows of some hours were made of: the commits, and what was lost or buried beside them. It is
//! the same before and after a compaction, as it follows what was replaced back to the commits.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};

use super::manifest::{DeadLetters, Gap, Source};
use crate::{books::Books, commit::File, layout::FileName, lists::Replaced};

/// Where the rows of some hours come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// By shard the numbers of the commits that have rows of these hours.
    pub(crate) commits: Vec<Source>,
    /// What the stream had lost in these commits, or between them.
    pub(crate) gaps: Vec<Gap>,
    /// What in these commits, or between them, could not be rows.
    pub(crate) dead_letters: Vec<DeadLetters>,
}

/// The commits that rows were once in, by shard.
#[derive(Debug, Default)]
pub(crate) struct Commits(BTreeMap<String, BTreeSet<u64>>);

impl Commits {
    /// Takes in those of some listed files of an hour that had these replacements.
    ///
    /// # Errors
    /// An error for a file that no commit names so.
    pub(crate) fn take(&mut self, listed: &[File], records: &[Replaced]) -> anyhow::Result<()> {
        let replaced = records.iter().flat_map(|record| &record.inputs);
        for file in listed.iter().chain(replaced) {
            let key = &file.object.key;
            match FileName::of(key) {
                Some(FileName::Commit { shard, n }) => {
                    self.0.entry(shard).or_default().insert(n);
                }
                Some(FileName::Merged { .. }) => {}
                None => bail!("{key} is listed, and is a stranger's"),
            }
        }
        Ok(())
    }

    /// What the commits, and those between them, say of where their rows come from.
    ///
    /// # Errors
    /// An error for a commit that is missing, and from the storage.
    pub(crate) async fn sources(&self, books: &Books) -> anyhow::Result<Sources> {
        let mut sources = Sources::default();
        for (shard, numbers) in &self.0 {
            sources.take_shard(books, shard, numbers).await?;
        }
        Ok(sources)
    }
}

impl Sources {
    async fn take_shard(
        &mut self,
        books: &Books,
        shard: &str,
        numbers: &BTreeSet<u64>,
    ) -> anyhow::Result<()> {
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
            return Ok(());
        };
        for n in first..=last {
            let commit = books.commit(shard, n).await?;
            let commit =
                commit.with_context(|| format!("commit {n} of shard {shard} is missing"))?;
            self.gaps.extend(commit.gaps.into_iter().map(|gap| Gap {
                shard: shard.to_owned(),
                n,
                from: gap.from,
                to: gap.to,
            }));
            let buried = commit.dead_letters.map(|object| DeadLetters {
                shard: shard.to_owned(),
                n,
                records: commit.counts.dead_letters,
                sha256: object.sha256,
            });
            self.dead_letters.extend(buried);
        }
        self.commits.extend(ranges(shard, numbers));
        Ok(())
    }
}

/// Numbers as ranges of neighbours.
fn ranges(shard: &str, numbers: &BTreeSet<u64>) -> Vec<Source> {
    let mut ranges: Vec<Source> = Vec::new();
    for &n in numbers {
        match ranges.last_mut() {
            Some(range) if range.last + 1 == n => range.last = n,
            _ => ranges.push(Source {
                shard: shard.to_owned(),
                first: n,
                last: n,
            }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        commit::StoredObject,
        layout::{Partition, Table},
        lists::{RowCounts, Why},
    };

    fn file(key: &str) -> File {
        File {
            table: Table::Trips,
            object: StoredObject {
                key: key.to_owned(),
                bytes: 1,
                sha256: String::new(),
            },
            rows: 1,
            min_ms: 0,
            max_ms: 0,
        }
    }

    #[test]
    fn rows_come_from_the_same_commits_before_and_after_a_compaction() {
        let hour = "trips/dt=2026-03-01/hour=07";
        let [one, two] = [1, 2].map(|n| file(&format!("{hour}/s-{n:010}.parquet")));
        let late = file(&format!("{hour}/s-0000000007.parquet"));
        let merged = Partition::of(&one.object.key).unwrap();
        let merged = file(merged.merged_key(1, 5, 0).unwrap().as_str());
        let mut before = Commits::default();
        before
            .take(&[one.clone(), two.clone(), late.clone()], &[])
            .unwrap();
        let record = Replaced {
            partition: hour.to_owned(),
            n: 1,
            why: Why::Compaction,
            erasure: None,
            inputs: vec![one, two],
            outputs: vec![merged.clone()],
            counts: RowCounts::default(),
        };
        let mut after = Commits::default();
        after.take(&[merged, late], &[record]).unwrap();
        assert_eq!(before.0, after.0);
        assert_eq!(before.0["s"], BTreeSet::from([1, 2, 7]));
        let stranger = file(&format!("{hour}/readme.txt"));
        assert!(after.take(&[stranger], &[]).is_err());
    }

    proptest! {
        #[test]
        fn ranges_hold_the_numbers_and_do_not_touch(numbers in proptest::collection::btree_set(1..60_u64, 0..40)) {
            let ranges = ranges("s", &numbers);
            let back: BTreeSet<u64> = ranges.iter().flat_map(|range| range.first..=range.last).collect();
            prop_assert_eq!(back, numbers);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
        }
    }
}
