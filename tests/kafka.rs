//! The services as separate processes on brokers of Kafka, two of each, of which each is killed, while
//! partitions get other leaders and brokers go and come back. Every acked ping is archived once, and
//! rides and trips are those of a run in which nothing failed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use faults::servers::Kafka;

use crate::support::{
    archive,
    fleet::{Acked, Fleet, Traffic, undisturbed},
    services::{Archive, Counts, Places, Services},
};

const TOPIC: &str = "rides";
const PARTITIONS: u32 = 4;
const BROKERS: u32 = 3;
const FLEETS: [&str; 2] = ["east", "west"];
/// Of each fleet.
const TRAFFIC: Traffic = Traffic::full(160_000);
/// Members that leave without a word are soon noticed, and brokers answer soon.
const STREAM_OPTIONS: &str = "session=3s&wait=50ms";

/// The archive in a directory.
struct Directory(PathBuf);

impl Archive for Directory {
    fn counts(&self) -> Counts {
        let rides = archive::rows(&self.0, "trips");
        let name = |row: &std::collections::BTreeMap<String, String>| {
            (row["fleet_id"].clone(), row["ride_id"].clone())
        };
        Counts {
            pings: archive::rows(&self.0, "pings").len(),
            rides: rides.iter().map(name).collect::<BTreeSet<_>>().len(),
        }
    }

    fn copy_to(&self, data: &Path) {
        for table in ["pings", "ride_events", "trips"] {
            for path in archive::files(&self.0, table) {
                let copy = data.join(path.strip_prefix(&self.0).unwrap());
                std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
                std::fs::copy(&path, &copy).unwrap();
            }
        }
    }
}

/// What happens to the brokers between two kills: a partition gets another leader, or a broker goes
/// until the next turn.
fn disturb(kafka: &Kafka, turn: u32) {
    let broker = |turn: u32| turn / 3 % BROKERS + 1;
    match turn % 3 {
        0 => kafka.down(broker(turn)),
        1 => kafka.up(broker(turn)),
        _ => {
            for partition in 0..PARTITIONS {
                kafka.lead(TOPIC, partition, (turn + partition) % BROKERS + 1);
            }
        }
    }
}

#[test]
fn every_acked_ping_is_archived_once_on_kafka_whatever_fails() {
    let calm = undisturbed(&FLEETS, TRAFFIC);
    let count: usize = calm.acked.values().map(Vec::len).sum();
    assert!(count >= 300_000, "only {count} pings");
    assert!(calm.trips.len() > 50, "only {} trips", calm.trips.len());

    let begun = Instant::now();
    let kafka = Kafka::start(BROKERS);
    kafka.create_topic(TOPIC, PARTITIONS);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let place = |name: &str| format!("file://{}/{name}", data.display());
    let stream = format!("kafka://{}/{TOPIC}?{STREAM_OPTIONS}", kafka.address());
    let mut services = Services::start(Places {
        streams: [stream.clone(), stream],
        state: place("state"),
        archive: place("archive"),
        cache: "memory:".to_owned(),
    });
    let addresses = [0, 1].map(|at: usize| services.ingests[at].address("ingest"));
    let mut fleets =
        [0, 1].map(|at| Fleet::start(FLEETS[at], TRAFFIC, addresses[at], directory.path()));
    let mut turn = 0;
    while turn < 12 || fleets.iter_mut().any(Fleet::is_sending) {
        thread::sleep(Duration::from_millis(700));
        disturb(&kafka, turn);
        services.kill(turn as usize);
        turn += 1;
    }
    for broker in 1..=BROKERS {
        kafka.up(broker);
    }
    let acked: Acked = fleets.into_iter().map(Fleet::acked).collect();
    eprintln!("{turn} kills, {count} pings, {:?}", begun.elapsed());
    services.check(&Directory(data), &calm, &acked);
    eprintln!("all is there after {:?}", begun.elapsed());
}
