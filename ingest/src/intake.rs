//! The way to the stream, bounded in bytes: what waits for it, and what bodies hold meanwhile.
//! It orders nothing and retries nothing; a client that got no 2xx sends again.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use transport::{Appended, Batch, Producer};

use crate::{metrics, problem::Stop};

/// Appends batches within a budget of bytes.
pub(crate) struct Intake {
    producer: Arc<dyn Producer>,
    queue: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    timeout: Duration,
}

/// Bytes of a body that count against the budget until dropped.
#[derive(Default)]
pub(crate) struct BodyShare(Option<OwnedSemaphorePermit>);

impl Intake {
    /// `timeout` bounds every wait for the stream.
    pub(crate) fn new(
        producer: Arc<dyn Producer>,
        queue_bytes: u32,
        body_bytes: u32,
        timeout: Duration,
    ) -> Self {
        Self {
            producer,
            queue: Arc::new(Semaphore::new(queue_bytes as usize)),
            bodies: Arc::new(Semaphore::new(body_bytes as usize)),
            timeout,
        }
    }

    /// Appends a batch and waits until it is durable.
    ///
    /// The append goes on when the client is gone or the time is up, and keeps its share of the
    /// budget until it ends: so a stream that stands still costs no more than the budget.
    ///
    /// # Errors
    /// [`Stop::Busy`] if the budget is full, [`Stop::Unavailable`] if the stream does not answer.
    pub(crate) async fn append(&self, batch: Batch) -> Result<Appended, Stop> {
        let bytes = u32::try_from(batch.bytes()).map_err(|_| Stop::Busy)?;
        let share = self
            .queue
            .clone()
            .try_acquire_many_owned(bytes)
            .map_err(|_| Stop::Busy)?;
        metrics::queued(self.queue.available_permits());
        let producer = self.producer.clone();
        let append = tokio::spawn(async move {
            let appended = producer.append(batch).await;
            drop(share);
            appended
        });
        match tokio::time::timeout(self.timeout, append).await {
            Ok(Ok(appended)) => Ok(appended),
            Ok(Err(_)) | Err(_) => Err(Stop::Unavailable),
        }
    }

    /// Takes `bytes` more of the budget for bodies.
    ///
    /// # Errors
    /// [`Stop::Busy`] if it is used up.
    pub(crate) fn hold(&self, share: &mut BodyShare, bytes: usize) -> Result<(), Stop> {
        let bytes = u32::try_from(bytes).map_err(|_| Stop::Busy)?;
        let more = self
            .bodies
            .clone()
            .try_acquire_many_owned(bytes)
            .map_err(|_| Stop::Busy)?;
        match &mut share.0 {
            Some(held) => held.merge(more),
            None => share.0 = Some(more),
        }
        Ok(())
    }
}
