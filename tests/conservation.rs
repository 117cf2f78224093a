//! Exactly once, whatever is killed: a faulty fleet sends while the program is killed over and
//! over; then the archive holds every acked ping once and nothing else, and the live state is that
//! of a run in which nothing was killed.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::support::{
    archive,
    program::{Program, command, free_port},
    wait_for,
};

/// Faults add pings and lose some; this many fixes make well over 200,000 pings.
const FIXES: &str = "220000";
const KILLS: usize = 20;
/// Commits and snapshots come often, so that kills fall into all their steps.
const FLAGS: [&str; 8] = [
    "--shards",
    "4",
    "--archive-max-age",
    "500ms",
    "--snapshot-interval",
    "300ms",
    "--max-behind",
    "3650d",
];
/// The simulated clock of both runs: 2026-03-02 06:00 UTC.
const START: &str = "1772431200000";

fn simulate(to: SocketAddr, acked: &Path) -> Child {
    command(&[
        "simulate",
        "--faults",
        "--vehicles",
        "300",
        "--rate",
        "0",
        "--pings",
        FIXES,
    ])
    .args([
        "--seed",
        "11",
        "--start",
        START,
        "--patience",
        "300s",
        "--batch",
        "100",
    ])
    .args(["--to", &format!("http://{to}"), "--acked"])
    .arg(acked)
    .stdout(Stdio::null())
    .spawn()
    .unwrap()
}

/// Everything that the live API shows of rides and of the vehicles that serve them; None while it
/// does not know one of them.
fn live_state(program: &Program) -> Option<BTreeMap<String, Value>> {
    let mut state = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = program.live(&format!("/v1/rides?limit=500{cursor}"))?;
        for ride in page["rides"].as_array().into_iter().flatten() {
            let vehicle = ride["vehicle_id"].as_str().unwrap();
            let position = program.live(&format!("/v1/vehicles/{vehicle}"))?;
            state.insert(format!("vehicle {vehicle}"), position);
            state.insert(format!("ride {}", ride["ride_id"]), ride.clone());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Some(state),
        }
    }
}

/// Trips by ride: the versions archived.
fn trips(data: &Path) -> BTreeMap<String, Vec<u32>> {
    let mut trips = BTreeMap::<String, Vec<u32>>::new();
    for row in archive::rows(data, "trips") {
        let versions = trips.entry(row["ride_id"].clone()).or_default();
        versions.push(row["version"].parse().unwrap());
        versions.sort_unstable();
    }
    trips
}

/// The first version of every trip: a function of what came before the ride's end. How the later
/// ones are cut depends on when late pings came.
fn first_trips(data: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let rows = archive::rows(data, "trips").into_iter();
    let first = rows.filter(|row| row["version"] == "1");
    first.map(|row| (row["ride_id"].clone(), row)).collect()
}

/// Waits until all that ingest took is shown: as much is processed, and the state stands still.
fn settled_state(program: &Program) -> BTreeMap<String, Value> {
    wait_for("the processor to catch up", || {
        let accepted = program.metric("hansom_ingest_accepted_total");
        let processed = program.metric("hansom_processor_pings_total")
            + program.metric("hansom_processor_ride_events_total");
        (accepted > 0.0 && processed >= accepted).then_some(())
    });
    let mut before = None;
    wait_for("the live state to stand still", || {
        let now = live_state(program);
        let stands = now.is_some() && now == before;
        before = now;
        stands.then(|| before.take()).flatten()
    })
}

/// The acked names, sorted, and checked to be named once each.
fn acked_names(acked: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_to_string(acked)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(before, names.len(), "the simulator names a ping twice");
    names
}

#[test]
fn twenty_kills_lose_nothing_and_double_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (calm, stormy) = (scratch.path().join("calm"), scratch.path().join("stormy"));
    let (calm_acked, stormy_acked) = (
        scratch.path().join("calm.txt"),
        scratch.path().join("stormy.txt"),
    );

    // The run in which nothing is killed.
    let program = Program::start(&calm, &FLAGS);
    let mut fleet = simulate(program.ingest, &calm_acked);
    assert!(
        fleet.wait().unwrap().success(),
        "the fleet was answered otherwise than expected"
    );
    let acked = acked_names(&calm_acked);
    assert!(acked.len() >= 200_000, "only {} pings", acked.len());
    let expected = settled_state(&program);
    assert!(
        expected.len() > 300,
        "only {} rides and vehicles",
        expected.len()
    );
    program.stop();

    // The same, killed at random moments.
    let ingest = free_port();
    let mut dice = StdRng::seed_from_u64(42);
    let mut fleet = simulate(ingest, &stormy_acked);
    let mut kills = 0;
    while kills < KILLS || fleet.try_wait().unwrap().is_none() {
        let program = Program::start_at(&stormy, ingest, &FLAGS);
        thread::sleep(Duration::from_millis(dice.random_range(20..800)));
        program.kill();
        kills += 1;
    }
    assert!(
        fleet.wait().unwrap().success(),
        "the fleet was answered otherwise than expected"
    );
    let program = Program::start_at(&stormy, ingest, &FLAGS);
    wait_for("the live state of the calm run", || {
        live_state(&program).filter(|found| *found == expected)
    });
    program.stop();
    eprintln!("{kills} kills, {} pings acked", acked.len());

    assert_eq!(
        acked_names(&stormy_acked),
        acked,
        "both fleets were told the same"
    );
    for data in [&calm, &stormy] {
        let archived = archive::ping_names(data);
        let odd = first_difference(&archived, &acked);
        let counts = (archived.len(), acked.len());
        assert!(
            odd.is_none(),
            "archive and acked differ in {odd:?}: {counts:?}"
        );
    }
    let (calm_trips, stormy_trips) = (trips(&calm), trips(&stormy));
    assert!(calm_trips.len() > 50, "only {} trips", calm_trips.len());
    assert_eq!(
        calm_trips.keys().collect::<Vec<_>>(),
        stormy_trips.keys().collect::<Vec<_>>()
    );
    for (ride, versions) in calm_trips.iter().chain(&stormy_trips) {
        let all: Vec<_> = (1..=versions.len() as u32).collect();
        assert_eq!(*versions, all, "{ride}: every version once, without a hole");
    }
    assert_eq!(first_trips(&calm), first_trips(&stormy));
}

/// Where two sorted lists part, in words.
fn first_difference(left: &[String], right: &[String]) -> Option<String> {
    let at = (0..left.len().max(right.len())).find(|at| left.get(*at) != right.get(*at))?;
    Some(format!("{:?} and {:?}", left.get(at), right.get(at)))
}
