//! Redis that goes while the program writes to it under load: killed, started again empty, cut off.
//! Rides go on, the live API says how old its answers are, and in the end Redis has what a run has
//! in which nothing failed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use faults::servers::Redis;
use reqwest::header::AGE;
use serde_json::Value;

use crate::support::{
    outcome::{self, live_state},
    program::{Program, command, get, service, wait},
    services::Service,
    wait_for,
};

/// The simulated clock of both runs: 2026-03-02 06:00 UTC.
const START: &str = "1772431200000";
/// Of each fleet: fleets come one after the other for as long as Redis is played with.
const FIXES: &str = "20000";

/// Sends all that one fleet sends, as fast as it is taken.
fn send(fleet: &str, to: SocketAddr) {
    let mut simulate = command(&["simulate", "--faults", "--vehicles", "100", "--rate", "0"]);
    simulate
        .args(["--seed", "5", "--start", START, "--pings", FIXES])
        .args(["--batch", "100", "--patience", "300s", "--fleet", fleet])
        .args(["--to", &format!("http://{to}")]);
    assert!(simulate.output().unwrap().status.success());
}

fn fleet(number: usize) -> String {
    format!("fleet-{number}")
}

fn start(data: &Path, cache: &str) -> Program {
    let flags = ["--max-behind", "3650d", "--snapshot-interval", "1s"];
    Program::start(data, &[&["--cache", cache], &flags[..]].concat())
}

/// A ride as it is told, and how many seconds old that is; None where it is not told.
fn told(program: &Program, ride: &str) -> Option<(Value, u64)> {
    let fleet = fleet(0);
    let url = format!("http://{}/v1/rides/{ride}?fleet={fleet}", program.live);
    let asked = async {
        let answer = reqwest::get(url).await?.error_for_status()?;
        let age = answer.headers()[AGE].to_str().unwrap().parse().unwrap();
        Ok::<_, reqwest::Error>((answer.json().await?, age))
    };
    wait(asked).ok()
}

fn processed(program: &Program) -> f64 {
    program.metric("hansom_processor_pings_total")
}

/// A ride of the first fleet, which the live API was asked for.
fn some_ride(program: &Program) -> String {
    wait_for("a ride", || {
        let page = program.live(&format!("/v1/rides?limit=1&fleet={}", fleet(0)))?;
        let ride = page["rides"][0]["ride_id"].as_str()?.to_owned();
        told(program, &ride).map(|_| ride)
    })
}

/// Checks what holds while Redis is away, and that all is well once `back` has brought it back; says
/// how long that took.
fn check_outage(program: &Program, ride: &str, back: impl FnOnce()) -> Duration {
    let before = processed(program);
    let recovered = program.metric("hansom_processor_cache_recovery_seconds_count");
    wait_for("an answer that says how old it is", || {
        let (value, age) = told(program, ride)?;
        assert_eq!(value["ride_id"], *ride);
        (age >= 2).then_some(())
    });
    wait_for("the stream to go on", || {
        (processed(program) > before + 5_000.0).then_some(())
    });
    back();
    let is_back = Instant::now();
    wait_for("Redis to have everything again", || {
        let now = program.metric("hansom_processor_cache_recovery_seconds_count");
        (now > recovered).then_some(())
    });
    let recovery = is_back.elapsed();
    wait_for("a fresh answer", || {
        let (_, age) = told(program, ride)?;
        (age == 0).then_some(())
    });
    recovery
}

/// All that a live API shows of so many fleets; None while it does not know all it has to.
fn shown(live: SocketAddr, fleets: usize) -> Option<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for fleet in (0..fleets).map(fleet) {
        let page = |path: &str| {
            let sign = if path.contains('?') { '&' } else { '?' };
            get(&format!("http://{live}{path}{sign}fleet={fleet}"))?
                .parse()
                .ok()
        };
        let of_fleet = live_state(page)?.into_iter();
        all.extend(of_fleet.map(|(name, value)| (format!("{fleet} {name}"), value)));
    }
    Some(all)
}

/// Checks that an empty cache is filled from the state that a program has left.
fn check_rebuild(state: &Path, cache: &Redis, fleets: usize, expected: &BTreeMap<String, Value>) {
    let cache = format!("redis://{}", cache.address());
    let state = format!("file://{}", state.display());
    let flags = ["rebuild", "--state", &state, "--cache", &cache];
    let ended = service("processor", &flags).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    // A processor that follows nothing tells what is there.
    let [stream, state] = [["--stream", "memory:"], ["--state", "memory:"]];
    let flags = [
        stream,
        state,
        ["--cache", &cache],
        ["--live", "127.0.0.1:0"],
    ];
    let reader = Service::start("processor", &flags.concat());
    let found = shown(reader.address("live"), fleets).unwrap();
    assert!(found == *expected, "{} rides and vehicles", found.len());
    reader.stop();
}

#[test]
fn a_cache_that_is_killed_emptied_and_cut_off_loses_no_ride() {
    let test = "a_cache_that_is_killed_emptied_and_cut_off_loses_no_ride";
    let Some(mut redis) = Redis::start(test) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let url = format!("redis://{}", redis.address());
    let stormy = start(&scratch.path().join("stormy"), &url);
    let is_over = AtomicBool::new(false);
    let (fleets, recoveries) = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                send(&fleet(sent), stormy.ingest);
                sent += 1;
            }
            sent
        });
        let ride = some_ride(&stormy);
        redis.kill();
        let killed = check_outage(&stormy, &ride, || redis.start_again());
        redis.freeze();
        let frozen = check_outage(&stormy, &ride, || redis.thaw());
        is_over.store(true, Ordering::Relaxed);
        (sending.join().unwrap(), [killed, frozen])
    });
    outcome::wait_for_processor(&stormy);
    eprintln!("{fleets} fleets; Redis has everything again after {recoveries:?}");

    let calm = start(&scratch.path().join("calm"), "memory:");
    for number in 0..fleets {
        send(&fleet(number), calm.ingest);
    }
    outcome::wait_for_processor(&calm);
    let expected = shown(calm.live, fleets).unwrap();
    let least = 100 * fleets;
    assert!(
        expected.len() > least,
        "only {} rides and vehicles",
        expected.len()
    );
    // What was told within the last half second may be told again.
    wait_for("all rides of the calm run in Redis", || {
        (shown(stormy.live, fleets)? == expected).then_some(())
    });

    // Another Redis, empty, is filled from the snapshots alone.
    stormy.stop();
    let other = Redis::start(test).unwrap();
    check_rebuild(
        &scratch.path().join("stormy/state"),
        &other,
        fleets,
        &expected,
    );
    calm.stop();
}
