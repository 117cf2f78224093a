//! Cuts batches into blocks, shard by shard, in the order of their records.
//! When and where the blocks become durable is the backend's business.

use crate::{
    AppendError, Appended, Batch,
    admission::{check, shard_of},
    block::{Block, BlockBuilder},
};

/// Blocks in the making, for every shard.
#[derive(Debug)]
pub(crate) struct Cut {
    shards: Vec<Vec<BlockBuilder>>,
    expected_bytes: usize,
}

/// The records of a batch that will never be taken, and how many there are at all.
#[derive(Debug)]
pub(crate) struct Verdict {
    records: usize,
    rejected: Vec<(usize, AppendError)>,
}

impl Cut {
    /// Begins blocks for `shards` shards that will have about `bytes` together.
    pub(crate) fn new(shards: u32, bytes: usize) -> Self {
        // A quarter more: keys do not spread evenly, and lengths come on top.
        let expected_bytes = bytes / shards as usize * 5 / 4;
        Self {
            shards: (0..shards).map(|_| Vec::new()).collect(),
            expected_bytes,
        }
    }

    /// Adds the batch's admitted records.
    pub(crate) fn add(&mut self, batch: &Batch) -> Verdict {
        let mut rejected = Vec::new();
        let shards = self.shards.len() as u32;
        for (index, (key, payload)) in batch.iter().enumerate() {
            if let Err(error) = check(key, payload) {
                rejected.push((index, error));
                continue;
            }
            let blocks = &mut self.shards[shard_of(key, shards) as usize];
            if let Some(open) = blocks.last_mut()
                && open.has_room(key, payload)
            {
                open.push(key, payload);
                continue;
            }
            let mut block = BlockBuilder::with_capacity(self.expected_bytes);
            block.push(key, payload);
            blocks.push(block);
        }
        Verdict {
            records: batch.len(),
            rejected,
        }
    }

    /// Ends the blocks of every shard, in order, where each shard goes on at its `next` offset.
    pub(crate) fn finish(
        self,
        next: impl Fn(u32) -> u64,
        appended_ms: i64,
    ) -> impl Iterator<Item = (u32, Block)> {
        self.shards
            .into_iter()
            .enumerate()
            .flat_map(move |(shard, builders)| {
                let mut first = next(shard as u32);
                builders.into_iter().map(move |builder| {
                    let block_first = first;
                    first += u64::from(builder.count());
                    (shard as u32, builder.finish(block_first, appended_ms))
                })
            })
    }
}

impl Verdict {
    /// The answer where all admitted records are durable.
    pub(crate) fn durable(self) -> Appended {
        Appended {
            failed: self.rejected,
        }
    }

    /// The answer where no record is durable, for a reason that passes.
    pub(crate) fn unavailable(self, reason: &str) -> Appended {
        let mut rejected = self.rejected.into_iter().peekable();
        let failed = (0..self.records)
            .map(|index| {
                rejected
                    .next_if(|(rejected, _)| *rejected == index)
                    .unwrap_or_else(|| (index, AppendError::Unavailable(reason.to_owned())))
            })
            .collect();
        Appended { failed }
    }
}

/// The answer to a batch that was not looked at.
pub(crate) fn unavailable(records: usize, reason: &str) -> Appended {
    Verdict {
        records,
        rejected: Vec::new(),
    }
    .unavailable(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(keys: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for key in keys {
            batch.push(|to| to.extend_from_slice(key.as_bytes()), |to| to.push(1));
        }
        batch
    }

    #[test]
    fn a_refused_record_is_named_and_its_neighbours_are_cut() {
        let mut cut = Cut::new(2, 10);
        let verdict = cut.add(&batch(&["a", "", "b"]));
        let failed = verdict.durable().failed;
        assert!(matches!(failed[..], [(1, AppendError::Rejected(_))]));
        let records: usize = cut.finish(|_| 0, 0).map(|(_, block)| block.count()).sum();
        assert_eq!(records, 2);
    }

    #[test]
    fn a_refused_record_stays_refused_where_the_rest_is_unavailable() {
        let failed = Cut::new(2, 10)
            .add(&batch(&["a", "", "b"]))
            .unavailable("disk full")
            .failed;
        let unavailable = AppendError::Unavailable("disk full".to_owned());
        assert_eq!(
            (failed[0].clone(), failed[2].clone()),
            ((0, unavailable.clone()), (2, unavailable))
        );
        assert!(matches!(failed[1], (1, AppendError::Rejected(_))));
    }

    #[test]
    fn blocks_of_a_shard_follow_each_other_without_a_gap() {
        let mut cut = Cut::new(1, 0);
        for _ in 0..3 {
            let mut big = Batch::default();
            big.push(|to| to.push(1), |to| to.resize(50_000, 0));
            cut.add(&big);
        }
        let spans: Vec<_> = cut
            .finish(|_| 7, 0)
            .map(|(_, block)| (block.head.first, block.head.end))
            .collect();
        assert_eq!(spans, [(7, 8), (8, 9), (9, 10)]);
    }
}
