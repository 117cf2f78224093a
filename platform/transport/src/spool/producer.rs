//! The way into a lane: bounded in bytes, first come first served. An appender waits where the lane
//! has its fill; which way the records go is the worker's business.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::behind::hash;
use crate::{AppendError, Appended, Batch, Producer, cut::unavailable};

/// What a record in a batch takes beside its bytes.
const RECORD_OVERHEAD: usize = 16;

/// An append on its way to the worker.
#[derive(Debug)]
pub(super) struct Append {
    /// Hashes of its keys, each once.
    pub(super) keys: Vec<u64>,
    pub(super) unanswered: Unanswered,
}

/// A batch whose appender waits.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// What is not on the stream.
    pub(super) batch: Batch,
    /// The indexes of its records in the batch that was appended, if it is a part of that.
    indexes: Option<Vec<usize>>,
    /// The records that the stream refuses for good.
    failed: Vec<(usize, AppendError)>,
    answer: oneshot::Sender<Appended>,
    _share: OwnedSemaphorePermit,
}

impl Unanswered {
    /// Keeps of the batch what the stream did not take now.
    pub(super) fn narrow(&mut self, appended: Appended) {
        let mut left = Batch::default();
        let mut indexes = Vec::new();
        let records: Vec<_> = self.batch.iter().collect();
        for (index, error) in appended.failed {
            match (error, records.get(index)) {
                (AppendError::Unavailable(_), Some((key, payload))) => {
                    left.add(key, payload);
                    indexes.push(index);
                }
                (error, _) => self.failed.push((index, error)),
            }
        }
        self.indexes = Some(indexes);
        self.batch = left;
    }

    /// Tells the appender what became of the batch in the end.
    pub(super) fn answer(mut self, failed: Vec<(usize, AppendError)>) {
        let in_batch = |index: usize| match &self.indexes {
            Some(indexes) => indexes[index],
            None => index,
        };
        let failed = failed.into_iter();
        let failed = failed.map(|(index, error)| (in_batch(index), error));
        self.failed.extend(failed.collect::<Vec<_>>());
        self.failed.sort_by_key(|(index, _)| *index);
        // An appender that stopped waiting is no trouble.
        let _ = self.answer.send(Appended {
            failed: self.failed,
        });
    }
}

/// Appends to a lane.
#[derive(Debug)]
pub(super) struct LaneProducer {
    appends: mpsc::UnboundedSender<Append>,
    /// The bytes that may wait.
    room: Arc<Semaphore>,
    bytes: u32,
    is_closed: AtomicBool,
}

impl LaneProducer {
    /// A producer within so many bytes, and what it takes.
    pub(super) fn new(bytes: u32) -> (Self, mpsc::UnboundedReceiver<Append>) {
        let (appends, received) = mpsc::unbounded_channel();
        let producer = Self {
            appends,
            room: Arc::new(Semaphore::new(bytes as usize)),
            bytes,
            is_closed: AtomicBool::new(false),
        };
        (producer, received)
    }

    /// Waits until everything appended has its answer; from now on nothing more is taken.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        // What waits has shares of the room: all of it is free when nothing waits.
        if let Ok(all) = self.room.acquire_many(self.bytes).await {
            all.forget();
            self.room.close();
        }
    }
}

#[async_trait]
impl Producer for LaneProducer {
    async fn append(&self, batch: Batch) -> Appended {
        if batch.is_empty() {
            return Appended::default();
        }
        let records = batch.len();
        let closed = || unavailable(records, "it is closed");
        if self.is_closed.load(Ordering::Acquire) {
            return closed();
        }
        let mut keys: Vec<_> = batch.iter().map(|(key, _)| hash(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        // A batch larger than the room takes all of it.
        let bytes = (batch.bytes() + RECORD_OVERHEAD * records).min(self.bytes as usize);
        let Ok(share) = self.room.clone().acquire_many_owned(bytes as u32).await else {
            return closed();
        };
        let (answer, answered) = oneshot::channel();
        let unanswered = Unanswered {
            batch,
            indexes: None,
            failed: Vec::new(),
            answer,
            _share: share,
        };
        // From here on it is appended, whether or not the appender waits for the answer.
        if self.appends.send(Append { keys, unanswered }).is_err() {
            return closed();
        }
        answered.await.unwrap_or_else(|_| closed())
    }
}
