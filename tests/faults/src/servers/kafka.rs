//! Brokers of Kafka, as librdkafka brings them along for tests, on ports of the loopback address and
//! in a thread of their own. They speak the protocol of producers, consumers and their groups, keep
//! what is sent in memory, and fail as they are told.
//!
//! They keep 5 MB of a partition, as the sender packed it, and no offsets by time; they have no
//! transactions that are broken off, and take records of any size. A call for records is held open
//! for its whole time where there are none, also if some come.

use std::{
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    error::KafkaResult,
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

/// What is asked of the brokers.
type Ask = Box<dyn FnOnce(&Brokers) + Send>;

type Brokers = MockCluster<'static, DefaultProducerContext>;

/// Brokers of its own; ended when dropped.
#[derive(Debug)]
pub struct Kafka {
    address: String,
    asks: Option<Sender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

impl Kafka {
    /// Starts so many, numbered from 1.
    ///
    /// # Panics
    /// Where they do not start.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub fn start(brokers: u32) -> Self {
        let (asks, asked) = mpsc::channel::<Ask>();
        let (tell, told) = mpsc::channel();
        // What they are made of stays in one thread.
        let thread = thread::spawn(move || {
            let brokers = MockCluster::new(brokers as i32).expect("brokers of librdkafka");
            tell.send(brokers.bootstrap_servers())
                .expect("somebody who asked for them");
            for ask in asked {
                ask(&brokers);
            }
        });
        Self {
            address: told.recv().expect("the brokers to start"),
            asks: Some(asks),
            thread: Some(thread),
        }
    }

    /// Where they listen: `host:port`, with commas between several.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a topic that each broker has a copy of.
    pub fn create_topic(&self, name: &str, partitions: u32) {
        let name = name.to_owned();
        self.ask(move |brokers| brokers.create_topic(&name, partitions as i32, 3));
    }

    /// Makes a broker the leader of a partition.
    pub fn lead(&self, topic: &str, partition: u32, broker: u32) {
        let topic = topic.to_owned();
        self.ask(move |brokers| {
            brokers.partition_leader(&topic, partition as i32, Some(broker as i32))
        });
    }

    /// Ends a broker's connections, and lets it take none.
    pub fn down(&self, broker: u32) {
        self.ask(move |brokers| brokers.broker_down(broker as i32));
    }

    /// Lets a broker take connections again.
    pub fn up(&self, broker: u32) {
        self.ask(move |brokers| brokers.broker_up(broker as i32));
    }

    /// Lets each answer of every broker take so long.
    pub fn slow_down(&self, by: Duration) {
        self.ask(move |brokers| brokers.broker_round_trip_time(-1, by));
    }

    /// Answers the next calls of a kind with these errors, each once; with
    /// `RD_KAFKA_RESP_ERR__TRANSPORT` the connection is cut instead.
    pub fn fail(&self, calls: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        let errors = errors.to_vec();
        self.ask(move |brokers| {
            brokers.request_errors(calls, &errors);
            Ok(())
        });
    }

    /// From now on no call fails of those of a kind.
    pub fn heal(&self, calls: RDKafkaApiKey) {
        self.ask(move |brokers| {
            brokers.clear_request_errors(calls);
            Ok(())
        });
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn ask(&self, ask: impl FnOnce(&Brokers) -> KafkaResult<()> + Send + 'static) {
        let (done, waits) = mpsc::channel();
        let ask: Ask = Box::new(move |brokers| {
            ask(brokers).expect("the brokers to do as they are told");
            done.send(()).expect("somebody who asked");
        });
        let asks = self.asks.as_ref().expect("brokers under way");
        asks.send(ask).expect("the brokers' thread");
        waits.recv().expect("the brokers' answer");
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.asks = None;
        // A test that fails tells so itself.
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}
