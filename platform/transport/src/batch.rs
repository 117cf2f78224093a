//! Batches of records in one buffer each: no allocation for a single record.
//! What the payloads mean is their owners' business.

use bytes::Bytes;

use crate::Position;

/// Records on their way to the stream, in one buffer.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    buffer: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where a record lies in the buffer: key from `start`, payload from `payload` to `end`.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    payload: u32,
    end: u32,
}

impl Batch {
    /// Adds a record: `write_key` and `write_payload` append its key and its payload.
    pub fn push(
        &mut self,
        write_key: impl FnOnce(&mut Vec<u8>),
        write_payload: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.buffer.len() as u32;
        write_key(&mut self.buffer);
        let payload = self.buffer.len() as u32;
        write_payload(&mut self.buffer);
        self.entries.push(Entry {
            start,
            payload,
            end: self.buffer.len() as u32,
        });
    }

    /// Adds a record that is there already.
    pub(crate) fn add(&mut self, key: &[u8], payload: &[u8]) {
        self.push(
            |to| to.extend_from_slice(key),
            |to| to.extend_from_slice(payload),
        );
    }

    /// Adds all records of another batch.
    pub(crate) fn add_all(&mut self, other: &Self) {
        let base = self.buffer.len() as u32;
        self.buffer.extend_from_slice(&other.buffer);
        self.entries.extend(other.entries.iter().map(|entry| Entry {
            start: base + entry.start,
            payload: base + entry.payload,
            end: base + entry.end,
        }));
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and payloads.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Keys and payloads, in the order they were pushed.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|entry| {
            let Entry {
                start,
                payload,
                end,
            } = *entry;
            let (start, payload, end) = (start as usize, payload as usize, end as usize);
            (&self.buffer[start..payload], &self.buffer[payload..end])
        })
    }
}

/// Records read from a shard, in order.
#[derive(Debug)]
pub struct Fetched {
    pub(crate) buffer: Bytes,
    pub(crate) entries: Vec<FetchedEntry>,
}

/// Where a fetched record's key and payload lie in the buffer, and where it stands in the shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FetchedEntry {
    pub(crate) key: Place,
    pub(crate) payload: Place,
    pub(crate) position: Position,
    pub(crate) appended_ms: i64,
}

/// A part of a buffer, from `start` to before `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }
}

/// One record as read from a shard.
#[derive(Debug, Clone, Copy)]
pub struct StreamRecord<'a> {
    /// Decides the shard and the order: records of one key come in the order of their appends.
    pub key: &'a [u8],
    /// What was appended.
    pub payload: &'a [u8],
    /// Where it stands.
    pub position: Position,
    /// When the stream took it, Unix ms UTC: by the stream's clock, the same at every read.
    pub appended_ms: i64,
}

impl Fetched {
    /// The records, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = StreamRecord<'_>> {
        self.entries.iter().map(|entry| StreamRecord {
            key: entry.key.of(&self.buffer),
            payload: entry.payload.of(&self.buffer),
            position: entry.position,
            appended_ms: entry.appended_ms,
        })
    }

    /// Number of records; never 0.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record: never, for what a shard hands out.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
