//! Exactly once, whatever is killed: a faulty fleet sends while the program is killed over and
//! over; then the archive holds every acked ping once and nothing else, and the live state is that
//! of a run in which nothing was killed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use faults::servers::free_port;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::support::{
    archive,
    outcome::{self, acked_names, first_difference, first_trips, live_state, trips},
    program::{Program, command},
    wait_for,
};

/// Faults add pings and lose some; this many fixes make well over 200,000 pings.
const FIXES: &str = "220000";
const KILLS: usize = 20;
/// Commits and snapshots come often, so that kills fall into all their steps.
const FLAGS: [&str; 10] = [
    "--shards",
    "4",
    "--archive-max-age",
    "500ms",
    "--snapshot-interval",
    "300ms",
    "--max-behind",
    "3650d",
    // What is promised by a model depends on when that was learned.
    "--learning",
    "off",
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

/// Waits until all that ingest took is shown: as much is processed, and the state stands still.
fn settled_state(program: &Program) -> BTreeMap<String, Value> {
    outcome::wait_for_processor(program);
    let mut before = None;
    wait_for("the live state to stand still", || {
        let now = live_state(|path| program.live(path));
        let stands = now.is_some() && now == before;
        before = now;
        stands.then(|| before.take()).flatten()
    })
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
        live_state(|path| program.live(path)).filter(|found| *found == expected)
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
        assert_eq!(
            *versions, all,
            "{ride:?}: every version once, without a hole"
        );
    }
    assert_eq!(first_trips(&calm), first_trips(&stormy));
}
