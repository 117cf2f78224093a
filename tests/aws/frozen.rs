//! Workers that are frozen for longer than their leases last, and wake: others have their shards by
//! then, and whatever they were about to do comes to nothing.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

use faults::{Plan, servers::Redis};

use super::{Bucket, places};
use crate::support::{
    cloud::{Cloud, STREAM},
    fleet::{Traffic, send_until, state, undisturbed},
    leases::Leases,
    readers,
    services::{Service, Services},
    wait_for,
};

/// Of each fleet: fleets come one after the other for as long as workers are frozen.
const TRAFFIC: Traffic = Traffic::full(20_000);
/// So long after it woke a worker is watched: long enough for what it had begun, and for its next
/// rounds of leases. (Nothing tells that it does nothing.)
const AWAKE: Duration = Duration::from_secs(3);

/// Freezes a worker until the other one has gone on with all its shards, wakes it, and gives it the
/// time to do what it had begun.
fn freeze(leases: &Leases, worker: &Service) {
    let workers = || leases.owners().into_values().collect::<BTreeSet<_>>().len();
    wait_for("both workers to have shards", || {
        (workers() == 2).then_some(())
    });
    worker.signal("STOP");
    let before = leases.checkpoints();
    wait_for("one worker to have all shards", || {
        (workers() == 1).then_some(())
    });
    wait_for("it to go on with each of them", || {
        let now = leases.checkpoints();
        let mut shards = before.iter();
        shards
            .all(|(shard, before)| now[shard] > *before)
            .then_some(())
    });
    worker.signal("CONT");
    thread::sleep(AWAKE);
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
    let Some(redis) = Redis::start(test) else {
        return;
    };
    let services = Services::start(places(&cloud, &format!("redis://{}", redis.address())));
    let is_over = AtomicBool::new(false);
    let acked = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            send_until(&is_over, TRAFFIC, |number| {
                let to = services.ingests[number % 2].address("ingest");
                (format!("fleet-{number}"), to)
            })
        });
        let groups = [
            ("archiver", &services.archivers),
            ("processor", &services.processors),
        ];
        let freezing = groups.map(|(group, workers)| {
            let leases = Leases {
                dynamodb: cloud.dynamodb(),
                name: format!("{STREAM}-{group}"),
            };
            scope.spawn(move || {
                let watch = leases.watch();
                for worker in workers {
                    freeze(&leases, worker);
                }
                watch.stop()
            })
        });
        let frozen = freezing.map(ScopedJoinHandle::join);
        is_over.store(true, Ordering::Relaxed);
        for frozen in frozen {
            let seen = frozen.unwrap();
            assert!(seen.odd.is_empty(), "{:#?}", seen.odd);
            assert!(seen.looks > 20, "only {} looks", seen.looks);
        }
        sending.join().unwrap()
    });
    let fleets: Vec<&str> = acked.keys().map(String::as_str).collect();
    let calm = undisturbed(&fleets, TRAFFIC);
    eprintln!("{} fleets, {} trips", fleets.len(), calm.trips.len());
    assert!(calm.trips.len() > 20, "only {} trips", calm.trips.len());
    // The cache is everybody's: each knows the rides of both.
    for processor in &services.processors {
        wait_for("the rides of the undisturbed run in either", || {
            let now = state(processor.address("live"), acked.keys())?;
            (now == calm.state).then_some(())
        });
    }
    let bucket = Bucket {
        cloud: &cloud,
        python,
    };
    services.check(&bucket, &calm, &acked);
}
