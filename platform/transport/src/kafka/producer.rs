//! The producer: hands what is appended to the [`Client`] that there is, and makes a new one where
//! that has ended. librdkafka keeps the order of records and sends them again; an error that it
//! cannot recover from without losing or doubling a record ends its client for good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::ClientConfig;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tracing::{error, info};

use super::{
    address::Address,
    client::{Client, Underway, Waiting},
    config::{self, GIVE_UP_AFTER},
    metrics,
    pending::Pending,
};
use crate::{Appended, Batch, Producer, StreamError, cut::unavailable};

/// What librdkafka keeps of a record beside its bytes, in bytes: a little less.
const RECORD_BYTES: usize = 256;
/// All that is under way has an answer by then.
const CLOSES_WITHIN: Duration = Duration::from_secs(35);
/// A client that cannot be made is tried to be made again after this.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Appends to a topic.
pub(super) struct KafkaProducer {
    current: Arc<Current>,
    /// The bytes that may wait.
    queue: Arc<Semaphore>,
    queue_bytes: u32,
}

/// The client that there is.
struct Current {
    config: ClientConfig,
    topic: Arc<str>,
    underway: Underway,
    /// None while one is made.
    client: watch::Sender<Option<Arc<Client>>>,
    is_closed: AtomicBool,
}

impl KafkaProducer {
    /// Starts a client.
    pub(super) fn start(address: &Address) -> Result<Self, StreamError> {
        let underway = Underway::new(Pending::new().into());
        let (config, topic) = (config::producer(address), Arc::from(&*address.topic));
        let client = Client::start(&config, &topic, &underway).map_err(StreamError::storage)?;
        let queue_bytes = u32::try_from(address.queue_bytes).unwrap_or(u32::MAX);
        Ok(Self {
            current: Arc::new(Current {
                config,
                topic,
                underway,
                client: watch::Sender::new(Some(Arc::new(client))),
                is_closed: AtomicBool::new(false),
            }),
            queue: Arc::new(Semaphore::new(queue_bytes as usize)),
            queue_bytes,
        })
    }

    /// Waits until everything appended has its answer, but not for ever; from now on nothing more is
    /// taken.
    pub(super) async fn close(&self) -> Result<(), StreamError> {
        self.current.is_closed.store(true, Ordering::Release);
        // What waits has shares of the queue: all of it is free when nothing waits.
        let all = self.queue.acquire_many(self.queue_bytes);
        let is_flushed = match timeout(CLOSES_WITHIN, all).await {
            Ok(Ok(all)) => {
                all.forget();
                true
            }
            // It was closed before.
            Ok(Err(_)) => true,
            Err(_) => false,
        };
        self.queue.close();
        if let Some(client) = self.current.client.send_replace(None) {
            // A client that hangs on does so in its own thread.
            let _panicked = spawn_blocking(move || Client::end(client)).await;
        }
        if is_flushed {
            return Ok(());
        }
        let reason = format!("what was appended last was not taken within {CLOSES_WITHIN:?}");
        Err(StreamError::Storage(reason))
    }

    /// What a batch counts for in the queue.
    fn share(&self, batch: &Batch) -> u32 {
        let bytes = batch.bytes() + batch.len() * RECORD_BYTES;
        bytes.min(self.queue_bytes as usize) as u32
    }
}

#[async_trait]
impl Producer for KafkaProducer {
    async fn append(&self, batch: Batch) -> Appended {
        let records = batch.len();
        if batch.is_empty() {
            return Appended::default();
        }
        let share = self.queue.clone().acquire_many_owned(self.share(&batch));
        let share = match timeout(GIVE_UP_AFTER, share).await {
            _ if self.current.is_closed.load(Ordering::Acquire) => {
                return unavailable(records, "it is closed");
            }
            Ok(Ok(share)) => share,
            Ok(Err(_)) => return unavailable(records, "it is closed"),
            Err(_) => return unavailable(records, "too much waits for the brokers"),
        };
        let (answer, answered) = oneshot::channel();
        {
            let Ok(Some(client)) = timeout(GIVE_UP_AFTER, Current::client(&self.current)).await
            else {
                return unavailable(records, "it is started anew");
            };
            let waiting = Waiting {
                records,
                answer,
                _share: share,
            };
            client.send(&batch, waiting);
        }
        drop(batch);
        answered
            .await
            .unwrap_or_else(|_| unavailable(records, "its client has ended"))
    }
}

impl Current {
    /// The client; waits for a new one where it has ended. None where it is closed.
    async fn client(this: &Arc<Self>) -> Option<Arc<Client>> {
        let mut changes = this.client.subscribe();
        loop {
            if this.is_closed.load(Ordering::Acquire) {
                return None;
            }
            let client = changes.borrow_and_update().clone();
            match client {
                Some(client) if !client.is_broken() => return Some(client),
                Some(_) => Self::restart(this),
                // The sender lives in what this borrows.
                None => drop(changes.changed().await),
            }
        }
    }

    /// Begins to make a new client, unless it has begun.
    fn restart(this: &Arc<Self>) {
        let mut broken = None;
        this.client.send_if_modified(|client| {
            let is_broken = client.as_ref().is_some_and(|client| client.is_broken());
            if is_broken {
                broken = client.take();
            }
            is_broken
        });
        if let Some(broken) = broken {
            // Nobody that waits for it may break it off.
            tokio::spawn(Self::replace(this.clone(), broken));
        }
    }

    /// Ends a client and then makes a new one: nothing of the one overtakes what the other sends.
    async fn replace(self: Arc<Self>, broken: Arc<Client>) {
        metrics::restarted();
        let _panicked = spawn_blocking(move || Client::end(broken)).await;
        while !self.is_closed.load(Ordering::Acquire) {
            match Client::start(&self.config, &self.topic, &self.underway) {
                Ok(client) => {
                    info!("the producer has begun anew");
                    self.client.send_replace(Some(Arc::new(client)));
                    return;
                }
                Err(error) => error!(%error, "the producer cannot begin anew, trying again"),
            }
            sleep(TRY_AGAIN).await;
        }
        self.client.send_replace(None);
    }
}
