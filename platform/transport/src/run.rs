//! A run: blocks of one shard that follow each other, in memory.
//! The memory stream is made of runs; to the embedded one they are the end that readers follow.

use std::collections::VecDeque;

use crate::{
    StreamError,
    block::Block,
    gather::{Found, Gather},
};

/// Blocks from some offset up to the shard's end.
#[derive(Debug)]
pub(crate) struct Run {
    blocks: VecDeque<Block>,
    end: u64,
    bytes: usize,
}

impl Run {
    /// A run without blocks, of a shard that goes on at `end`.
    pub(crate) fn at(end: u64) -> Self {
        Self {
            blocks: VecDeque::new(),
            end,
            bytes: 0,
        }
    }

    /// Adds the block that follows.
    pub(crate) fn push(&mut self, block: Block) {
        debug_assert_eq!(block.head.first, self.end, "blocks follow each other");
        self.end = block.head.end;
        self.bytes += block.bytes.len();
        self.blocks.push_back(block);
    }

    /// Takes off the blocks that end at `end` or before.
    pub(crate) fn pop_until(&mut self, end: u64) {
        while self.oldest().is_some_and(|block| block.head.end <= end) {
            self.pop();
        }
    }

    /// Takes the oldest block off.
    pub(crate) fn pop(&mut self) -> Option<Block> {
        let block = self.blocks.pop_front()?;
        self.bytes -= block.bytes.len();
        Some(block)
    }

    /// The oldest block.
    pub(crate) fn oldest(&self) -> Option<&Block> {
        self.blocks.front()
    }

    /// The offset after the last record.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes of all blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What there is from offset `from` on, or from the oldest record.
    pub(crate) fn read(&self, from: Option<u64>) -> Result<Found, StreamError> {
        let oldest = self
            .blocks
            .front()
            .map_or(self.end, |block| block.head.first);
        let from = from.unwrap_or(oldest);
        if from > self.end {
            return Ok(Found::Beyond(self.end));
        }
        if from < oldest {
            return Ok(Found::OldestKept(oldest));
        }
        if from == self.end {
            return Ok(Found::CaughtUp(self.end));
        }
        let mut gather = Gather::new(from);
        let index = self.blocks.partition_point(|block| block.head.end <= from);
        for block in self.blocks.range(index..) {
            if !gather.has_room(block.bytes.len(), block.count()) {
                break;
            }
            gather.push(block.clone());
        }
        gather
            .finish()
            .map(Found::Records)
            .map_err(StreamError::storage)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::BlockBuilder;

    fn run(counts: &[u8], popped: usize) -> Run {
        let mut run = Run::at(5);
        for count in counts {
            let mut builder = BlockBuilder::with_capacity(0);
            for _ in 0..*count {
                builder.push(b"key", &run.end.to_le_bytes());
            }
            run.push(builder.finish(run.end, 0));
        }
        for _ in 0..popped {
            run.pop();
        }
        run
    }

    proptest! {
        #[test]
        fn reading_from_any_offset_goes_on_exactly_there(
            counts in proptest::collection::vec(1_u8..9, 1..9),
            popped in 0_usize..9,
            from in 0_u64..90,
        ) {
            let run = run(&counts, popped);
            let oldest = run.oldest().map_or(run.end(), |block| block.head.first);
            match run.read(Some(from)).unwrap() {
                Found::Records(fetched) => {
                    let offsets: Vec<_> =
                        fetched.iter().map(|record| record.position.offset()).collect();
                    prop_assert_eq!(offsets, (from..run.end()).collect::<Vec<_>>());
                    prop_assert!(from >= oldest);
                }
                Found::OldestKept(kept) => prop_assert!(kept == oldest && from < oldest),
                Found::CaughtUp(end) => prop_assert!(from == end && end == run.end()),
                Found::Beyond(end) => prop_assert!(from > end && end == run.end()),
                Found::NotNow => prop_assert!(false, "memory has no trouble"),
            }
        }
    }

    #[test]
    fn a_read_ends_at_about_a_mebibyte() {
        let mut run = Run::at(0);
        for _ in 0..40 {
            let mut builder = BlockBuilder::with_capacity(0);
            builder.push(b"key", &vec![0; 60_000]);
            run.push(builder.finish(run.end(), 0));
        }
        let Found::Records(fetched) = run.read(None).unwrap() else {
            panic!("no records")
        };
        assert_eq!(fetched.len(), 17);
    }
}
