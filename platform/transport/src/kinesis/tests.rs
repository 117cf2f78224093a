//! The stream against ferrokinesis, a server by others, and moto, which keeps the leases: also over
//! networks that fail, while shards are split and merged, and when retention is faster.

mod limits;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_credential_types::Credentials;
use faults::{
    KinesisPlan, Plan, Proxy,
    servers::{Kinesis, KinesisOptions, Moto},
};

use super::*;
use crate::{
    Batch, Position, Read,
    conformance::{self, Delivery},
};

/// What tests wait for seldom is soon over.
const QUICK: &str = "linger=2ms&poll=10ms&failover=1s";

/// Servers of its own.
struct Cloud {
    kinesis: Kinesis,
    /// Lives as long as its proxy.
    _moto: Moto,
    kinesis_proxy: Proxy,
    moto_proxy: Proxy,
}

impl Cloud {
    /// Starts them; None if `test` is skipped.
    async fn start(test: &str, options: KinesisOptions, plan: Plan) -> Option<Self> {
        let moto = Moto::start(test)?;
        let kinesis = Kinesis::start(options).await;
        let one_at_a_time = faults::writes;
        let moto_plan = Plan {
            one_at_a_time,
            ..plan
        };
        Some(Self {
            kinesis_proxy: Proxy::start(kinesis.address(), plan, 1).await,
            moto_proxy: Proxy::start(moto.address(), moto_plan, 2).await,
            kinesis,
            _moto: moto,
        })
    }

    /// Opens a new stream of so many shards; returns its name too.
    async fn stream(&self, shards: u32, options: &str) -> (String, Arc<dyn Stream>) {
        static STREAMS: AtomicU32 = AtomicU32::new(0);
        let name = format!("stream-{}", STREAMS.fetch_add(1, Ordering::Relaxed));
        self.kinesis.create_stream(&name, shards).await;
        let stream = self.open(&name, options).await;
        (name, stream)
    }

    async fn open(&self, name: &str, options: &str) -> Arc<dyn Stream> {
        let (kinesis, dynamodb) = (self.kinesis_proxy.address(), self.moto_proxy.address());
        let url = format!(
            "kinesis://{name}?region=us-east-1&endpoint=http://{kinesis}\
             &dynamodb_endpoint=http://{dynamodb}&{options}"
        );
        let credentials = Credentials::from_keys("key", "secret", None);
        let loader = ConfigLoader::default().credentials_provider(credentials);
        Arc::new(KinesisStream::open_by(&url, loader).await.unwrap())
    }
}

/// Records of keys with numbers.
fn batch(records: impl IntoIterator<Item = (usize, u64)>) -> Batch {
    let mut batch = Batch::default();
    for (key, number) in records {
        batch.push(
            |to| to.extend_from_slice(format!("key-{key}").as_bytes()),
            |to| to.extend_from_slice(&number.to_le_bytes()),
        );
    }
    batch
}

/// What a reader of one shard finds next.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Numbers(Vec<u64>),
    Gap,
}

async fn next(shard: &mut dyn Shard) -> Found {
    loop {
        match shard.read().await.unwrap() {
            Read::Records(fetched) => {
                let number = |payload: &[u8]| u64::from_le_bytes(payload.try_into().unwrap());
                let numbers = fetched.iter().map(|record| number(record.payload));
                return Found::Numbers(numbers.collect());
            }
            Read::Gap(_) => return Found::Gap,
            Read::Ended(_) | Read::Revoked => {}
        }
    }
}

async fn last_position(shard: &mut dyn Shard) -> Position {
    loop {
        if let Read::Records(fetched) = shard.read().await.unwrap() {
            return fetched.iter().last().unwrap().position;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_stream() {
    let test = "kinesis: it_keeps_the_contract_of_every_stream";
    let calm = Cloud::start(test, KinesisOptions::default(), Plan::CALM);
    let Some(cloud) = calm.await else { return };
    conformance::run(Delivery::Once, async || cloud.stream(2, QUICK).await.1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_over_a_network_that_fails() {
    let test = "kinesis: it_keeps_the_contract_over_a_network_that_fails";
    let stormy = Cloud::start(test, KinesisOptions::default(), Plan::each_of_aws(50));
    let Some(cloud) = stormy.await else { return };
    conformance::run(Delivery::AtLeastOnce, async || {
        cloud.stream(2, QUICK).await.1
    })
    .await;
    let faults = cloud.kinesis_proxy.counts().faults;
    assert!(faults > 100, "only {faults} faults");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_by_fan_out() {
    let test = "kinesis: it_keeps_the_contract_by_fan_out";
    let calm = Cloud::start(test, KinesisOptions::default(), Plan::CALM);
    let Some(cloud) = calm.await else { return };
    let options = format!("{QUICK}&fanout=fast");
    conformance::run(Delivery::Once, async || cloud.stream(2, &options).await.1).await;
}

/// Reads all shards of a group, old and new, until each of `keys` keys has come to `last`; returns
/// how often a record came again.
async fn read_through(stream: &dyn Stream, keys: usize, last: u64) -> usize {
    let mut consumer = stream.consumer("group");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let acquiring = tokio::spawn(async move {
        while let Ok(mut shard) = consumer.acquire().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                while let Ok(read) = shard.read().await {
                    match read {
                        Read::Records(fetched) => {
                            for record in fetched.iter() {
                                let key = String::from_utf8(record.key.to_vec()).unwrap();
                                let number = record.payload.try_into().unwrap();
                                let _ = tell.send((key, u64::from_le_bytes(number)));
                            }
                        }
                        Read::Ended(_) => {
                            let _ = shard.finish().await;
                            return;
                        }
                        Read::Gap(until) => panic!("a gap until {until}"),
                        Read::Revoked => return,
                    }
                }
            });
        }
    });
    let mut repeats = 0;
    let mut newest: HashMap<String, u64> = HashMap::new();
    while newest.len() < keys || newest.values().any(|number| *number < last) {
        let (key, number) = told.recv().await.unwrap();
        let expected = newest.get(&key).map_or(0, |newest| newest + 1);
        if number < expected {
            repeats += 1;
            continue;
        }
        assert_eq!(number, expected, "of {key}, whose records keep their order");
        newest.insert(key, number);
    }
    acquiring.abort();
    repeats
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_lost_or_overtaken_while_shards_are_split_and_merged() {
    const KEYS: usize = 60;
    const ROUNDS: u64 = 120;
    let test = "kinesis: no_record_is_lost_or_overtaken_while_shards_are_split_and_merged";
    let stormy = Cloud::start(test, KinesisOptions::default(), Plan::each_of_aws(80));
    let Some(cloud) = stormy.await else { return };
    let (name, stream) = cloud.stream(2, QUICK).await;
    let producer = stream.producer();
    cloud
        .kinesis_proxy
        .split_before_put(20, &name, "shardId-000000000000");
    let reading = tokio::spawn({
        let stream = stream.clone();
        async move { read_through(&*stream, KEYS, ROUNDS - 1).await }
    });
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            let (lower, upper) = ("shardId-000000000003", "shardId-000000000001");
            cloud.kinesis.merge(&name, lower, upper).await;
        }
        let records = (0..KEYS).map(|key| (key, round));
        let failed = producer.append(batch(records)).await.failed;
        assert!(failed.is_empty(), "{failed:?}");
    }
    let all = timeout(Duration::from_mins(2), reading).await;
    let repeats = all.expect("all is read").unwrap();
    assert!(
        repeats > 0,
        "what came to another shard than predicted comes again"
    );
}

/// A reader that was away while retention took what came after its position.
async fn check_gap(test: &str, plan: Plan) {
    let start = Cloud::start(test, KinesisOptions::default(), plan);
    let Some(cloud) = start.await else { return };
    let (name, stream) = cloud.stream(1, QUICK).await;
    let producer = stream.producer();
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    assert!(producer.append(batch([(1, 0)])).await.failed.is_empty());
    let position = last_position(&mut *shard).await;
    shard.seek(Some(position));
    assert!(producer.append(batch([(1, 1)])).await.failed.is_empty());
    assert_eq!(
        next(&mut *shard).await,
        Found::Numbers(vec![1]),
        "nothing is lost yet"
    );
    cloud.kinesis.forget_before_now(&name).await;
    assert!(producer.append(batch([(1, 2)])).await.failed.is_empty());
    assert_eq!(
        next(&mut *shard).await,
        Found::Numbers(vec![2]),
        "a reader that follows"
    );
    shard.seek(Some(position));
    assert_eq!(next(&mut *shard).await, Found::Gap);
    assert_eq!(next(&mut *shard).await, Found::Numbers(vec![2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_has_taken_is_told_as_a_gap() {
    check_gap(
        "kinesis: what_retention_has_taken_is_told_as_a_gap",
        Plan::CALM,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_has_taken_is_told_as_a_gap_where_its_number_is_refused() {
    let test = "kinesis: what_retention_has_taken_is_told_as_a_gap_where_its_number_is_refused";
    let kinesis = KinesisPlan {
        refuse_trimmed: true,
        ..KinesisPlan::CALM
    };
    check_gap(
        test,
        Plan {
            kinesis,
            ..Plan::CALM
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_within_an_aggregate() {
    let test = "kinesis: reading_goes_on_within_an_aggregate";
    let start = Cloud::start(test, KinesisOptions::default(), Plan::CALM);
    let Some(cloud) = start.await else { return };
    let (_, stream) = cloud.stream(1, QUICK).await;
    let records = (0..40).map(|number| (number, number as u64));
    assert!(
        stream
            .producer()
            .append(batch(records))
            .await
            .failed
            .is_empty()
    );
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    let Read::Records(fetched) = shard.read().await.unwrap() else {
        panic!("no records")
    };
    let positions: Vec<_> = fetched.iter().map(|record| record.position).collect();
    assert!(
        positions
            .iter()
            .all(|position| position.sequence() == positions[0].sequence())
    );
    for (read, position) in (1_u64..).zip(&positions[..39]) {
        shard.checkpoint(*position).await.unwrap();
        shard.seek(Some(*position));
        assert_eq!(
            next(&mut *shard).await,
            Found::Numbers((read..40).collect())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_slower_than_its_iterators_misses_nothing() {
    let test = "kinesis: a_reader_that_is_slower_than_its_iterators_misses_nothing";
    let options = KinesisOptions {
        iterator_ttl: Duration::from_secs(1),
        ..Default::default()
    };
    let Some(cloud) = Cloud::start(test, options, Plan::CALM).await else {
        return;
    };
    let (_, stream) = cloud.stream(1, QUICK).await;
    let producer = stream.producer();
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    for number in 0..3 {
        assert!(
            producer
                .append(batch([(1, number)]))
                .await
                .failed
                .is_empty()
        );
        assert_eq!(next(&mut *shard).await, Found::Numbers(vec![number]));
        sleep(Duration::from_millis(1_200)).await;
    }
}
