//! No query at any moment sees a row twice or not at all: the real program compacts, and is killed, while
//! archivers commit late rows and readers read by the lists, on a directory and in a bucket. One reader is
//! ours; the other one is DuckDB, or what pyarrow hands to it from a bucket.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
)]

mod support;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use faults::{Plan, Proxy, servers};
use objects::Objects;
use service::{Drain, Shutdown};
use support::{Reader, archiver, listed_pings, ping, python};
use tokio::time::{self, Instant};
use transport::{Batch, Stream};

/// How long all go on at once.
const LASTS: Duration = Duration::from_secs(45);

/// Longer than a reader takes, short enough that files are deleted while the test goes on.
const GRACE: &str = "12s";

/// Vehicles, each of which drives through every hour again and again.
const VEHICLES: u64 = 12;

/// Hours that rows fall into, in whatever order.
const HOURS: u64 = 3;

/// The archivers: what is on the stream is committed every 300 ms.
async fn write(objects: Arc<dyn Objects>, is_over: Arc<AtomicBool>) -> u64 {
    let stream: Arc<dyn Stream> = transport::open("memory:?shards=2").await.unwrap();
    let drain = Shutdown::new();
    let settings = archiver::Settings {
        archive_max_file_bytes: 128_000_000,
        archive_max_age: Duration::from_millis(300),
        archive_memory: 64 << 20,
    };
    let archiving = tokio::spawn(archiver::run(
        settings,
        Arc::clone(&stream),
        objects,
        Drain::ReadOut(drain.clone()),
    ));
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut batch = Batch::default();
        for _ in 0..40 {
            let record = ping(number % VEHICLES, number / VEHICLES, number % HOURS);
            let (fleet, vehicle) = record.subject();
            batch.push(
                |key| schemas::record::write_key(fleet, vehicle, key),
                |payload| record.encode(payload),
            );
            number += 1;
        }
        assert!(stream.producer().append(batch).await.failed.is_empty());
        time::sleep(Duration::from_millis(50)).await;
    }
    drain.request();
    archiving.await.unwrap().unwrap();
    number
}

/// Compacts again and again, killed after so many milliseconds, now and then by two at once.
async fn compact(url: &str, is_over: &AtomicBool) -> (u32, u32) {
    let (mut kills, mut ends) = (0, 0);
    let mut wait_ms = 3;
    while !is_over.load(Ordering::Relaxed) {
        wait_ms = wait_ms * 7 % 1_999;
        let start = || {
            archiver(&[
                "compact",
                "--archive",
                url,
                "--before",
                "2026-02-01",
                "--grace",
                GRACE,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
        };
        let mut running = vec![start()];
        if wait_ms % 3 == 0 {
            running.push(start());
        }
        time::sleep(Duration::from_millis(wait_ms)).await;
        for mut process in running {
            if process.try_wait().unwrap().is_some() {
                ends += 1;
            } else {
                process.kill().unwrap();
                process.wait().unwrap();
                kills += 1;
            }
        }
    }
    (kills, ends)
}

/// Reads by the lists again and again: each row once, and never fewer than before.
async fn read(objects: Arc<dyn Objects>, is_over: Arc<AtomicBool>) -> u64 {
    let (mut reads, mut before) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let pings = listed_pings(&objects).await;
        let names: BTreeSet<&String> = pings.iter().collect();
        assert_eq!(names.len(), pings.len(), "a row is seen twice");
        assert!(
            pings.len() >= before,
            "{} rows, and {before} before",
            pings.len()
        );
        before = pings.len();
        reads += 1;
        time::sleep(Duration::from_millis(20)).await;
    }
    reads
}

/// All of it at once, and then the account of it.
async fn check(url: &str, program_url: &str, reader: Reader) {
    let objects = objects::open(url).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(Arc::clone(&objects), Arc::clone(&is_over)));
    let ours = tokio::spawn(read(Arc::clone(&objects), Arc::clone(&is_over)));
    let ending = Arc::clone(&is_over);
    let began = Instant::now();
    tokio::spawn(async move {
        time::sleep(LASTS).await;
        ending.store(true, Ordering::Relaxed);
    });
    let (kills, ends) = compact(program_url, &is_over).await;
    let reads = ours.await.unwrap();
    let rows = writer.await.unwrap();
    let theirs = reader.end();
    eprintln!(
        "{rows} rows in {:?}: {kills} compactions killed, {ends} ended; {reads} reads of ours, {theirs} of theirs",
        began.elapsed()
    );
    let compacted = archiver(&[
        "compact",
        "--archive",
        program_url,
        "--before",
        "2026-02-01",
        "--grace",
        "0s",
    ])
    .output()
    .unwrap();
    assert!(
        compacted.status.success(),
        "{}",
        String::from_utf8_lossy(&compacted.stderr)
    );
    let pings = listed_pings(&objects).await;
    let names: BTreeSet<&String> = pings.iter().collect();
    assert_eq!((names.len() as u64, pings.len() as u64), (rows, rows));
    let files = objects.list("pings/", None).await.unwrap();
    assert_eq!(files.len() as u64, HOURS, "{files:?}");
    let audit = archiver(&[
        "audit",
        "--archive",
        program_url,
        "--period",
        "2026-01-05",
        "--deep",
    ])
    .output()
    .unwrap();
    let told = String::from_utf8_lossy(&audit.stdout);
    assert!(audit.status.success(), "{told}");
    assert!(
        told.contains(&format!(
            "pings: {rows} rows committed = {rows} in {HOURS} files"
        )),
        "{told}"
    );
    assert!(
        kills > 5 && reads > 5 && theirs > 3,
        "too little happened to tell"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_on_a_directory_see_each_row_once_whatever_is_compacted_and_killed() {
    let Some(python) = python("queries_on_a_directory_see_each_row_once") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let root: PathBuf = scratch.path().join("archive");
    let url = format!("file://{}", root.display());
    let reader = Reader::of_directory(&python, &root);
    check(&url, &url, reader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_on_a_bucket_see_each_row_once_whatever_is_compacted_and_killed() {
    let test = "queries_on_a_bucket_see_each_row_once_whatever_is_compacted_and_killed";
    let Some(python) = python(test) else { return };
    if !support::has_credentials() {
        return support::again_with_credentials(test);
    }
    let Some(moto) = servers::Moto::start(test) else {
        return;
    };
    let plan = Plan {
        one_at_a_time: faults::writes,
        ..Plan::CALM
    };
    let proxy = Proxy::start(moto.address(), plan, 1).await;
    support::make_bucket(&python, moto.address());
    let url = format!(
        "s3://rides/sf?region=us-east-1&endpoint=http://{}",
        proxy.address()
    );
    let reader = Reader::of_bucket(&python, proxy.address());
    check(&url, &url, reader).await;
}
