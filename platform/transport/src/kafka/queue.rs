//! What a client has read of one partition and nobody has taken yet: a queue that librdkafka fills to
//! a limit. Where in the partition it is filled from is not known here.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::{
    Message as _,
    consumer::base_consumer::PartitionQueue,
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use tokio::sync::Notify;

use super::{cursor::Cursor, member::Reader, metrics, voice::Voice};
use crate::{
    Position, StreamError,
    batch::{Fetched, FetchedEntry, Place},
};

/// One read answers about 1 MiB: enough to forget the cost of a read, little for its reader.
const MAX_FETCH_BYTES: usize = 1 << 20;
/// One read answers at most this many records.
const MAX_FETCH_RECORDS: usize = 4_096;

/// What came of the queue.
#[derive(Debug)]
pub(super) enum Taken {
    /// Records, at least one.
    Records(Fetched),
    /// There is nothing now.
    Nothing,
    /// There is nothing, and the reader was at the end of the partition when it said so.
    AtEnd,
    /// The brokers have nothing at the reader's offset, or may have lost it: reading has stopped.
    Stopped,
}

/// The queue of one partition.
pub(super) struct Queue {
    messages: PartitionQueue<Voice>,
    filled: Arc<Notify>,
    /// What came after the records that were handed out.
    next: Option<Taken>,
}

impl Queue {
    /// The queue of a partition; None where the client cannot have one.
    pub(super) fn of(reader: &Arc<Reader>, topic: &str, partition: i32) -> Option<Self> {
        let mut messages = reader.split_partition_queue(topic, partition)?;
        let filled = Arc::new(Notify::new());
        let tell = filled.clone();
        messages.set_nonempty_callback(move || tell.notify_one());
        Some(Self {
            messages,
            filled,
            next: None,
        })
    }

    /// Waits until there is something, at least that. Safe to drop.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Forgets what came before reading began anew.
    pub(super) fn begin(&mut self) {
        self.next = None;
    }

    /// Takes what there is now, as far as one read goes, and moves the cursor behind it.
    pub(super) fn take(&mut self, cursor: &mut Cursor) -> Result<Taken, StreamError> {
        if let Some(next) = self.next.take() {
            return Ok(next);
        }
        let mut records = Records::default();
        let after = loop {
            if records.is_full() {
                break Taken::Nothing;
            }
            match self.messages.poll(std::time::Duration::ZERO) {
                Some(Ok(message)) => {
                    if cursor.take(message.offset()) {
                        records.push(&message);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break Taken::AtEnd,
                Some(Err(error)) => {
                    if Self::has_stopped(&error)? {
                        break Taken::Stopped;
                    }
                }
                None => break Taken::Nothing,
            }
        };
        let Some(fetched) = records.finish() else {
            return Ok(after);
        };
        self.next = Some(after).filter(|after| !matches!(after, Taken::Nothing));
        Ok(Taken::Records(fetched))
    }

    /// Whether reading has stopped; other errors pass by themselves.
    fn has_stopped(error: &KafkaError) -> Result<bool, StreamError> {
        let code = match error {
            KafkaError::MessageConsumption(code) => *code,
            error => return Err(StreamError::storage(error)),
        };
        metrics::read_failed(code);
        let stops = [
            RDKafkaErrorCode::AutoOffsetReset,
            RDKafkaErrorCode::OffsetOutOfRange,
            RDKafkaErrorCode::LogTruncation,
        ];
        Ok(stops.contains(&code))
    }
}

/// Records for one answer, in one buffer.
#[derive(Debug, Default)]
struct Records {
    buffer: Vec<u8>,
    entries: Vec<FetchedEntry>,
}

impl Records {
    fn is_full(&self) -> bool {
        self.buffer.len() >= MAX_FETCH_BYTES || self.entries.len() >= MAX_FETCH_RECORDS
    }

    fn push(&mut self, message: &BorrowedMessage<'_>) {
        let key = self.add(message.key());
        let payload = self.add(message.payload());
        self.entries.push(FetchedEntry {
            key,
            payload,
            position: Position::from_offset(message.offset().max(0) as u64),
            appended_ms: message.timestamp().to_millis().unwrap_or_default(),
        });
    }

    fn add(&mut self, bytes: Option<&[u8]>) -> Place {
        let start = self.buffer.len() as u32;
        self.buffer.extend_from_slice(bytes.unwrap_or_default());
        Place {
            start,
            end: self.buffer.len() as u32,
        }
    }

    fn finish(self) -> Option<Fetched> {
        let buffer = Bytes::from(self.buffer);
        let entries = self.entries;
        (!entries.is_empty()).then_some(Fetched { buffer, entries })
    }
}
