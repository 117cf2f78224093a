//! The stream on Amazon Kinesis: records travel in KPL aggregates, and shards are shared out by
//! leases in DynamoDB, in the schema of Amazon's own client library.
//!
//! A record goes through [`producer`], which packs it by its [`lanes`] into an [`aggregate`] for the
//! shard that the [`shard_map`] has for its key. It comes out of a [`shard`], which a member holds
//! by a lease ([`leases`]); a [`source`] fetches it, [`unfold`] takes aggregates apart, and a
//! [`cursor`] knows how far it is read. Which calls there are is said in [`service`].

mod address;
mod aggregate;
mod allowance;
mod cursor;
mod fan_out;
mod lanes;
mod leases;
mod listing;
mod metrics;
mod pace;
mod polling;
mod producer;
mod service;
mod shard;
mod shard_map;
mod source;
mod trouble;
mod unfold;

#[cfg(test)]
mod tests;

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use aws_config::{ConfigLoader, SdkConfig};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use self::{
    address::Address,
    leases::{Departures, DynamoTable, Keeper, LeaseTable, Timing, WorkerId},
    listing::{ListShards as _, open_map},
    producer::KinesisProducer,
    service::Service,
    shard::{KinesisShard, Lag},
    source::Source,
};
use crate::{Consumer, Producer, Shard, Stream, StreamError, backoff, url_options};

/// A list of shards is asked for so often where it has holes: a split or a merge takes a minute.
const MAP_TRIES: u32 = 20;

/// A stream of Kinesis.
#[derive(Debug)]
pub struct KinesisStream {
    address: Arc<Address>,
    shared: SdkConfig,
    service: Arc<Service>,
    producer: Arc<KinesisProducer>,
    /// Leases that readers have dropped, and that are not let go yet.
    departures: Departures,
    closed: watch::Sender<bool>,
}

impl KinesisStream {
    /// Opens what `kinesis://stream?region=..` names. Credentials come by the SDK's default chain:
    /// environment, profile, web identity, container or instance.
    ///
    /// # Errors
    /// [`StreamError`] for a URL that is not understood, and if the shards cannot be listed.
    pub async fn open(url: &str) -> Result<Self, StreamError> {
        Self::open_by(url, ConfigLoader::default()).await
    }

    async fn open_by(url: &str, loader: ConfigLoader) -> Result<Self, StreamError> {
        metrics::describe();
        let address = Address::parse(url)?;
        let shared = service::configure(&address, loader).await;
        if shared.region().is_none() {
            let reason = "names no region, and neither do environment, profile or instance: \
                          ?region=eu-west-1";
            return Err(url_options::invalid(url, reason));
        }
        let service = Arc::new(Service::new(&address, &shared));
        let map = first_map(&service).await?;
        info!(
            stream = address.stream,
            shards = map.shards().len(),
            "opened a stream"
        );
        let producer = KinesisProducer::start(&address, service.clone(), map);
        Ok(Self {
            address: Arc::new(address),
            shared,
            service,
            producer: Arc::new(producer),
            departures: Departures::default(),
            closed: watch::Sender::new(false),
        })
    }

    /// The table of a group's leases.
    fn table(&self, group: &str) -> DynamoTable {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.shared);
        if let Some(endpoint) = &self.address.dynamodb_endpoint {
            config = config.endpoint_url(endpoint);
        }
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        DynamoTable::new(client, format!("{}-{group}", self.address.leases))
    }
}

async fn first_map(service: &Service) -> Result<shard_map::ShardMap, StreamError> {
    let mut tries = 0;
    loop {
        match open_map(service.list().await?) {
            Ok(map) => return Ok(map),
            Err(error) if tries == MAP_TRIES => return Err(StreamError::storage(error)),
            Err(error) => info!(%error, "listing the shards again"),
        }
        tries += 1;
        sleep(backoff::after(tries)).await;
    }
}

#[async_trait]
impl Stream for KinesisStream {
    fn producer(&self) -> Arc<dyn Producer> {
        self.producer.clone()
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        Box::new(KinesisConsumer {
            address: self.address.clone(),
            service: self.service.clone(),
            joining: Some(Box::pin(join(
                self.address.clone(),
                self.service.clone(),
                self.table(group),
                self.departures.clone(),
                group.to_owned(),
            ))),
            member: None,
            lag: Lag::of(group),
            closed: self.closed.subscribe(),
        })
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.closed.send_replace(true);
        self.producer.close().await;
        let departed = timeout(self.address.failover, self.departures.over());
        if departed.await.is_err() {
            warn!(
                "ending with leases that are not let go: others take them when they have run out"
            );
        }
        Ok(())
    }
}

/// One member of a group.
struct KinesisConsumer {
    address: Arc<Address>,
    service: Arc<Service>,
    /// Until it has joined.
    joining: Option<Joining>,
    member: Option<Member>,
    lag: Lag,
    closed: watch::Receiver<bool>,
}

type Joining = Pin<Box<dyn Future<Output = Result<Member, StreamError>> + Send>>;

/// A member that has joined.
struct Member {
    keeper: Keeper,
    /// The ARN of the consumer by which it subscribes.
    consumer: Option<Arc<str>>,
}

/// Makes the table of leases and the consumer, if they are not there, and joins.
async fn join(
    address: Arc<Address>,
    service: Arc<Service>,
    table: DynamoTable,
    departures: Departures,
    group: String,
) -> Result<Member, StreamError> {
    table.create().await?;
    let consumer = match &address.fanout {
        Some(name) => {
            let name = format!("{name}-{group}");
            Some(fan_out::register(&service, &name).await?)
        }
        None => None,
    };
    let table: Arc<dyn LeaseTable> = Arc::new(table);
    let timing = Timing {
        failover: address.failover,
    };
    let keeper = Keeper::start(table, service, WorkerId::random(), timing, departures);
    Ok(Member { keeper, consumer })
}

impl KinesisConsumer {
    async fn member(&mut self) -> Result<&mut Member, StreamError> {
        if let Some(joining) = &mut self.joining {
            let joined = joining.await;
            self.joining = None;
            self.member = Some(joined?);
        }
        self.member.as_mut().ok_or(StreamError::Closed)
    }

    async fn next(&mut self) -> Result<Box<dyn Shard>, StreamError> {
        let member = self.member().await?;
        let lease = member.keeper.next().await;
        let consumer = member.consumer.clone();
        let source = Source::new(&self.service, lease.shard(), self.address.poll, consumer);
        let watched = (self.lag.clone(), self.closed.clone());
        let start_ms = self.address.start_ms;
        let service = self.service.clone();
        Ok(Box::new(KinesisShard::new(
            lease, service, source, start_ms, watched,
        )))
    }
}

#[async_trait]
impl Consumer for KinesisConsumer {
    async fn acquire(&mut self) -> Result<Box<dyn Shard>, StreamError> {
        let mut closed = self.closed.clone();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(StreamError::Closed),
            shard = self.next() => shard,
        }
    }
}
