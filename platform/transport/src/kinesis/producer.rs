//! The producer: one task takes what is appended, sends what its [`Lanes`] say is due, and tells
//! whoever appended. Which records go together, and in which order, is decided there.
//!
//! An aggregate holds keys of one shard alone, as readers drop what is none of the shard's. So an
//! answer that names another shard than the predicted one makes the map stale: nothing is sent
//! until all calls are back and the shards are listed again, and the aggregate is sent again whole.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_kinesis::types::PutRecordsResultEntry;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tracing::{info, warn};

use super::{
    address::Address,
    aggregate::Aggregate,
    lanes::{Failure, Lanes, Outgoing, Parcel, Ticket},
    listing::{ListShards as _, open_map},
    metrics,
    service::Service,
    shard_map::ShardMap,
    trouble::Trouble,
};
use crate::{
    AppendError, Appended, Batch, Producer,
    admission::{self, MAX_RECORD_BYTES},
    backoff,
    cut::unavailable,
};

/// So many calls are under way at once: enough for many shards that are due at different times.
const MAX_CALLS: usize = 16;
/// A record that the service has not taken in this time is given up: whoever appended it has.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
/// Batches that wait for the task; their bytes are bounded apart from that.
const MAX_BATCHES: usize = 1_024;

/// Appends to a stream of Kinesis.
#[derive(Debug)]
pub(super) struct KinesisProducer {
    appends: mpsc::Sender<Append>,
    /// The bytes that may wait.
    queue: Arc<Semaphore>,
    queue_bytes: u32,
    is_closed: AtomicBool,
}

/// A batch on its way to the task.
#[derive(Debug)]
struct Append {
    batch: Batch,
    share: OwnedSemaphorePermit,
    answer: oneshot::Sender<Appended>,
}

impl KinesisProducer {
    /// Starts the task.
    pub(super) fn start(address: &Address, service: Arc<Service>, map: ShardMap) -> Self {
        let (appends, received) = mpsc::channel(MAX_BATCHES);
        let queue_bytes = u32::try_from(address.queue_bytes).unwrap_or(u32::MAX);
        let sender = Sender {
            lanes: Lanes::new(map, now()),
            appended: HashMap::new(),
            next_append: 0,
            linger: address.linger,
            call_bytes: address.call_bytes,
            is_stale: false,
            misses: 0,
            last_error: "it does not answer".to_owned(),
            tasks: JoinSet::new(),
            calls: HashMap::new(),
            service,
        };
        tokio::spawn(sender.run(received));
        Self {
            appends,
            queue: Arc::new(Semaphore::new(queue_bytes as usize)),
            queue_bytes,
            is_closed: AtomicBool::new(false),
        }
    }

    /// Waits until everything appended has its answer; from now on nothing more is taken.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        // What waits has shares of the queue: all of it is free when nothing waits.
        if let Ok(all) = self.queue.acquire_many(self.queue_bytes).await {
            all.forget();
            self.queue.close();
        }
    }
}

#[async_trait]
impl Producer for KinesisProducer {
    async fn append(&self, batch: Batch) -> Appended {
        let records = batch.len();
        if self.is_closed.load(Ordering::Acquire) {
            return unavailable(records, "it is closed");
        }
        if batch.is_empty() {
            return Appended::default();
        }
        let bytes = batch.bytes().clamp(1, self.queue_bytes as usize) as u32;
        let Ok(share) = self.queue.clone().acquire_many_owned(bytes).await else {
            return unavailable(records, "it is closed");
        };
        let (answer, answered) = oneshot::channel();
        let append = Append {
            batch,
            share,
            answer,
        };
        if self.appends.send(append).await.is_err() {
            return unavailable(records, "its task has ended");
        }
        answered
            .await
            .unwrap_or_else(|_| unavailable(records, "its task has ended"))
    }
}

/// The task.
struct Sender {
    lanes: Lanes,
    appended: HashMap<u64, Appending>,
    next_append: u64,
    linger: Duration,
    call_bytes: usize,
    /// Whether the service has other shards than the map.
    is_stale: bool,
    /// How often in a row the shards were listed, and were others yet.
    misses: u32,
    last_error: String,
    tasks: JoinSet<Done>,
    /// What is under way, by the task that calls.
    calls: HashMap<Id, Vec<Outgoing>>,
    service: Arc<Service>,
}

/// A batch some of whose records wait.
struct Appending {
    left: usize,
    appended: Appended,
    answer: oneshot::Sender<Appended>,
    _share: OwnedSemaphorePermit,
}

/// What a task came back with.
enum Done {
    Put(Result<Vec<PutRecordsResultEntry>, Trouble>),
    Listed(ShardMap),
}

impl Sender {
    async fn run(mut self, mut received: mpsc::Receiver<Append>) {
        let mut is_open = true;
        while is_open || !self.appended.is_empty() {
            self.give_up();
            self.send();
            let due = self.next_due();
            tokio::select! {
                append = received.recv(), if is_open => match append {
                    Some(append) => self.take(append),
                    None => is_open = false,
                },
                Some(done) = self.tasks.join_next_with_id() => self.done(done),
                () = sleep_until(due) => {}
            }
        }
    }

    /// Packs a batch.
    fn take(&mut self, append: Append) {
        let Append {
            batch,
            share,
            answer,
        } = append;
        let number = self.next_append;
        self.next_append += 1;
        let mut appended = Appended::default();
        let mut left = 0;
        let now = now();
        for (index, (key, payload)) in batch.iter().enumerate() {
            match check(key, payload) {
                Ok(()) => {
                    left += 1;
                    let ticket = Ticket {
                        append: number,
                        index,
                    };
                    self.lanes.add(key, payload, ticket, now);
                }
                Err(error) => appended.failed.push((index, error)),
            }
        }
        if left == 0 {
            // Whoever is gone does not wait for it.
            let _gone = answer.send(appended);
            return;
        }
        let appending = Appending {
            left,
            appended,
            answer,
            _share: share,
        };
        self.appended.insert(number, appending);
    }

    /// Starts the calls that are due, or a new list of the shards.
    fn send(&mut self) {
        if self.is_stale {
            // Then nothing is under way, and no list either.
            if self.tasks.is_empty() {
                self.tasks.spawn(list(self.service.clone(), self.misses));
                self.misses += 1;
            }
            return;
        }
        while self.calls.len() < MAX_CALLS {
            let due = self.lanes.take_due(self.linger, self.call_bytes, now());
            if due.is_empty() {
                return;
            }
            let records = due.iter().map(|outgoing| outgoing.parcel.packed.clone());
            let records: Vec<_> = records.collect();
            let service = self.service.clone();
            let put = async move { Done::Put(service.put(records).await) };
            metrics::call();
            self.calls.insert(self.tasks.spawn(put).id(), due);
        }
    }

    fn next_due(&self) -> Instant {
        let far = Instant::now() + GIVE_UP_AFTER / 30;
        let waits = self.is_stale || self.calls.len() == MAX_CALLS;
        match self.lanes.next_due(self.linger, now()) {
            Some(due) if !waits => far.min(due.into()),
            _ => far,
        }
    }

    fn done(&mut self, done: Result<(Id, Done), JoinError>) {
        let (id, answer) = match done {
            Ok((_, Done::Listed(map))) => {
                info!(shards = map.shards().len(), "the shards are others now");
                self.lanes.redirect(map, now());
                self.is_stale = false;
                return;
            }
            Ok((id, Done::Put(answer))) => (id, answer),
            Err(panic) => (panic.id(), Err(Trouble::Passing(panic.to_string()))),
        };
        let outgoing = self.calls.remove(&id).unwrap_or_default();
        match answer {
            Ok(answers) => {
                for (outgoing, answer) in outgoing.into_iter().zip(answers) {
                    self.answered(outgoing, answer);
                }
            }
            Err(trouble) => {
                warn!(%trouble, "a call failed, its records are sent again");
                let failure = match trouble {
                    Trouble::Throttled => Failure::Refused,
                    _ => Failure::Failed,
                };
                self.last_error = trouble.to_string();
                for outgoing in outgoing {
                    self.put_back(outgoing, failure);
                }
            }
        }
    }

    /// Takes the answer to one parcel.
    fn answered(&mut self, outgoing: Outgoing, answer: PutRecordsResultEntry) {
        let Some(shard) = answer.shard_id.filter(|_| answer.sequence_number.is_some()) else {
            let code = answer.error_code.unwrap_or_default();
            let failure = match &*code {
                "ProvisionedThroughputExceededException" => Failure::Refused,
                _ => Failure::Failed,
            };
            self.last_error = answer.error_message.unwrap_or(code);
            self.put_back(outgoing, failure);
            return;
        };
        let is_predicted = shard == self.lanes.shard(outgoing.lane).as_str();
        if !is_predicted {
            metrics::misdirected(outgoing.parcel.count());
            self.is_stale = true;
            // A plain record is right wherever the service puts it.
            if outgoing.parcel.count() > 1 {
                self.lanes.misdirected(outgoing);
                return;
            }
        }
        if is_predicted {
            self.misses = 0;
        }
        metrics::stored(outgoing.parcel.count(), outgoing.parcel.bytes());
        self.lanes.stored(outgoing.lane);
        self.settle(&outgoing.parcel, None);
    }

    fn put_back(&mut self, outgoing: Outgoing, failure: Failure) {
        metrics::sent_again(failure, outgoing.parcel.count());
        self.lanes
            .put_back(outgoing, failure, backoff::after, now());
    }

    /// Gives up what has waited for too long.
    fn give_up(&mut self) {
        let Some(then) = now().checked_sub(GIVE_UP_AFTER) else {
            return;
        };
        for parcel in self.lanes.take_older(then) {
            let error = AppendError::Unavailable(self.last_error.clone());
            metrics::given_up(parcel.count());
            self.settle(&parcel, Some(&error));
        }
    }

    /// Tells those who wait for a parcel what became of it.
    fn settle(&mut self, parcel: &Parcel, error: Option<&AppendError>) {
        for Ticket { append, index } in parcel.tickets() {
            let Some(appending) = self.appended.get_mut(&append) else {
                continue;
            };
            let failed = error.map(|error| (index, error.clone()));
            appending.appended.failed.extend(failed);
            appending.left -= 1;
            if appending.left == 0
                && let Some(mut done) = self.appended.remove(&append)
            {
                done.appended
                    .failed
                    .sort_unstable_by_key(|(index, _)| *index);
                // Whoever is gone does not wait for it.
                let _gone = done.answer.send(done.appended);
            }
        }
    }
}

/// Lists the shards until they are a whole map: while they are split or merged they are not.
/// After `misses` in vain it waits first, for the service lists what it does a moment later.
async fn list(service: Arc<Service>, misses: u32) -> Done {
    let mut failures = misses;
    loop {
        if failures > 0 {
            sleep(backoff::after(failures)).await;
        }
        match service.list().await.map(open_map) {
            Ok(Ok(map)) => return Done::Listed(map),
            Ok(Err(error)) => info!(%error, "listing the shards again"),
            Err(error) => warn!(%error, "listing the shards again"),
        }
        failures += 1;
    }
}

/// Says why a record will never be taken, if so. Kinesis takes keys that are text, and no record that
/// grows beyond its limit where it is packed.
fn check(key: &[u8], payload: &[u8]) -> Result<(), AppendError> {
    admission::check(key, payload)?;
    let bytes = Aggregate::bytes_alone(key, payload);
    let reason = if std::str::from_utf8(key).is_err() {
        "the key is no text".to_owned()
    } else if bytes > MAX_RECORD_BYTES {
        format!("the record has {bytes} bytes when it is packed, {MAX_RECORD_BYTES} is the most")
    } else {
        return Ok(());
    };
    Err(AppendError::Rejected(reason))
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
