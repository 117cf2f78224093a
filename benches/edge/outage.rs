//! The time of an acknowledgement while the stream is away for a minute, against that before: an ingest
//! with a spool, on a server of Kinesis's protocol by others, behind a proxy that goes down.

use std::{
    env,
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use faults::{
    Plan, Proxy,
    servers::{Kinesis, KinesisOptions},
};
use ingest::{SpoolSettings, spool::Opened};
use service::{Readiness, Shutdown};
use tokio::net::TcpListener;

use crate::good_client::{Answers, Load};

const STREAM: &str = "pings";
/// Vehicles that send a ping a second each.
const VEHICLES: u32 = 2_000;
/// How long is measured before the outage, and how long that lasts.
const BEFORE: Duration = Duration::from_secs(30);
const AWAY: Duration = Duration::from_mins(1);

/// Measures, and prints.
pub(crate) async fn run() -> anyhow::Result<()> {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream(STREAM, 4).await;
    let proxy = Proxy::start(kinesis.address(), Plan::CALM, 1).await;
    let directory = tempfile::tempdir()?;
    let url = format!(
        "kinesis://{STREAM}?region=us-east-1&endpoint=http://{}",
        proxy.address()
    );
    let mut serving = Command::new(env::current_exe()?)
        .args(["serve", &url])
        .arg(directory.path())
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    BufReader::new(serving.stdout.take().context("its output")?).read_line(&mut address)?;
    let to: SocketAddr = address.trim().parse()?;
    let load = |lasts| Load {
        to,
        key: None,
        clients: VEHICLES,
        pings_per_second: VEHICLES,
        lasts,
    };
    // Connections are opened.
    load(Duration::from_secs(5)).send().await?;
    let before = load(BEFORE).send().await?;
    proxy.set_plan(Plan {
        error_before: 0.5,
        silence_before: 0.5,
        ..Plan::CALM
    });
    let away = load(AWAY).send().await?;
    proxy.set_plan(Plan::CALM);
    let after = load(BEFORE).send().await?;
    println!("acknowledgement of one of {VEHICLES} pings/s, ms | p50 | p99 | most | refused");
    for (name, answers) in [
        ("before", &before),
        ("stream away, 60 s", &away),
        ("back", &after),
    ] {
        print(name, answers);
    }
    println!(
        "p99 while away / before: {:.2}",
        away.ms(0.99) / before.ms(0.99)
    );
    drop(serving.stdin.take());
    serving.wait()?;
    Ok(())
}

fn print(name: &str, answers: &Answers) {
    println!(
        "{name:<20} | {:>8.1} | {:>8.1} | {:>8.1} | {}",
        answers.ms(0.5),
        answers.ms(0.99),
        answers.ms(1.0),
        answers.refused
    );
}

/// Ingest alone, until its input ends. Prints where it listens.
pub(crate) async fn serve(url: &str, spool: &str) -> anyhow::Result<()> {
    /// Reads the settings as the command line does.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: ingest::Settings,
        #[command(flatten)]
        spool: SpoolSettings,
    }
    let line = Line::parse_from(["bench", "--spool", spool]);
    let Opened {
        stream,
        live,
        backfill,
    } = line.spool.open(url).await?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("{}", listener.local_addr()?);
    let drain = Shutdown::new();
    let ports = ingest::Ports {
        listener: listener.into(),
        live,
        backfill,
        mqtt: None,
        guard: access::Guard::open().into(),
        ready: Readiness::new().condition("ingest"),
    };
    let serving = tokio::spawn(ingest::run(line.settings, ports, drain.clone()));
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    drain.request();
    serving.await??;
    Ok(stream.close().await?)
}
