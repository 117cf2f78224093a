//! Pings that are posted together, and the part of them that is posted again.
//! What became of each of them is `verdict`'s to say.

use bytes::Bytes;

use super::{Format, outbox::Entry};

/// Pings in the order in which they are posted.
#[derive(Debug, Default)]
pub(super) struct PingBatch {
    entries: Vec<Entry>,
    /// The items end to end, in one format.
    items: Vec<u8>,
    /// Where each item ends.
    ends: Vec<usize>,
}

impl PingBatch {
    /// Adds a ping; `write` appends it as an item.
    pub(super) fn push(&mut self, entry: Entry, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.items);
        self.ends.push(self.items.len());
        self.entries.push(entry);
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The body of a request in the format of the items.
    pub(super) fn body(&self, format: Format) -> Bytes {
        format.close(self.items.clone())
    }

    /// The pings at these positions, in the same order.
    pub(super) fn only(&self, positions: &[usize]) -> Self {
        let mut part = Self::default();
        for &at in positions {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            let item = &self.items[start..self.ends[at]];
            part.push(self.entries[at], |items| items.extend_from_slice(item));
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use schemas::PingName;

    use super::*;
    use crate::client::{Expectation, VehicleIndex};

    fn batch(items: &[&str]) -> PingBatch {
        let mut batch = PingBatch::default();
        for (seq, item) in (0..).zip(items) {
            let entry = Entry {
                vehicle: VehicleIndex(0),
                name: PingName { epoch: 1, seq },
                expected: Expectation::Accepted,
            };
            batch.push(entry, |items| items.extend_from_slice(item.as_bytes()));
        }
        batch
    }

    #[test]
    fn a_part_of_a_batch_is_a_batch_of_its_own() {
        let part = batch(&[",one", ",two", ",three", ",four"]).only(&[0, 2, 3]);
        assert_eq!(part.body(Format::Json), "[one,three,four]");
        let seqs = part.entries().iter().map(|entry| entry.name.seq);
        assert_eq!(seqs.collect::<Vec<_>>(), [0, 2, 3]);
        assert!(part.only(&[]).is_empty());
    }
}
