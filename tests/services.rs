//! The services as processes of their own: each starts, works and ends in order by itself, on a
//! stream in its own memory. That they work together needs a stream that all of them reach.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{
    process::Process,
    program::{get, post, service},
    wait_for,
};

/// Starts a service on free ports.
fn start(name: &str, arguments: &[&str]) -> Process {
    let mut command = service(name, &["--admin", "127.0.0.1:0"]);
    Process::start(command.args(arguments).env("HANSOM_STREAM", "memory:"))
}

/// Asks the process whether it is live and ready, and for a metric.
fn check_admin(process: &Process) {
    let page = |path: &str| get(&format!("http://{}{path}", process.address("admin")));
    assert_eq!(page("/live").as_deref(), Some("live\n"));
    let ready = wait_for("a process that is ready", || page("/ready"));
    assert_eq!(ready, "ready\n");
    assert!(page("/metrics").unwrap().contains("process_"));
}

#[test]
fn ingest_takes_pings_and_ends_in_order() {
    let ingest = start(
        "ingest",
        &["--listen", "127.0.0.1:0", "--drain-delay", "1s"],
    );
    check_admin(&ingest);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ping = json!({
        "vehicle_id": "cab-1",
        "time_ms": now.as_millis() as u64,
        "lat": 37.7749,
        "lng": -122.4194,
    });
    let url = format!("http://{}/v1/pings", ingest.address("ingest"));
    let answer: Value = post(&url, &ping).unwrap().parse().unwrap();
    assert_eq!(answer["accepted"], 1, "{answer}");
    ingest.signal("TERM");
    wait_for("a process that takes no more", || {
        let page = |path: &str| get(&format!("http://{}{path}", ingest.address("admin")));
        (page("/ready").is_none() && page("/live").is_some()).then_some(())
    });
    let (status, log) = ingest.ended();
    assert!(status.success(), "{status}: {log:#?}");
}

#[test]
fn processor_shows_rides_and_ends_in_order() {
    let state = tempfile::tempdir().unwrap();
    let url = format!("file://{}", state.path().display());
    let processor = start("processor", &["--state", &url, "--live", "127.0.0.1:0"]);
    check_admin(&processor);
    let url = format!("http://{}/v1/rides", processor.address("live"));
    let page: Value = get(&url).unwrap().parse().unwrap();
    assert_eq!(page["rides"], json!([]));
    processor.stop();
}

#[test]
fn archiver_ends_in_order() {
    let archive = tempfile::tempdir().unwrap();
    let url = format!("file://{}", archive.path().display());
    let archiver = start("archiver", &["--archive", &url]);
    check_admin(&archiver);
    archiver.stop();
}
