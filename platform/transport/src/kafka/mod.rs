//! The stream on Apache Kafka: a topic is the stream, and its partitions are the shards.
//!
//! A record goes through [`producer`], which hands it to a [`client`] of librdkafka and counts its batch
//! down ([`pending`]) as brokers take its records. It comes out of a [`shard`]: a partition that a
//! [`member`] of a group got, as its [`holdings`] say, and that a reader claimed ([`claim`]). Records wait
//! in a [`queue`] of the partition's own; a [`cursor`] knows how far it is read. Topics are made by
//! whoever runs the brokers, never here.

mod address;
mod claim;
mod client;
mod config;
mod cursor;
mod holdings;
mod lag;
mod member;
mod metrics;
mod pending;
mod producer;
mod queue;
mod shard;
mod voice;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use self::{
    address::Address,
    claim::Claim,
    lag::Lag,
    member::{Ask, Clients, Member, Rebalances, Shared},
    producer::KafkaProducer,
    shard::{KafkaShard, Watched},
    voice::Voice,
};
use crate::{Consumer, Producer, Shard, Stream, StreamError, lock::locked, url_options};

/// Brokers that do not answer within this time are not there: one of several may be starting.
const OPENS_WITHIN: Duration = Duration::from_secs(30);
/// A single question has so long.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// After an answer that may be another soon.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// A topic that was just made is known to all brokers by then.
const TOPIC_TRIES: u32 = 4;
/// Members tell their groups that they leave, or the groups find out by themselves.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// A stream of Kafka.
pub struct KafkaStream {
    address: Arc<Address>,
    producer: Arc<KafkaProducer>,
    members: Mutex<Vec<Arc<Shared>>>,
    closed: watch::Sender<bool>,
}

impl KafkaStream {
    /// Opens what `kafka://broker:9092,another:9092/topic` names.
    ///
    /// # Errors
    /// [`StreamError`] for a URL that is not understood, for brokers that do not answer, and for a
    /// topic that is not there.
    pub async fn open(url: &str) -> Result<Self, StreamError> {
        metrics::describe();
        let address = Arc::new(Address::parse(url)?);
        let partitions = partitions(&address, url).await?;
        info!(topic = address.topic, partitions, "opened a stream");
        let producer = KafkaProducer::start(&address)?;
        Ok(Self {
            address,
            producer: Arc::new(producer),
            members: Mutex::default(),
            closed: watch::Sender::new(false),
        })
    }
}

/// How many partitions the topic has.
async fn partitions(address: &Arc<Address>, url: &str) -> Result<usize, StreamError> {
    let latest = Instant::now() + OPENS_WITHIN;
    let mut tries = 0;
    loop {
        let asked = address.clone();
        let asking = spawn_blocking(move || ask_partitions(&asked)).await;
        let error = match asking.map_err(StreamError::storage)? {
            Ok(partitions) => return Ok(partitions),
            Err(error) => error,
        };
        let is_missing = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
        );
        tries += 1;
        if is_missing && tries >= TOPIC_TRIES {
            let reason = format!(
                "names the topic {}, which is not there: make it first, with as many partitions as \
                 processes may share its load",
                address.topic
            );
            return Err(url_options::invalid(url, &reason));
        }
        if !is_missing && (Instant::now() >= latest || error.rdkafka_error_code().is_none()) {
            return Err(StreamError::storage(error));
        }
        warn!(%error, "asking for the topic again");
        sleep(ASK_AGAIN).await;
    }
}

fn ask_partitions(address: &Address) -> Result<usize, KafkaError> {
    let config = config::asking(address);
    let client: BaseConsumer<Voice> = config.create_with_context(Voice::of("opening"))?;
    let metadata = client.fetch_metadata(Some(&address.topic), ANSWERS_WITHIN)?;
    let mut topics = metadata.topics().iter();
    let topic = topics.find(|topic| topic.name() == address.topic);
    let missing = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
    let topic = topic.ok_or_else(|| missing.clone())?;
    match topic.error() {
        Some(error) => Err(KafkaError::MetadataFetch(error.into())),
        None if topic.partitions().is_empty() => Err(missing),
        None => Ok(topic.partitions().len()),
    }
}

#[async_trait]
impl Stream for KafkaStream {
    fn producer(&self) -> Arc<dyn Producer> {
        self.producer.clone()
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        let consumer = join(&self.address, group, self.closed.subscribe());
        if let Ok(consumer) = &consumer {
            let mut members = locked(&self.members);
            members.retain(|member| !*member.has_left.borrow());
            members.push(consumer.shared.clone());
        }
        match consumer {
            Ok(consumer) => Box::new(consumer),
            Err(error) => Box::new(NoMember(error)),
        }
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.closed.send_replace(true);
        let closed = self.producer.close().await;
        let members = locked(&self.members).clone();
        let leaving = members.iter().filter(|member| member.is_leaving());
        for member in leaving {
            let mut has_left = member.has_left.subscribe();
            let left = has_left.wait_for(|has_left| *has_left);
            if timeout(LEAVES_WITHIN, left).await.is_err() {
                warn!("a group was not left: it finds out when the session has ended");
            }
        }
        closed
    }
}

/// Starts the clients and the thread of a new member.
fn join(
    address: &Arc<Address>,
    group: &str,
    closed: watch::Receiver<bool>,
) -> Result<KafkaConsumer, StreamError> {
    let name = format!("{}-{group}", address.groups);
    let membership = config::member(address, &name).create_with_context(Rebalances::new());
    let reader = config::reader(address, &name).create_with_context(Voice::of_reader(group));
    let clients = Clients {
        membership: Arc::new(membership.map_err(StreamError::storage)?),
        reader: Arc::new(reader.map_err(StreamError::storage)?),
    };
    let (ask, asked) = mpsc::channel();
    let shared = Arc::<Shared>::default();
    shared.enter();
    let topic = Arc::<str>::from(&*address.topic);
    let member = Member {
        clients: clients.clone(),
        topic: topic.clone(),
        shared: shared.clone(),
        asked,
        flowing: BTreeSet::new(),
        hand_over: None,
    };
    thread::Builder::new()
        .name(format!("kafka-{group}"))
        .spawn(|| member.run())
        .map_err(StreamError::storage)?;
    Ok(KafkaConsumer {
        start_ms: address.start_ms,
        topic,
        clients: Some(clients),
        lag: Lag::of(group),
        closed,
        shared,
        ask,
    })
}

/// One member of a group.
struct KafkaConsumer {
    start_ms: Option<i64>,
    topic: Arc<str>,
    /// Until it is dropped.
    clients: Option<Clients>,
    lag: Lag,
    closed: watch::Receiver<bool>,
    shared: Arc<Shared>,
    ask: mpsc::Sender<Ask>,
}

impl KafkaConsumer {
    fn shard_of(&self, claim: Claim) -> Option<KafkaShard> {
        let watched = Watched {
            lag: self.lag.clone(),
            closed: self.closed.clone(),
        };
        let clients = self.clients.clone()?;
        KafkaShard::new(claim, clients, &self.topic, self.start_ms, watched)
    }

    async fn next(&self) -> Result<Box<dyn Shard>, StreamError> {
        let mut changed = self.shared.changed.subscribe();
        let mut is_broken = self.shared.is_broken.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(claim) = Claim::next(&self.shared, &self.ask) {
                claim.check()?;
                let shard = self.shard_of(claim);
                let shard =
                    shard.ok_or_else(|| StreamError::storage("a partition has no queue"))?;
                return Ok(Box::new(shard));
            }
            tokio::select! {
                // The senders live in what this borrows: there is always something to wait for.
                _ = changed.changed() => {}
                _ = is_broken.wait_for(|is_broken| *is_broken) => {
                    let reason = "the member of the group met an error that it cannot go on from";
                    return Err(StreamError::storage(reason));
                }
            }
        }
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn acquire(&mut self) -> Result<Box<dyn Shard>, StreamError> {
        let mut closed = self.closed.clone();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(StreamError::Closed),
            shard = self.next() => shard,
        }
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.clients = None;
        self.shared.change(holdings::Holdings::leave);
        self.shared.exit();
        // A thread that has ended needs no waking.
        let _ended = self.ask.send(Ask::Look);
    }
}

/// A member that could not be started.
struct NoMember(StreamError);

#[async_trait]
impl Consumer for NoMember {
    async fn acquire(&mut self) -> Result<Box<dyn Shard>, StreamError> {
        Err(self.0.clone())
    }
}
