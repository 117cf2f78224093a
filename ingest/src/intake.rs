//! The way to the stream, bounded in bytes: what waits for it, and what bodies hold meanwhile.
//! It orders nothing and retries nothing; a client that got no 2xx sends again.

use std::{sync::Arc, time::Duration};

use schemas::Protocol;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;
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
    /// budget until it ends: so a stream that stands still costs no more than the budget. What it
    /// made durable is counted in any case.
    ///
    /// # Errors
    /// [`Stop::Busy`] if the budget is full, [`Stop::Unavailable`] if the stream does not answer.
    pub(crate) async fn append(&self, batch: Batch, protocol: Protocol) -> Result<Appended, Stop> {
        let bytes = u32::try_from(batch.bytes()).map_err(|_| Stop::Busy)?;
        let queue = self.queue.clone();
        let share = queue.try_acquire_many_owned(bytes);
        metrics::queue_free(self.queue.available_permits());
        let share = share.map_err(|_| Stop::Busy)?;
        let (producer, queue) = (self.producer.clone(), self.queue.clone());
        let append = tokio::spawn(async move {
            let records = batch.len();
            let appended = producer.append(batch).await;
            metrics::accepted(protocol, (records - appended.failed.len()) as u64);
            drop(share);
            metrics::queue_free(queue.available_permits());
            appended
        });
        match tokio::time::timeout(self.timeout, append).await {
            Ok(Ok(appended)) => Ok(appended),
            Ok(Err(panic)) => {
                error!(%panic, "an append broke down: what became of its records is not known");
                Err(Stop::Unavailable)
            }
            Err(_) => Err(Stop::Unavailable),
        }
    }

    /// Takes `bytes` more of the budget for bodies.
    ///
    /// # Errors
    /// [`Stop::Busy`] if it is used up.
    pub(crate) fn hold(&self, share: &mut BodyShare, bytes: usize) -> Result<(), Stop> {
        let bytes = u32::try_from(bytes).map_err(|_| Stop::Busy)?;
        let more = self.bodies.clone().try_acquire_many_owned(bytes);
        metrics::bodies_free(self.bodies.available_permits());
        let more = more.map_err(|_| Stop::Busy)?;
        match &mut share.0 {
            Some(held) => held.merge(more),
            None => share.0 = Some(more),
        }
        Ok(())
    }
}
