//! What the rows of some hours were made of: the commits, and what was lost or buried beside them. It is
//! the same before and after a compaction, as it follows what was replaced back to the commits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use objects::Objects;
use service::Shutdown;

use super::manifest::{DeadLetters, Gap, Source};
use crate::{
    books::Books,
    layout::{FileName, Hour, Partition, Table},
    lists::{Lists, Standing},
};

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

/// Finds out where the rows of `hours` come from, in all tables.
///
/// # Errors
/// An error for a list that names what no commit has made, and from the storage.
pub(crate) async fn sources(
    objects: &Arc<dyn Objects>,
    stop: &Shutdown,
    hours: impl IntoIterator<Item = Hour>,
) -> anyhow::Result<Sources> {
    let books = Books {
        objects: Arc::clone(objects),
        drain: stop.clone(),
    };
    let lists = Lists::new(Arc::clone(objects), stop.clone());
    let mut numbers: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for hour in hours {
        for table in Table::ALL {
            let partition = Partition { table, hour };
            for key in committed(&lists, partition).await? {
                match FileName::of(&key) {
                    Some(FileName::Commit { shard, n }) => {
                        numbers.entry(shard).or_default().insert(n);
                    }
                    Some(FileName::Merged { .. }) => {}
                    None => bail!("{key} is listed, and is a stranger's"),
                }
            }
        }
    }
    let mut sources = Sources::default();
    for (shard, numbers) in numbers {
        sources.take_shard(&books, &shard, &numbers).await?;
    }
    Ok(sources)
}

/// The committed files that an hour's rows were once in.
async fn committed(lists: &Lists, partition: Partition) -> anyhow::Result<Vec<String>> {
    let Standing { list, records } = lists.standing(partition).await?;
    let listed = list.uris().map(|uri| lists.key(partition, uri));
    let mut keys = listed
        .map(|key| key.map(|key| key.to_string()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let inputs = records.iter().flat_map(|record| &record.inputs);
    keys.extend(inputs.map(|file| file.object.key.clone()));
    Ok(keys)
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
