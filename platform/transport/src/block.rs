//! A block: records of one shard that became durable together, as the bytes that are stored.
//! It knows no storage; positions start at the `first` that the block is stored under.
//!
//! Layout, integers little-endian: version (1 byte), xxh3-64 of all that follows (8), appended at
//! in Unix ms (8), number of records (4); then for each record: length of the key less one (1),
//! length of the payload (LEB128, at most 3 bytes), key, payload.

use bytes::Bytes;
use twox_hash::XxHash3_64;

use crate::{
    Position,
    batch::{FetchedEntry, Place},
};

/// The one layout there is so far.
const VERSION: u8 = 1;

/// Version, checksum, time and count.
const HEADER_BYTES: usize = 1 + 8 + 8 + 4;

/// Where the bytes begin that the checksum covers.
const CHECKED_FROM: usize = 9;

/// Room for what stands before a key and a payload.
const LENGTHS_BYTES: usize = 1 + 3;

/// A block ends before it has 64 KiB, together with what a tree page needs for itself: the store
/// rounds a page up to a power of two, so one byte more would double it.
const MAX_BLOCK_BYTES: usize = (64 << 10) - 256;

/// A block has at most this many records, so that a read is not longer than it has to be.
const MAX_BLOCK_RECORDS: u32 = 4_096;

/// Says that bytes are no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("damaged block at offset {first}: {what}")]
pub(crate) struct DamagedBlock {
    first: u64,
    what: &'static str,
}

/// A block in the making.
#[derive(Debug)]
pub(crate) struct BlockBuilder {
    buffer: Vec<u8>,
    count: u32,
}

impl BlockBuilder {
    /// Begins a block for which about `expected_bytes` are waiting.
    pub(crate) fn with_capacity(expected_bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(HEADER_BYTES + expected_bytes.min(MAX_BLOCK_BYTES));
        buffer.resize(HEADER_BYTES, 0);
        Self { buffer, count: 0 }
    }

    /// Whether the record goes into this block. The first always does.
    pub(crate) fn has_room(&self, key: &[u8], payload: &[u8]) -> bool {
        let bytes = self.buffer.len() + LENGTHS_BYTES + key.len() + payload.len();
        self.count == 0 || (bytes <= MAX_BLOCK_BYTES && self.count < MAX_BLOCK_RECORDS)
    }

    /// Adds a record whose sizes are admitted.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) {
        self.buffer.push((key.len() - 1) as u8);
        let mut rest = payload.len();
        while rest >= 0x80 {
            self.buffer.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.buffer.push(rest as u8);
        self.buffer.extend_from_slice(key);
        self.buffer.extend_from_slice(payload);
        self.count += 1;
    }

    /// Ends the block, which stands at `first` and was appended at `appended_ms`.
    pub(crate) fn finish(mut self, first: u64, appended_ms: i64) -> Block {
        self.buffer[0] = VERSION;
        self.buffer[CHECKED_FROM..CHECKED_FROM + 8].copy_from_slice(&appended_ms.to_le_bytes());
        self.buffer[CHECKED_FROM + 8..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
        let checksum = XxHash3_64::oneshot(&self.buffer[CHECKED_FROM..]);
        self.buffer[1..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        let bytes = Bytes::from(self.buffer);
        Block {
            head: BlockHead::new(first, self.count, appended_ms, bytes.len()),
            bytes,
        }
    }

    /// How many records it has.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

/// What is known of a block without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHead {
    /// Offset of its first record.
    pub(crate) first: u64,
    /// Offset after its last record.
    pub(crate) end: u64,
    /// When it was appended, Unix ms UTC by the stream's clock.
    pub(crate) appended_ms: i64,
    /// Bytes it takes on disk.
    pub(crate) footprint: u64,
}

impl BlockHead {
    fn new(first: u64, count: u32, appended_ms: i64, bytes: usize) -> Self {
        let end = first.saturating_add(u64::from(count));
        Self {
            first,
            end,
            appended_ms,
            footprint: footprint(bytes),
        }
    }

    /// Reads the head of stored bytes; it does not verify the rest.
    pub(crate) fn read(first: u64, bytes: &[u8]) -> Result<Self, DamagedBlock> {
        let damaged = |what| DamagedBlock { first, what };
        let (header, _) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(damaged("it is shorter than a header"))?;
        if header[0] != VERSION {
            return Err(damaged("its version is unknown"));
        }
        let [_, _, _, _, _, _, _, _, _, time @ .., a, b, c, d] = *header;
        let count = u32::from_le_bytes([a, b, c, d]);
        if count == 0 || count > MAX_BLOCK_RECORDS {
            return Err(damaged("its number of records is impossible"));
        }
        Ok(Self::new(
            first,
            count,
            i64::from_le_bytes(time),
            bytes.len(),
        ))
    }
}

/// Bytes that a value of this size takes in the store: pages of 4 KiB times a power of two, shared
/// only by what is smaller than a page.
fn footprint(bytes: usize) -> u64 {
    /// What a tree page holds beside one value.
    const PAGE_OVERHEAD: usize = 64;
    const PAGE: usize = 4_096;
    let needed = bytes + PAGE_OVERHEAD;
    (if needed <= PAGE {
        needed
    } else {
        needed.next_power_of_two()
    }) as u64
}

/// A whole block. Clones share its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) head: BlockHead,
    pub(crate) bytes: Bytes,
}

impl Block {
    /// Takes stored bytes for a block, once they are proven to be what was written.
    pub(crate) fn read(first: u64, bytes: Bytes) -> Result<Self, DamagedBlock> {
        let head = BlockHead::read(first, &bytes)?;
        let checksum = XxHash3_64::oneshot(&bytes[CHECKED_FROM..]).to_le_bytes();
        if checksum != bytes[1..CHECKED_FROM] {
            return Err(DamagedBlock {
                first,
                what: "its checksum is wrong",
            });
        }
        Ok(Self { head, bytes })
    }

    /// How many records it has.
    pub(crate) fn count(&self) -> usize {
        (self.head.end - self.head.first) as usize
    }

    /// Appends where its records lie to `entries`: those from offset `from` on, in a buffer in
    /// which the block begins at `base`.
    pub(crate) fn locate(
        &self,
        from: u64,
        base: usize,
        entries: &mut Vec<FetchedEntry>,
    ) -> Result<(), DamagedBlock> {
        let damaged = || DamagedBlock {
            first: self.head.first,
            what: "its records do not fit",
        };
        let bytes = &self.bytes[..];
        let mut at = HEADER_BYTES;
        for offset in self.head.first..self.head.end {
            let key_bytes = usize::from(*bytes.get(at).ok_or_else(damaged)?) + 1;
            let (payload_bytes, start) = length(bytes, at + 1).ok_or_else(damaged)?;
            let payload = start + key_bytes;
            at = payload + payload_bytes;
            if at > bytes.len() {
                return Err(damaged());
            }
            if offset >= from {
                entries.push(FetchedEntry {
                    key: place(base + start, base + payload),
                    payload: place(base + payload, base + at),
                    position: Position::from_offset(offset),
                    appended_ms: self.head.appended_ms,
                });
            }
        }
        if at == bytes.len() {
            Ok(())
        } else {
            Err(damaged())
        }
    }
}

fn place(start: usize, end: usize) -> Place {
    Place {
        start: start as u32,
        end: end as u32,
    }
}

/// Reads a LEB128 length of at most 3 bytes: it, and where the bytes after it begin.
fn length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for digit in 0..3 {
        let byte = *bytes.get(at + digit)?;
        value |= usize::from(byte & 0x7f) << (7 * digit);
        if byte < 0x80 {
            return Some((value, at + digit + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    type Record = (Vec<u8>, Vec<u8>);

    fn build(records: &[Record]) -> Block {
        let mut builder = BlockBuilder::with_capacity(0);
        for (key, payload) in records {
            builder.push(key, payload);
        }
        builder.finish(40, 1_700_000_000_000)
    }

    fn records(block: &Block, from: u64) -> Result<Vec<Record>, DamagedBlock> {
        let mut entries = Vec::new();
        block.locate(from, 0, &mut entries)?;
        let slice = |place: Place| block.bytes[place.start as usize..place.end as usize].to_vec();
        Ok(entries
            .iter()
            .map(|entry| (slice(entry.key), slice(entry.payload)))
            .collect())
    }

    proptest! {
        #[test]
        fn a_block_reads_back_as_written(
            written in vec((vec(any::<u8>(), 1..=256), vec(any::<u8>(), 0..300)), 1..40),
            skipped in 0_u64..40,
        ) {
            let block = Block::read(40, build(&written).bytes).unwrap();
            prop_assert_eq!(block.count(), written.len());
            prop_assert_eq!(block.head.appended_ms, 1_700_000_000_000);
            let rest = written.get(skipped as usize..).unwrap_or_default();
            prop_assert_eq!(&records(&block, 40 + skipped).unwrap(), rest);
        }

        #[test]
        fn any_bytes_are_a_block_or_an_error(
            mut bytes in vec(any::<u8>(), 0..200),
            count in 0_u32..10,
            first in any::<u64>(),
        ) {
            // With version, count and checksum put right, so that the records get read as well.
            if bytes.len() >= HEADER_BYTES {
                bytes[0] = VERSION;
                bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
                let checksum = XxHash3_64::oneshot(&bytes[CHECKED_FROM..]);
                bytes[1..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
            }
            if let Ok(block) = Block::read(first, bytes.into()) {
                let _ = records(&block, 0);
            }
        }

        #[test]
        fn a_flipped_bit_is_noticed(
            written in vec((vec(any::<u8>(), 1..20), vec(any::<u8>(), 0..50)), 1..10),
            bit in any::<prop::sample::Index>(),
        ) {
            let mut bytes = build(&written).bytes.to_vec();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Block::read(40, bytes.into()).is_err());
        }
    }

    #[test]
    fn a_payload_of_the_greatest_size_reads_back() {
        let written = [(vec![1], vec![9; crate::admission::MAX_RECORD_BYTES - 1])];
        assert_eq!(records(&build(&written), 0).unwrap(), written);
    }

    #[test]
    fn a_full_block_takes_one_page_of_64_kib() {
        let mut builder = BlockBuilder::with_capacity(0);
        while builder.has_room(b"fleet/vehicle", &[0; 70]) {
            builder.push(b"fleet/vehicle", &[0; 70]);
        }
        assert_eq!(builder.finish(0, 0).head.footprint, 64 << 10);
    }

    #[test]
    fn the_bytes_of_version_1_are_these_for_ever() {
        let block = build(&[(b"k".to_vec(), b"payload".to_vec())]);
        let expected = [
            &[1_u8][..],
            &XxHash3_64::oneshot(&block.bytes[9..]).to_le_bytes(),
            &[0x00, 0x68, 0xe5, 0xcf, 0x8b, 0x01, 0, 0],
            &[1, 0, 0, 0],
            &[0, 7],
            b"kpayload",
        ]
        .concat();
        assert_eq!(block.bytes, expected);
    }
}
