//! The queue before the writer: bounded in bytes, first come first served.
//! An appender waits where it is full; the writer answers once the batch's fate is decided.

use std::{
    io,
    sync::{Arc, mpsc},
    thread,
};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::writer::Writer;
use crate::{Appended, Batch, Producer, StreamError, cut};

/// Bytes of batches that may wait or be on their way to disk: some commits' worth, little memory.
const QUEUE_BYTES: usize = 16 << 20;

/// What a record in a batch takes beside its bytes.
const RECORD_OVERHEAD: usize = 16;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Append(Waiting),
    Close(oneshot::Sender<Result<(), StreamError>>),
}

/// A batch whose appender waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Appended>,
    /// Its room in the queue, free again once it is answered.
    pub(super) room: OwnedSemaphorePermit,
}

/// The way to the writer. The writer ends when the last of those who hold the queue is gone.
#[derive(Debug)]
pub(super) struct Queue {
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
}

impl Queue {
    /// Starts the writer on a thread of its own.
    pub(super) fn start(writer: Writer) -> io::Result<Self> {
        let (commands, received) = mpsc::channel();
        thread::Builder::new()
            .name("stream-writer".to_owned())
            .spawn(|| writer.run(received))?;
        Ok(Self {
            commands,
            room: Arc::new(Semaphore::new(QUEUE_BYTES)),
        })
    }

    /// Waits until all that is queued is durable and the file is closed.
    pub(super) async fn close(&self) -> Result<(), StreamError> {
        self.room.close();
        let (answer, answered) = oneshot::channel();
        if self.commands.send(Command::Close(answer)).is_err() {
            return Ok(()); // It is closed already.
        }
        answered.await.unwrap_or(Ok(()))
    }
}

/// Appends by way of the queue.
#[derive(Debug)]
pub(super) struct QueueProducer(Arc<Queue>);

impl QueueProducer {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }
}

#[async_trait]
impl Producer for QueueProducer {
    async fn append(&self, batch: Batch) -> Appended {
        if batch.is_empty() {
            return Appended::default();
        }
        let records = batch.len();
        let closed = || cut::unavailable(records, "it is closed");
        // A batch larger than the queue takes all of it.
        let bytes = (batch.bytes() + RECORD_OVERHEAD * records).min(QUEUE_BYTES);
        let Ok(room) = self.0.room.clone().acquire_many_owned(bytes as u32).await else {
            return closed();
        };
        let (answer, answered) = oneshot::channel();
        if self
            .0
            .commands
            .send(Command::Append(Waiting {
                batch,
                answer,
                room,
            }))
            .is_err()
        {
            return closed();
        }
        answered.await.unwrap_or_else(|_| closed())
    }
}
