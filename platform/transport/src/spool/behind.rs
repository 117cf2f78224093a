//! The keys whose old records still wait in the log, so that nothing newer of the same key overtakes
//! them: it goes the same way. Keys that are not here go as live ones.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hashbrown::HashMap;
use tokio::sync::watch;
use twox_hash::XxHash3_64;

use super::{forwarder::Forwarded, producer::LaneProducer};
use crate::{Appended, Batch, Producer, lock::locked};

/// After so many keys those are forgotten that wait for nothing any more.
const KEYS_BETWEEN_SWEEPS: usize = 1 << 16;

/// What a key is known by here.
pub(super) fn hash(key: &[u8]) -> u64 {
    XxHash3_64::oneshot(key)
}

/// Keys, and how far in the log their records reach.
#[derive(Debug, Default)]
pub(super) struct Behind(Mutex<Ends>);

/// By a key's hash, the offset behind its last record; two keys of one hash wait for each other.
#[derive(Debug, Default)]
struct Ends {
    of_key: HashMap<u64, u64>,
    last: u64,
    added: usize,
}

impl Behind {
    /// Notes that records of these keys lie in the log, before the offset `end`. What lies before
    /// `next` is on the stream.
    pub(super) fn add(&self, keys: impl IntoIterator<Item = u64>, end: u64, next: u64) {
        let mut ends = locked(&self.0);
        for key in keys {
            ends.of_key.insert(key, end);
            ends.added += 1;
        }
        ends.last = ends.last.max(end);
        if ends.added >= KEYS_BETWEEN_SWEEPS {
            ends.added = 0;
            ends.of_key.retain(|_, end| *end > next);
        }
    }

    /// The indexes of the records whose keys have others in the log, of which those before `next` are
    /// on the stream.
    fn among(&self, batch: &Batch, next: u64) -> Vec<usize> {
        let mut ends = locked(&self.0);
        if ends.last <= next {
            ends.of_key.clear();
            return Vec::new();
        }
        let is_behind = |key| ends.of_key.get(&hash(key)).is_some_and(|end| *end > next);
        let records = batch.iter().enumerate();
        let behind = records.filter(|(_, (key, _))| is_behind(key));
        behind.map(|(index, _)| index).collect()
    }
}

/// The way for live records: in their own lane, or behind what is older of their key.
pub(super) struct LiveProducer {
    pub(super) live: Arc<LaneProducer>,
    pub(super) backfill: Arc<LaneProducer>,
    pub(super) behind: Arc<Behind>,
    /// Of the backfill lane.
    pub(super) progress: watch::Receiver<Forwarded>,
}

#[async_trait]
impl Producer for LiveProducer {
    async fn append(&self, batch: Batch) -> Appended {
        let next = self.progress.borrow().next;
        let behind = self.behind.among(&batch, next);
        if behind.is_empty() {
            return self.live.append(batch).await;
        }
        let mut parts = [
            (Batch::default(), Vec::new()),
            (Batch::default(), Vec::new()),
        ];
        for (index, (key, payload)) in batch.iter().enumerate() {
            let is_behind = behind.binary_search(&index).is_ok();
            let (part, indexes) = &mut parts[usize::from(is_behind)];
            part.add(key, payload);
            indexes.push(index);
        }
        let [(first, of_first), (second, of_second)] = parts;
        let (first, second) = tokio::join!(self.live.append(first), self.backfill.append(second));
        let in_batch = |appended: Appended, indexes: Vec<usize>| {
            let failed = appended.failed.into_iter();
            failed.map(move |(index, error)| (indexes[index], error))
        };
        let mut failed: Vec<_> = in_batch(first, of_first)
            .chain(in_batch(second, of_second))
            .collect();
        failed.sort_by_key(|(index, _)| *index);
        Appended { failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(keys: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for key in keys {
            batch.add(key.as_bytes(), b"");
        }
        batch
    }

    #[test]
    fn a_key_is_behind_until_its_last_record_is_on_the_stream() {
        let behind = Behind::default();
        let asked = batch(&["a", "b", "a"]);
        assert!(behind.among(&asked, 0).is_empty());
        behind.add([hash(b"a")], 5, 0);
        behind.add([hash(b"b")], 7, 0);
        assert_eq!(behind.among(&asked, 4), [0, 1, 2]);
        assert_eq!(behind.among(&asked, 5), [1]);
        assert!(behind.among(&asked, 7).is_empty());
        assert!(locked(&behind.0).of_key.is_empty());
    }

    #[test]
    fn keys_that_wait_for_nothing_are_forgotten() {
        let behind = Behind::default();
        for key in 0..10 * KEYS_BETWEEN_SWEEPS as u64 {
            behind.add([key], key + 1, key);
        }
        assert!(locked(&behind.0).of_key.len() <= KEYS_BETWEEN_SWEEPS);
    }
}
