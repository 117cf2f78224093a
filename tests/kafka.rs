//! The services as separate processes on brokers of Kafka, two of each, of which each is killed, while
//! partitions get other leaders and brokers go and come back. Every acked ping is archived once, and
//! rides and trips are those of a run in which nothing failed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use faults::servers::{Kafka, Noida};

use crate::support::{
    archive,
    fleet::{Acked, Fleet, Traffic, undisturbed},
    program::wait,
    services::{Archive, Counts, Places, Services},
};

const TOPIC: &str = "rides";
const PARTITIONS: u32 = 4;
const BROKERS: u32 = 3;
const FLEETS: [&str; 2] = ["east", "west"];
/// Something comes between so often, and so many times at least.
const TURN: Duration = Duration::from_millis(700);
const TURNS: u32 = 12;

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
/// until the next turn. In the end all are there.
fn disturb(kafka: &Kafka, turn: Option<u32>) {
    let Some(turn) = turn else {
        return (1..=BROKERS).for_each(|broker| kafka.up(broker));
    };
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

/// Has fleets send to services on these brokers, with something that comes between each `TURN`; then
/// checks that all has come to what it comes to where nothing fails. Says how long it took.
fn check(
    brokers: &str,
    options: &str,
    traffic: Traffic,
    disturb: impl Fn(Option<u32>, &mut Services),
) -> String {
    let calm = undisturbed(&FLEETS, traffic);
    let count: usize = calm.acked.values().map(Vec::len).sum();
    assert!(count >= 70_000, "only {count} pings");
    assert!(calm.trips.len() > 10, "only {} trips", calm.trips.len());

    let begun = Instant::now();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let place = |name: &str| format!("file://{}/{name}", data.display());
    let stream = format!("kafka://{brokers}/{TOPIC}?{options}");
    let mut services = Services::start(Places {
        streams: [stream.clone(), stream],
        state: place("state"),
        archive: place("archive"),
        cache: "memory:".to_owned(),
        spools: None,
    });
    let addresses = [0, 1].map(|at: usize| services.ingests[at].address("ingest"));
    let mut fleets =
        [0, 1].map(|at| Fleet::start(FLEETS[at], traffic, addresses[at], directory.path()));
    let mut turn = 0_u32;
    while turn < TURNS || fleets.iter_mut().any(Fleet::is_sending) {
        thread::sleep(TURN);
        disturb(Some(turn), &mut services);
        turn += 1;
    }
    disturb(None, &mut services);
    let acked: Acked = fleets.into_iter().map(Fleet::acked).collect();
    let sent = begun.elapsed();
    services.check(&Directory(data), &calm, &acked);
    let there = begun.elapsed();
    format!("{turn} turns, {count} pings sent after {sent:?}, all is there after {there:?}")
}

#[test]
fn every_acked_ping_is_archived_once_on_kafka_whatever_fails() {
    let kafka = Kafka::start(BROKERS);
    kafka.create_topic(TOPIC, PARTITIONS);
    let brokers = kafka.address().to_string();
    let traffic = Traffic::full(160_000);
    check(
        &brokers,
        "session=3s&wait=50ms",
        traffic,
        |turn, services| {
            disturb(&kafka, turn);
            if let Some(turn) = turn {
                services.kill(turn as usize);
            }
        },
    );
}

#[test]
fn every_acked_ping_is_archived_once_on_another_broker() {
    let test = "kafka: every_acked_ping_is_archived_once_on_another_broker";
    let Some(noida) = Noida::start(test) else {
        return;
    };
    wait(noida.create_topic(TOPIC, PARTITIONS));
    let brokers = noida.address().to_string();
    // It takes no shorter sessions. Nobody is killed: it would lose what it has acknowledged, and its
    // groups have been seen not to go on after many members had left without a word.
    let traffic = Traffic::full(40_000);
    let took = check(&brokers, "session=6s&wait=50ms", traffic, |_, _| {});
    eprintln!("{took}");
}
