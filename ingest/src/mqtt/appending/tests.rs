//! What is acknowledged, when, and in which order: on a stream that is away for a while, and with
//! acknowledgements that go nowhere but here. How they reach a broker is tested with a real one.

use std::sync::atomic::AtomicUsize;

use access::Guard;
use async_trait::async_trait;
use rumqttc::{AsyncClient, QoS, Request};
use serde_json::{Value, json};
use tokio::sync::{
    Semaphore,
    mpsc::{self, Sender},
};
use transport::{AppendError, Appended, Batch, Producer};

use super::*;
use crate::{
    api,
    tests::{now_ms, ping, settings},
};

/// A stream that is away for so many appends.
struct Away {
    appends: AtomicUsize,
    taken: AtomicUsize,
}

#[async_trait]
impl Producer for Away {
    async fn append(&self, batch: Batch) -> Appended {
        let still = |appends: usize| appends.checked_sub(1);
        let order = Ordering::Relaxed;
        if self.appends.fetch_update(order, order, still).is_ok() {
            let away = |record| (record, AppendError::Unavailable("away".to_owned()));
            let failed = (0..batch.len()).map(away).collect();
            return Appended { failed };
        }
        self.taken.fetch_add(batch.len(), order);
        Appended::default()
    }
}

/// What takes messages, and all around it.
struct Bench {
    appending: Appending,
    ingest: SharedIngest,
    number: Number,
    stream: Arc<Away>,
    held: Sender<Held>,
    arrived: Receiver<Held>,
    acks: flume::Receiver<Request>,
}

impl Bench {
    fn new(flags: &[&str], appends_away: usize) -> Self {
        let stream = Arc::new(Away {
            appends: AtomicUsize::new(appends_away),
            taken: AtomicUsize::new(0),
        });
        let lanes: [Arc<dyn Producer>; 2] = [stream.clone(), stream.clone()];
        let ingest = api::Ingest::new(settings(flags), lanes, Guard::open().into());
        let (sender, acks) = flume::unbounded();
        let (held, arrived) = mpsc::channel(1_000);
        let number = Number::default();
        let appending = Appending {
            ingest: ingest.clone(),
            fleet: FleetId::default(),
            acks: Acks::V3(AsyncClient::from_senders(sender)),
            number: number.clone(),
        };
        Self {
            appending,
            ingest,
            number,
            stream,
            held,
            arrived,
            acks,
        }
    }

    /// A message comes, by the connection that there is now.
    fn receive(&self, packet: u16, topic: &str, payload: &Value) {
        let mut publish = rumqttc::Publish::new(topic, QoS::AtLeastOnce, payload.to_string());
        publish.pkid = packet;
        let room = Arc::new(Semaphore::new(1));
        let share = room.try_acquire_owned().unwrap();
        let publish = Publish::V3(publish);
        let held = Held::new(publish, self.number.now(), api::now(), share);
        assert!(self.held.try_send(held).is_ok());
    }

    /// Messages of `cab-1` with a ping each come.
    fn receive_pings(&self, packets: std::ops::RangeInclusive<u16>) {
        for packet in packets {
            self.receive(packet, "hansom/pings/cab-1", &ping(u64::from(packet)));
        }
    }

    /// Takes all that has come. Says how many pings the stream has then, and what is acknowledged.
    async fn finish(self) -> (usize, Vec<u16>) {
        drop(self.held);
        self.appending.run(self.arrived).await;
        told(&self.stream, &self.acks)
    }
}

fn told(stream: &Away, acks: &flume::Receiver<Request>) -> (usize, Vec<u16>) {
    let packets = acks.try_iter().map(|request| match request {
        Request::PubAck(ack) => ack.pkid,
        other => panic!("{other:?}"),
    });
    (stream.taken.load(Ordering::Relaxed), packets.collect())
}

#[tokio::test(start_paused = true)]
async fn what_is_done_with_is_acknowledged_in_the_order_in_which_it_came() {
    let bench = Bench::new(&[], 0);
    bench.receive_pings(1..=2);
    bench.receive(3, "nobody", &json!({}));
    let fix = json!({"_type": "location", "lat": 1, "lon": 2, "tst": now_ms() / 1_000});
    bench.receive(4, "owntracks/jane/phone", &fix);
    bench.receive(5, "owntracks/jane/phone", &json!({"_type": "lwt"}));
    bench.receive(6, "hansom/pings/cab-1", &json!([ping(6), ping(7)]));
    bench.receive(7, "hansom/pings/cab-2", &ping(8));
    assert_eq!(bench.finish().await, (5, vec![1, 2, 3, 4, 5, 6, 7]));
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_refuses_is_tried_again_and_acknowledged_once() {
    let bench = Bench::new(&[], 3);
    bench.receive_pings(1..=600);
    let all = (1..=600).collect();
    assert_eq!(bench.finish().await, (600, all));
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_does_not_have_is_not_acknowledged() {
    let bench = Bench::new(&[], usize::MAX);
    bench.receive_pings(1..=3);
    bench.receive(4, "nobody", &json!({}));
    let stopping = async {
        sleep(Duration::from_hours(1)).await;
        bench.ingest.stopping.request();
    };
    // More may come at any time: it ends because of the request.
    tokio::join!(bench.appending.run(bench.arrived), stopping);
    assert_eq!(told(&bench.stream, &bench.acks), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_came_by_a_connection_that_has_ended_is_kept_and_not_acknowledged_on_another() {
    let bench = Bench::new(&[], 0);
    bench.receive_pings(1..=2);
    bench.number.advance();
    bench.receive_pings(3..=4);
    assert_eq!(bench.finish().await, (4, vec![3, 4]));
}

#[tokio::test(start_paused = true)]
async fn a_message_with_more_than_a_share_is_taken_as_far_as_that_goes() {
    let bench = Bench::new(&["--fleet-rate", "1"], 0);
    let many: Vec<_> = (1..=100).map(ping).collect();
    bench.receive(1, "hansom/pings/cab-1", &json!(many));
    let (taken, acks) = bench.finish().await;
    assert!((10..100).contains(&taken), "{taken}");
    assert_eq!(acks, [1]);
}

#[tokio::test]
async fn what_has_to_wait_for_its_fleets_share_is_not_acknowledged() {
    let bench = Bench::new(&["--fleet-rate", "1"], 0);
    bench.receive_pings(1..=50);
    let stopping = async {
        while bench.acks.len() < 10 {
            sleep(Duration::from_millis(1)).await;
        }
        bench.ingest.stopping.request();
    };
    tokio::join!(bench.appending.run(bench.arrived), stopping);
    let (taken, acks) = told(&bench.stream, &bench.acks);
    assert!((10..50).contains(&taken), "{taken}");
    assert_eq!(acks, (1..=taken as u16).collect::<Vec<_>>());
}
