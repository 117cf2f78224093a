//! Workers that are frozen for longer than their leases last, and wake: others have their shards by
//! then, and whatever they were about to do comes to nothing.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use faults::Plan;

use super::{Acked, Fleet, Services, undisturbed};
use crate::support::{
    cloud::{Cloud, STREAM, Service},
    leases::{self, Leases},
    readers, wait_for,
};

/// Of each fleet: fleets come one after the other for as long as workers are frozen.
const FIXES: u32 = 20_000;
/// So long after it woke a worker is watched: long enough for what it had begun, and for its next
/// rounds of leases.
const WATCHED: Duration = Duration::from_secs(3);

fn table(cloud: &Cloud, group: &str) -> Leases {
    leases::of(cloud.moto.address(), &format!("{STREAM}-{group}")).unwrap_or_default()
}

/// Who has a lease.
fn owners(leases: &Leases) -> BTreeSet<&String> {
    leases
        .values()
        .filter_map(|lease| lease.owner.as_ref())
        .collect()
}

/// Whether no lease has moved back between two looks at its table: neither its checkpoint, nor the
/// count of writes to it, as that of somebody would who knows an older one.
fn is_further(before: &Leases, now: &Leases) -> bool {
    before.iter().all(|(shard, before)| {
        let now = now.get(shard);
        now.is_none_or(|now| now.checkpoint >= before.checkpoint && now.counter >= before.counter)
    })
}

/// Freezes a worker until the other one has gone on with all its shards, wakes it, and watches that
/// nothing moves back.
fn freeze(cloud: &Cloud, group: &str, worker: &Service) {
    wait_for("both workers to have shards", || {
        (owners(&table(cloud, group)).len() == 2).then_some(())
    });
    worker.signal("STOP");
    let before = table(cloud, group);
    wait_for("one worker to have all shards", || {
        (owners(&table(cloud, group)).len() == 1).then_some(())
    });
    wait_for("it to go on with each of them", || {
        let now = table(cloud, group);
        let is_on = |(shard, lease): (&String, &leases::Lease)| {
            now.get(shard)
                .is_some_and(|now| now.checkpoint > lease.checkpoint)
        };
        before.iter().all(is_on).then_some(())
    });
    let mut last = table(cloud, group);
    worker.signal("CONT");
    let woken = Instant::now();
    while woken.elapsed() < WATCHED {
        let now = table(cloud, group);
        assert!(is_further(&last, &now), "{group}: {last:#?} then {now:#?}");
        last = now;
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_worker_that_was_frozen_moves_nothing_when_it_wakes() {
    let test = "a_worker_that_was_frozen_moves_nothing_when_it_wakes";
    let Some(cloud) = Cloud::start(test, 4, Plan::CALM) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let services = Services::start(&cloud);
    let is_over = AtomicBool::new(false);
    let acked = thread::scope(|scope| {
        let sending = scope.spawn(|| send(&services, &is_over));
        let groups = [
            ("archiver", &services.archivers),
            ("processor", &services.processors),
        ];
        let freezing = groups.map(|(group, workers)| {
            scope.spawn(|| {
                workers
                    .iter()
                    .for_each(|worker| freeze(&cloud, group, worker))
            })
        });
        let frozen = freezing.map(|freezing| freezing.join());
        is_over.store(true, Ordering::Relaxed);
        for frozen in frozen {
            frozen.unwrap();
        }
        sending.join().unwrap()
    });
    let fleets: Vec<&str> = acked.keys().map(String::as_str).collect();
    let calm = undisturbed(&fleets, FIXES);
    eprintln!("{} fleets, {} trips", fleets.len(), calm.trips.len());
    assert!(calm.trips.len() > 20, "only {} trips", calm.trips.len());
    services.check(&cloud, &python, &calm, &acked);
}

/// Sends what fleets send, one after the other, until it is over.
fn send(services: &Services, is_over: &AtomicBool) -> Acked {
    let directory = tempfile::tempdir().unwrap();
    let mut acked = Acked::new();
    while !is_over.load(Ordering::Relaxed) {
        let at = acked.len();
        let to = services.ingests[at % 2].address("ingest");
        let fleet = Fleet::start(&format!("fleet-{at}"), FIXES, to, directory.path());
        acked.extend([fleet.acked()]);
    }
    acked
}
