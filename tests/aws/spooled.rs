//! A stream that is away while fleets go on sending, and ingests that are killed meanwhile: what was
//! acknowledged into a spool comes to the stream when that is back, in order and once in the archive.

use std::net::SocketAddr;

use faults::Plan;

use super::{Bucket, places};
use crate::monitoring;
use crate::support::{
    cloud::Cloud,
    fleet::{Acked, Fleet, Traffic, undisturbed},
    program, readers,
    services::{Places, Services},
    wait_for,
};

const FLEETS: [&str; 2] = ["east", "west"];
/// Of each fleet: not so fast that all is sent before it is held.
const TRAFFIC: Traffic = Traffic {
    vehicles: 150,
    fixes: 60_000,
    connections: 4,
    batch: 25,
};
const ACCEPTED: &str = "hansom_ingest_accepted_total";
/// Pings that each ingest takes before something happens to it.
const SOME: f64 = 4_000.0;

/// Waits until an ingest has taken so many pings since it was started.
fn wait_for_pings(admin: SocketAddr, pings: f64) {
    wait_for("pings to be acknowledged", || {
        (program::metric(admin, ACCEPTED) >= pings).then_some(())
    });
}

#[test]
fn every_acked_ping_is_archived_once_though_the_stream_was_away_and_ingest_killed() {
    let test = "every_acked_ping_is_archived_once_though_the_stream_was_away_and_ingest_killed";
    let Some(cloud) = Cloud::start(test, 2, Plan::CALM) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let calm = undisturbed(&FLEETS, TRAFFIC);
    let directory = tempfile::tempdir().unwrap();
    let mut services = Services::start(Places {
        spools: Some(directory.path().to_owned()),
        ..places(&cloud, "memory:")
    });
    let to = [0, 1].map(|at: usize| services.ingests[at].address("ingest"));
    let fleets = [0, 1].map(|at| Fleet::start(FLEETS[at], TRAFFIC, to[at], directory.path()));

    let admin = |services: &Services, at: usize| services.ingests[at].address("admin");
    for at in [0, 1] {
        wait_for_pings(admin(&services, at), SOME);
    }
    let page = program::get(&format!("http://{}/metrics", admin(&services, 0))).unwrap();
    let alerts = monitoring::read(monitoring::ALERTS);
    for name in monitoring::named(&alerts) {
        // Of a counter that begins with its first count nobody sees that it has grown.
        let is_there = page.contains(&format!("\n{name}"));
        assert!(!name.contains("_spool_") || is_there, "{name} is not told");
    }
    // One at a time, so that both have pings left for the time after the outage.
    for fleet in &fleets {
        fleet.signal("STOP");
    }
    cloud.cut_stream();
    for (at, fleet) in fleets.iter().enumerate() {
        fleet.signal("CONT");
        let before = program::metric(admin(&services, at), ACCEPTED);
        wait_for_pings(admin(&services, at), before + SOME);
        services.ingests[at].kill_and_start();
        // It has never seen the stream.
        wait_for_pings(admin(&services, at), SOME);
        fleet.signal("STOP");
    }
    for fleet in &fleets {
        fleet.signal("CONT");
    }
    cloud.heal();
    let acked: Acked = fleets.into_iter().map(Fleet::acked).collect();
    for ingest in &services.ingests {
        let admin = ingest.address("admin");
        wait_for("an empty spool", || {
            let waits = program::metric(admin, "hansom_transport_spool_waiting_records");
            (waits == 0.0).then_some(())
        });
    }
    let bucket = Bucket {
        cloud: &cloud,
        python,
    };
    services.check(&bucket, &calm, &acked);
}
