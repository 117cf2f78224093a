//! The way to the stream, bounded in bytes: what waits for it, and what bodies hold meanwhile.
//! It orders nothing and retries nothing; a client that got no 2xx sends again.

use std::{sync::Arc, time::Duration};

use schemas::Protocol;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;
use transport::{Appended, Batch, Producer};

use crate::{lane::Lane, metrics, problem::Stop};

/// So many parts the queue has, of which one is for backfill.
const BACKFILL_PART: u32 = 4;

/// Appends batches within a budget of bytes.
pub(crate) struct Intake {
    live: Way,
    backfill: Way,
    bodies: Arc<Semaphore>,
    timeout: Duration,
}

/// The way of a lane.
struct Way {
    producer: Arc<dyn Producer>,
    queue: Arc<Semaphore>,
}

/// Bytes of a body that count against the budget until dropped.
#[derive(Default)]
pub(crate) struct BodyShare(Option<OwnedSemaphorePermit>);

impl Intake {
    /// `timeout` bounds every wait for the stream. What is backfilled may take one part of
    /// [`BACKFILL_PART`] of the queue, and nothing of what is left to live pings.
    pub(crate) fn new(
        [live, backfill]: [Arc<dyn Producer>; 2],
        queue_bytes: u32,
        body_bytes: u32,
        timeout: Duration,
    ) -> Self {
        let of_backfill = queue_bytes / BACKFILL_PART;
        let way = |producer, bytes: u32| Way {
            producer,
            queue: Arc::new(Semaphore::new(bytes as usize)),
        };
        Self {
            live: way(live, queue_bytes - of_backfill),
            backfill: way(backfill, of_backfill),
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
    pub(crate) async fn append(
        &self,
        lane: Lane,
        batch: Batch,
        protocol: Protocol,
    ) -> Result<Appended, Stop> {
        let way = match lane {
            Lane::Live => &self.live,
            Lane::Backfill => &self.backfill,
        };
        let bytes = u32::try_from(batch.bytes()).map_err(|_| Stop::Busy)?;
        let share = way.queue.clone().try_acquire_many_owned(bytes);
        metrics::queue_free(lane, way.queue.available_permits());
        let share = share.map_err(|_| Stop::Busy)?;
        let (producer, queue) = (way.producer.clone(), way.queue.clone());
        let append = tokio::spawn(async move {
            let records = batch.len();
            let appended = producer.append(batch).await;
            metrics::accepted(protocol, (records - appended.failed.len()) as u64);
            drop(share);
            metrics::queue_free(lane, queue.available_permits());
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
