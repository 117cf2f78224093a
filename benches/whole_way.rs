//! What a ping costs: CPU over the whole way through the real program, and stage by stage in this
//! process. It measures and prints; it asserts nothing, because machines differ.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod support;

use std::{
    fs,
    hint::black_box,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use processor::ShardState;
use schemas::{Ping, Record};
use service::{Drain, Shutdown};
use transport::Batch;

use support::{BATCH, batch, cpu_seconds, lines, parse};

/// Pings of one run of the whole way.
const PINGS: usize = 2_000_000;
/// Pings of one stage alone.
const STAGE_PINGS: usize = 500_000;
/// Requests under way at once.
const CONNECTIONS: usize = 8;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    println!("{:<50}{:>16}", "stage", "CPU us a ping");
    let lines = lines(STAGE_PINGS);
    let pings = stage("parse and check NDJSON", || parse(&lines));
    let payloads = stage("encode for the stream", || encode(&pings));
    stage("decode from the stream (each of two readers)", || {
        black_box(decode(&payloads))
    });
    stage("follow vehicles", || black_box(follow(&pings)));
    stage("append to the stream, durable (with encoding)", || {
        runtime.block_on(append(&pings)).map(black_box)
    })?;
    stage("archive: dedupe, sort, Parquet (with coding)", || {
        runtime.block_on(archive(&pings))
    })?;
    let whole = runtime.block_on(whole_way())?;
    println!("{:<50}{:>16.2}", "the whole way, over HTTP", whole.cpu_us);
    println!(
        "{:<50}{:>16.0}",
        "pings a second, client on the same cores", whole.per_second
    );
    println!(
        "{:<50}{:>16.0}",
        "resident memory at the peak, MB", whole.peak_mb
    );
    println!(
        "{:<50}{:>16.1}",
        "bytes a ping in the archive", whole.archive_bytes
    );
    Ok(())
}

/// Runs a stage over [`STAGE_PINGS`] and prints what it cost.
fn stage<Output>(name: &str, run: impl FnOnce() -> Output) -> Output {
    let before = cpu_seconds("self");
    let output = run();
    let seconds = cpu_seconds("self") - before;
    println!("{name:<50}{:>16.2}", seconds * 1e6 / STAGE_PINGS as f64);
    output
}

fn encode(pings: &[Ping]) -> Vec<Batch> {
    pings.chunks(BATCH).map(batch).collect()
}

fn decode(batches: &[Batch]) -> usize {
    let payloads = batches.iter().flat_map(Batch::iter);
    payloads
        .filter(|(_, payload)| black_box(Record::decode(payload)).is_ok())
        .count()
}

fn follow(pings: &[Ping]) -> usize {
    let mut state = ShardState::default();
    for pings in pings.chunks(BATCH) {
        for ping in pings {
            black_box(state.apply(&Record::Ping(ping.clone()), ping.time.0));
        }
        black_box(state.take_effects(usize::MAX));
    }
    pings.len()
}

async fn append(pings: &[Ping]) -> anyhow::Result<usize> {
    let directory = tempfile::tempdir()?;
    let url = format!("embedded://{}?shards=1", directory.path().display());
    let stream = transport::open(&url).await?;
    let mut appends = tokio::task::JoinSet::new();
    for pings in pings.chunks(BATCH) {
        let (producer, batch) = (stream.producer(), batch(pings));
        appends.spawn(async move { producer.append(batch).await.failed.len() });
        if appends.len() == CONNECTIONS {
            appends.join_next().await;
        }
    }
    while appends.join_next().await.is_some() {}
    stream.close().await?;
    Ok(pings.len())
}

async fn archive(pings: &[Ping]) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let stream = transport::open("memory:?shards=1&max_bytes=1000000000").await?;
    for pings in pings.chunks(BATCH) {
        stream.producer().append(batch(pings)).await;
    }
    let objects = objects::open(&format!("file://{}", directory.path().display())).await?;
    let drain = Shutdown::new();
    drain.request();
    archiver::run(archiver_settings(), stream, objects, Drain::ReadOut(drain)).await
}

fn archiver_settings() -> archiver::Settings {
    /// Reads the settings as the command line does.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: archiver::Settings,
    }
    Line::parse_from(["bench"]).settings
}

/// What the whole way cost.
struct Whole {
    cpu_us: f64,
    per_second: f64,
    peak_mb: f64,
    archive_bytes: f64,
}

async fn whole_way() -> anyhow::Result<Whole> {
    let directory = tempfile::tempdir()?;
    let ingest: SocketAddr = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut program = Command::new(env!("CARGO_BIN_EXE_hansom"))
        .args([
            "run",
            "--insecure-demo",
            "--max-behind",
            "36500d",
            "--live",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
        ])
        .args(["--listen", &ingest.to_string(), "--data"])
        .arg(directory.path())
        .stderr(Stdio::null())
        .spawn()?;
    let process = program.id().to_string();
    let bodies: Arc<Vec<String>> = Arc::new(
        lines(PINGS)
            .chunks(BATCH)
            .map(|lines| lines.join("\n"))
            .collect(),
    );
    let client = reqwest::Client::new();
    let url = format!("http://{ingest}/v1/pings");
    while client.get(&url).send().await.is_err() {
        if let Some(status) = program.try_wait()? {
            anyhow::bail!("the program did not start: {status}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let begun = Instant::now();
    let before = cpu_seconds(&process);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..CONNECTIONS {
        let (bodies, client, url) = (bodies.clone(), client.clone(), url.clone());
        senders.spawn(async move {
            for body in bodies.iter().skip(sender).step_by(CONNECTIONS) {
                let request = client
                    .post(&url)
                    .header("Content-Type", "application/x-ndjson");
                request
                    .body(body.clone())
                    .send()
                    .await?
                    .error_for_status()?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    let per_second = PINGS as f64 / begun.elapsed().as_secs_f64();
    Command::new("kill")
        .args(["-s", "TERM", &process])
        .status()?;
    let (mut after, mut peak_mb) = (before, 0.0_f64);
    while program.try_wait()?.is_none() {
        after = cpu_seconds(&process).max(after);
        peak_mb = peak_mb.max(peak_mb_of(&process));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let archive = directory.path().join("archive/pings");
    Ok(Whole {
        cpu_us: (after - before) * 1e6 / PINGS as f64,
        per_second,
        peak_mb,
        archive_bytes: bytes_below(&archive)? as f64 / PINGS as f64,
    })
}

fn peak_mb_of(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1_024.0
}

fn bytes_below(directory: &std::path::Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        bytes += if path.is_dir() {
            bytes_below(&path)?
        } else {
            path.metadata()?.len()
        };
    }
    Ok(bytes)
}
