//! Redis that goes while the program writes to it under load: killed, started again empty, cut off.
//! Rides go on, the live API says how old its answers are, and in the end Redis has what a run has
//! in which nothing failed.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use faults::servers::Redis;
use reqwest::header::AGE;
use serde_json::Value;

use crate::support::{
    fleet::{Outcome, Traffic, send_until, state, undisturbed},
    outcome,
    program::{Program, service, wait},
    services::processor,
    wait_for,
};

/// Of each fleet: fleets come one after the other for as long as Redis is played with.
const TRAFFIC: Traffic = Traffic {
    vehicles: 100,
    ..Traffic::full(20_000)
};

fn fleet(number: usize) -> String {
    format!("fleet-{number}")
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

/// Kills Redis and starts it again empty, and then freezes it; says how long it took after each until
/// it had everything again.
fn take_away(redis: &mut Redis, program: &Program) -> [Duration; 2] {
    let ride = some_ride(program);
    redis.kill();
    let killed = check_outage(program, &ride, || redis.start_again());
    redis.freeze();
    let frozen = check_outage(program, &ride, || redis.thaw());
    [killed, frozen]
}

/// Checks that an empty cache is filled from the state that a program has left.
fn check_rebuild(data: &Path, cache: &Redis, calm: &Outcome) {
    let cache = format!("redis://{}", cache.address());
    let kept = format!("file://{}/state", data.display());
    let flags = ["rebuild", "--state", &kept, "--cache", &cache];
    let ended = service("processor", &flags).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    // A processor that follows nothing tells what is there.
    let reader = processor("memory:", "memory:", &cache, "30s");
    let found = state(reader.address("live"), calm.acked.keys()).unwrap();
    assert!(found == calm.state, "{} rides and vehicles", found.len());
    reader.stop();
}

#[test]
fn a_cache_that_is_killed_emptied_and_cut_off_loses_no_ride() {
    let test = "a_cache_that_is_killed_emptied_and_cut_off_loses_no_ride";
    let Some(mut redis) = Redis::start(test) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let url = format!("redis://{}", redis.address());
    let flags = ["--max-behind", "3650d", "--snapshot-interval", "1s"];
    let program = Program::start(&data, &[&["--cache", &url], &flags[..]].concat());
    let is_over = AtomicBool::new(false);
    let (acked, recoveries) = thread::scope(|scope| {
        let sending =
            scope.spawn(|| send_until(&is_over, TRAFFIC, |number| (fleet(number), program.ingest)));
        // Whatever becomes of it, nobody sends for ever.
        let outages = thread::scope(|scope| scope.spawn(|| take_away(&mut redis, &program)).join());
        is_over.store(true, Ordering::Relaxed);
        (sending.join().unwrap(), outages.unwrap())
    });
    outcome::wait_for_processor(&program);
    let fleets: Vec<&str> = acked.keys().map(String::as_str).collect();
    eprintln!(
        "{} fleets; Redis has everything again after {recoveries:?}",
        fleets.len()
    );

    let calm = undisturbed(&fleets, TRAFFIC);
    assert!(acked == calm.acked, "both runs were told the same");
    let (count, least) = (calm.state.len(), 100 * fleets.len());
    assert!(count > least, "only {count} rides and vehicles");
    // What was told within the last half second may be told again.
    wait_for("all rides of the undisturbed run in Redis", || {
        (state(program.live, acked.keys())? == calm.state).then_some(())
    });

    // Another Redis, empty, is filled from the snapshots alone.
    program.stop();
    check_rebuild(&data, &Redis::start(test).unwrap(), &calm);
}
