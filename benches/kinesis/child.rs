//! What is measured, each in a process of its own: ingest, and writing and reading alone. What it
//! prints, its parent shows.

use std::{io, net::SocketAddr, time::Instant};

use clap::Parser;
use service::{Readiness, Shutdown};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use transport::{Read, Shard};

use crate::support::{BATCH, batch, cpu_seconds, lines, parse};

/// Pings that are written and read.
const PINGS: usize = 1_000_000;
/// Batches under way at once: each waits for its linger and for its puts.
const APPENDS: usize = 64;

pub(crate) const HEAD: &str = "\
1,000,000 pings         | pings a CPU second | CPU us a ping | pings a second";

/// Ingest alone, until its input ends. Prints where it listens.
pub(crate) async fn serve(url: &str) -> anyhow::Result<()> {
    /// Reads the settings as the command line does.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: ingest::Settings,
    }
    let stream = transport::open_shared(url).await?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("{}", listener.local_addr()?);
    let drain = Shutdown::new();
    let settings = Line::parse_from(["bench"]).settings;
    let ready = Readiness::new().condition("ingest");
    let ports = ingest::Ports {
        listener: listener.into(),
        live: stream.producer(),
        backfill: stream.producer(),
        mqtt: None,
        guard: access::Guard::open().into(),
        ready,
    };
    let serving = tokio::spawn(ingest::run(settings, ports, drain.clone()));
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    drain.request();
    serving.await??;
    Ok(stream.close().await?)
}

/// Appends pings, and prints what that took.
pub(crate) async fn append(url: &str) -> anyhow::Result<()> {
    let pings = parse(&lines(PINGS));
    let stream = transport::open_shared(url).await?;
    let measure = Measure::start();
    let mut appends = JoinSet::new();
    for pings in pings.chunks(BATCH) {
        let (producer, batch) = (stream.producer(), batch(pings));
        appends.spawn(async move { producer.append(batch).await.failed.len() });
        if appends.len() == APPENDS {
            check(appends.join_next().await)?;
        }
    }
    while let Some(done) = appends.join_next().await {
        check(Some(done))?;
    }
    measure.end("one producer, 4 shards");
    Ok(stream.close().await?)
}

fn check(done: Option<Result<usize, tokio::task::JoinError>>) -> anyhow::Result<()> {
    let failed = done.transpose()?.unwrap_or_default();
    anyhow::ensure!(failed == 0, "{failed} pings were not taken");
    Ok(())
}

/// Reads what was appended, and prints what that took.
pub(crate) async fn read(url: &str) -> anyhow::Result<()> {
    let stream = transport::open_shared(url).await?;
    let mut consumer = stream.consumer("bench");
    let (counts, mut counted) = mpsc::channel(1_024);
    let mut shards = JoinSet::new();
    let (mut seen, mut measure) = (0, None);
    while seen < PINGS {
        tokio::select! {
            shard = consumer.acquire() => {
                measure.get_or_insert_with(Measure::start);
                shards.spawn(read_shard(shard?, counts.clone()));
            }
            Some(count) = counted.recv() => seen += count,
        }
    }
    if let Some(measure) = measure {
        measure.end("one consumer, 4 shards");
    }
    Ok(())
}

/// Tells how many records came, read after read.
async fn read_shard(mut shard: Box<dyn Shard>, counts: mpsc::Sender<usize>) {
    while let Ok(read) = shard.read().await {
        let Read::Records(records) = read else {
            continue;
        };
        if counts.send(records.len()).await.is_err() {
            return;
        }
    }
}

/// CPU and time since it was started.
struct Measure {
    cpu_seconds: f64,
    begun: Instant,
}

impl Measure {
    fn start() -> Self {
        Self {
            cpu_seconds: cpu_seconds("self"),
            begun: Instant::now(),
        }
    }

    fn end(self, name: &str) {
        let cpu = cpu_seconds("self") - self.cpu_seconds;
        let pings = PINGS as f64;
        println!(
            "{name:<23} | {:>18.0} | {:>13.2} | {:>14.0}",
            pings / cpu,
            cpu * 1e6 / pings,
            pings / self.begun.elapsed().as_secs_f64(),
        );
    }
}
