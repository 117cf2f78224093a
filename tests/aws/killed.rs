//! Services that are killed one after the other, over networks that fail, while the stream's shards
//! are split and merged.

use std::{
    thread,
    time::{Duration, Instant},
};

use faults::Plan;

use super::{Bucket, places};
use crate::support::{
    cloud::Cloud,
    fleet::{Acked, Fleet, Traffic, undisturbed},
    iam, readers,
    services::Services,
};

const FLEETS: [&str; 2] = ["east", "west"];
/// Of each fleet.
const TRAFFIC: Traffic = Traffic::full(160_000);

#[test]
fn every_acked_ping_is_archived_once_on_aws_whatever_fails() {
    let test = "every_acked_ping_is_archived_once_on_aws_whatever_fails";
    let Some(cloud) = Cloud::start(test, 4, Plan::each_of_aws(60)) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let calm = undisturbed(&FLEETS, TRAFFIC);
    let count: usize = calm.acked.values().map(Vec::len).sum();
    assert!(count >= 300_000, "only {count} pings");
    assert!(calm.trips.len() > 50, "only {} trips", calm.trips.len());

    let begun = Instant::now();
    let mut services = Services::start(places(&cloud, "memory:"));
    let directory = tempfile::tempdir().unwrap();
    let addresses = [0, 1].map(|at: usize| services.ingests[at].address("ingest"));
    let mut fleets =
        [0, 1].map(|at| Fleet::start(FLEETS[at], TRAFFIC, addresses[at], directory.path()));
    let mut turn = 0;
    while turn < 12 || fleets.iter_mut().any(Fleet::is_sending) {
        thread::sleep(Duration::from_millis(700));
        match turn {
            2 => drop(cloud.split("shardId-000000000001")),
            6 => drop(cloud.merge("shardId-000000000002", "shardId-000000000003")),
            _ => services.kill(turn),
        }
        turn += 1;
    }
    let acked: Acked = fleets.into_iter().map(Fleet::acked).collect();
    let faults = cloud.faults();
    cloud.heal();
    eprintln!(
        "{turn} kills and reshards, {faults} faults, {count} pings, {:?}",
        begun.elapsed()
    );
    assert!(faults > 100, "only {faults} faults");
    let bucket = Bucket {
        cloud: &cloud,
        python,
    };
    services.check(&bucket, &calm, &acked);
    eprintln!("all is there after {:?}", begun.elapsed());

    let calls = cloud.calls();
    for (service, prefix) in [
        ("ingest", ""),
        ("processor", "state"),
        ("archiver", "archive"),
    ] {
        iam::check(service, prefix, &calls);
    }
}
