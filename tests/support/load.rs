//! Pings that are sent to a stream all the time, by the producer that ingest has, until a test has seen
//! enough. Who reads them is not known here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use schemas::{
    Coordinate, Ping, PingName, Protocol, Record, Timestamp, VehicleState, record::write_key,
};
use tokio::runtime::Runtime;
use transport::Batch;

/// Enough for aggregates of several in each shard.
const VEHICLES: usize = 80;
/// 320 pings a second: an hour's work for nobody, so that two runtimes on one machine keep up.
const PAUSE: Duration = Duration::from_millis(250);

/// A load under way.
pub(crate) struct Load {
    is_enough: Arc<AtomicBool>,
    sending: JoinHandle<Vec<String>>,
}

impl Load {
    /// Starts to send to the stream that `url` names.
    pub(crate) fn start(url: &str) -> Self {
        let is_enough = Arc::new(AtomicBool::new(false));
        let (url, stops) = (url.to_owned(), is_enough.clone());
        let sending = thread::spawn(move || Runtime::new().unwrap().block_on(send(&url, &stops)));
        Self { is_enough, sending }
    }

    /// Ends it; returns the names of the pings that were acked, sorted.
    pub(crate) fn stop(self) -> Vec<String> {
        self.is_enough.store(true, Ordering::Relaxed);
        let mut acked = self.sending.join().unwrap();
        acked.sort_unstable();
        acked
    }
}

async fn send(url: &str, is_enough: &AtomicBool) -> Vec<String> {
    let stream = transport::open(url).await.unwrap();
    let producer = stream.producer();
    let mut acked = Vec::new();
    for seq in 0.. {
        if is_enough.load(Ordering::Relaxed) {
            break;
        }
        let mut batch = Batch::default();
        for vehicle in 0..VEHICLES {
            let ping = ping(vehicle, seq);
            let name = format!("{} {seq:08}", ping.vehicle);
            batch.push(
                |key| write_key(ping.fleet, ping.vehicle, key),
                |payload| Record::Ping(ping.clone()).encode(payload),
            );
            acked.push(name);
        }
        let appended = producer.append(batch).await;
        assert!(appended.failed.is_empty(), "{appended:?}");
        tokio::time::sleep(PAUSE).await;
    }
    stream.close().await.unwrap();
    acked
}

fn ping(vehicle: usize, seq: u64) -> Ping {
    Ping {
        fleet: "city".parse().unwrap(),
        vehicle: format!("cab-{vehicle}").parse().unwrap(),
        driver: None,
        ride: None,
        name: PingName { epoch: 1, seq },
        time: Timestamp(1_772_431_200_000 + seq as i64 * 250),
        position: Coordinate::from_e7(377_000_000 + seq as i32, -1_224_000_000).unwrap(),
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        state: VehicleState::Available,
        received_at: Timestamp(1_772_431_200_000),
        protocol: Protocol::HttpNdjson,
    }
}
