//! The stream against librdkafka's own brokers: calm, slow, with calls that fail, and while partitions
//! get other leaders and brokers go and come back.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use faults::servers::Kafka;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::{
    Batch, Position, Read,
    conformance::{self, Delivery},
};

/// Members that leave without a word are soon noticed, and nobody is waited for long.
const QUICK: &str = "linger=2ms&session=3s&wait=10ms";

/// Brokers of its own.
struct Cloud {
    kafka: Arc<Kafka>,
}

impl Cloud {
    fn start() -> Self {
        Self {
            kafka: Arc::new(Kafka::start(3)),
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
        let brokers = self.kafka.address();
        let url = format!("kafka://{brokers}/{topic}?{QUICK}");
        crate::open(&url).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_stream() {
    let cloud = Cloud::start();
    conformance::run(Delivery::Once, async || cloud.stream(2).await.1).await;
}
