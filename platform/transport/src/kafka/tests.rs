//! The stream against librdkafka's own brokers: calm, with calls that fail, and while partitions
//! get other leaders and brokers go and come back.

mod producing;
mod reading;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use faults::servers::{Kafka, Noida};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::{
    Batch, Read,
    conformance::{self, Delivery},
};

/// Members that leave without a word are soon noticed, and nobody is waited for long.
const QUICK: &str = "linger=2ms&session=3s&wait=10ms";
const BROKERS: u32 = 3;
/// Something else fails so often. Connections that are cut more often are waited for ever longer.
const TURN: Duration = Duration::from_millis(700);

/// Brokers of its own.
struct Cloud {
    kafka: Arc<Kafka>,
    options: &'static str,
}

impl Cloud {
    fn start() -> Self {
        Self {
            kafka: Arc::new(Kafka::start(BROKERS)),
            options: QUICK,
        }
    }

    /// Opens a new stream of so many partitions; returns its topic too.
    async fn stream(&self, partitions: u32) -> (String, Arc<dyn Stream>) {
        static TOPICS: AtomicU32 = AtomicU32::new(0);
        let topic = format!("topic-{}", TOPICS.fetch_add(1, Ordering::Relaxed));
        self.kafka.create_topic(&topic, partitions);
        let stream = self.open(&topic).await;
        (topic, stream)
    }

    async fn open(&self, topic: &str) -> Arc<dyn Stream> {
        let (brokers, options) = (self.kafka.address(), self.options);
        let url = format!("kafka://{brokers}/{topic}?{options}");
        crate::open(&url).await.unwrap()
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

/// Appends what the stream takes.
async fn append(stream: &dyn Stream, records: impl IntoIterator<Item = (usize, u64)>) {
    let failed = stream.producer().append(batch(records)).await.failed;
    assert!(failed.is_empty(), "{failed:?}");
}

/// The numbers that a reader of one shard finds next.
async fn numbers(shard: &mut dyn Shard) -> Vec<u64> {
    loop {
        if let Read::Records(fetched) = shard.read().await.unwrap() {
            let number = |payload: &[u8]| u64::from_le_bytes(payload.try_into().unwrap());
            return fetched
                .iter()
                .map(|record| number(record.payload))
                .collect();
        }
    }
}

/// Fails calls, moves leaders and ends brokers, until told to stop.
struct Storm {
    is_over: Arc<AtomicBool>,
    raging: thread::JoinHandle<u32>,
}

impl Storm {
    fn begin(cloud: &Cloud, partitions: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (kafka, stops) = (cloud.kafka.clone(), is_over.clone());
        let raging = thread::spawn(move || {
            let mut turn = 0;
            while !stops.load(Ordering::Relaxed) {
                rage(&kafka, partitions, turn);
                thread::sleep(TURN);
                turn += 1;
            }
            turn
        });
        Self { is_over, raging }
    }

    /// Ends it; says how often something happened.
    fn end(self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        self.raging.join().unwrap()
    }
}

/// Lets the next calls of a kind fail, and none beside them: what nobody called for is over.
fn fail(kafka: &Kafka, calls: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
    kafka.heal(calls);
    kafka.fail(calls, errors);
}

/// What happens in one turn, to topics that are there.
///
/// Appends are not answered with errors here. librdkafka soon waits for a second before it sends a
/// record again, and up to two before it connects again where connections are cut. Three errors in
/// two seconds are one for each time that it tries: a record meets nothing else until it is given up.
/// How such errors are survived is told in `producing.rs`.
///
/// Neither are answers slow: a broker that goes down then may have taken what it has not answered. That
/// is sent again, and kept twice, as these brokers compare the numbers of records in transactions alone.
fn rage(kafka: &Kafka, partitions: u32, turn: u32) {
    use RDKafkaRespErr as Answer;
    let broker = turn / 5 % BROKERS + 1;
    match turn % 5 {
        0 => kafka.down(broker),
        1 => kafka.up(broker),
        2 => fail(
            kafka,
            RDKafkaApiKey::Fetch,
            &[
                Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                Answer::RD_KAFKA_RESP_ERR__TRANSPORT,
                Answer::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            ],
        ),
        3 => fail(
            kafka,
            RDKafkaApiKey::ListOffsets,
            &[
                Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                Answer::RD_KAFKA_RESP_ERR__TRANSPORT,
            ],
        ),
        _ => {
            for topic in NEWEST.lock().unwrap().iter() {
                for partition in 0..partitions {
                    kafka.lead(topic, partition, (turn / 5 + partition) % BROKERS + 1);
                }
            }
        }
    }
}

/// The topic whose leaders a storm moves.
static NEWEST: Mutex<Option<String>> = Mutex::new(None);

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_stream() {
    let cloud = Cloud::start();
    conformance::run(Delivery::Once, async || cloud.stream(2).await.1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_while_brokers_fail() {
    let cloud = Cloud {
        // A broker that is gone for a moment costs nobody its session.
        options: "linger=2ms&session=6s&wait=10ms",
        ..Cloud::start()
    };
    let storm = Storm::begin(&cloud, 2);
    conformance::run(Delivery::Once, async || {
        let (topic, stream) = cloud.stream(2).await;
        *NEWEST.lock().unwrap() = Some(topic);
        stream
    })
    .await;
    let turns = storm.end();
    assert!(turns > 20, "only {turns} times that something failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_on_another_broker() {
    let test = "kafka: it_keeps_the_contract_on_another_broker";
    let Some(noida) = Noida::start(test) else {
        return;
    };
    let topics = AtomicU32::new(0);
    conformance::run(Delivery::Once, async || {
        let topic = format!("topic-{}", topics.fetch_add(1, Ordering::Relaxed));
        noida.create_topic(&topic, 2).await;
        // It takes no shorter sessions, as brokers do unless told otherwise.
        let options = "linger=2ms&session=6s&wait=10ms";
        let url = format!("kafka://{}/{topic}?{options}", noida.address());
        crate::open(&url).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_asked_for_and_not_made() {
    let cloud = Cloud::start();
    let url = format!("kafka://{}/nowhere", cloud.kafka.address());
    for _ in 0..2 {
        let error = crate::open(&url).await.err().unwrap().to_string();
        assert!(error.contains("make it first"), "{error}");
    }
}
