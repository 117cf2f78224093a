//! Gathers blocks that follow each other into what one read answers.
//! Which blocks there are, and where, is the backend's business.

use bytes::Bytes;

use crate::{
    batch::Fetched,
    block::{Block, DamagedBlock},
};

/// One read answers about 1 MiB: enough to forget the cost of a read, little for its reader.
const MAX_FETCH_BYTES: usize = 1 << 20;

/// One read answers at most this many records, unless one block alone has more to give.
const MAX_FETCH_RECORDS: usize = 4_096;

/// What a shard has for a reader who wants to go on at an offset.
#[derive(Debug)]
pub(crate) enum Found {
    /// The records from there on.
    Records(Fetched),
    /// The oldest record kept has this offset, which is greater.
    OldestKept(u64),
    /// There is nothing more before this offset, the end.
    CaughtUp(u64),
    /// The log ends here, before that offset: the reader has read another log than this.
    Beyond(u64),
    /// The storage is in trouble that may pass.
    NotNow,
}

/// Blocks for one answer.
#[derive(Debug)]
pub(crate) struct Gather {
    from: u64,
    blocks: Vec<Block>,
    bytes: usize,
    records: usize,
}

impl Gather {
    /// Begins an answer to a reader who wants records from offset `from` on.
    pub(crate) fn new(from: u64) -> Self {
        Self {
            from,
            blocks: Vec::new(),
            bytes: 0,
            records: 0,
        }
    }

    /// Whether a block of this many bytes and records still belongs to the answer; the first does.
    pub(crate) fn has_room(&self, bytes: usize, records: usize) -> bool {
        self.blocks.is_empty()
            || (self.bytes + bytes <= MAX_FETCH_BYTES
                && self.records + records <= MAX_FETCH_RECORDS)
    }

    /// Adds the block that follows.
    pub(crate) fn push(&mut self, block: Block) {
        self.bytes += block.bytes.len();
        self.records += block.count();
        self.blocks.push(block);
    }

    /// The answer. A single block is handed out as it is, several are copied together.
    pub(crate) fn finish(self) -> Result<Fetched, DamagedBlock> {
        let mut entries = Vec::with_capacity(self.records);
        if let [block] = &self.blocks[..] {
            block.locate(self.from, 0, &mut entries)?;
            return Ok(Fetched {
                buffer: block.bytes.clone(),
                entries,
            });
        }
        let mut buffer = Vec::with_capacity(self.bytes);
        for block in &self.blocks {
            block.locate(self.from, buffer.len(), &mut entries)?;
            buffer.extend_from_slice(&block.bytes);
        }
        Ok(Fetched {
            buffer: Bytes::from(buffer),
            entries,
        })
    }
}
