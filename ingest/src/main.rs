//! The program `ingest`: one process of several on a stream that all of them reach. It only wires.

use std::net::SocketAddr;

use access::Guard;
use anyhow::Context as _;
use clap::Parser;
use service::{Process, Stage};
use tracing::info;

/// The system's allocator costs a ping twice as much as this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes pings and ride events over HTTP, and puts them on a stream that the other services read.
///
/// Apps send to --listen and get their answer when the stream has their pings durably. Any number of
/// these processes may work side by side. --admin is for monitoring: /ready says whether this one
/// takes requests. Apps show a credential that --api-keys or --jwks know; --admin asks for none, so let
/// it listen on trusted networks only.
///
/// SIGTERM or Ctrl-C ends it in order, with every request answered, within --grace; a second one
/// ends it at once.
///
/// Logs go to standard error, as text on a terminal and as JSON elsewhere. `HANSOM_LOG` chooses among
/// them, like `warn` or `info,ingest=debug`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Settings {
    /// Stream that takes pings and ride events: `kinesis://stream?region=eu-west-1` or
    /// `kafka://broker:9092/topic`. Credentials for AWS come as its tools find them: environment,
    /// profile or instance.
    #[arg(long, value_name = "URL", env = "HANSOM_STREAM")]
    stream: String,

    /// Address that takes pings and ride events.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        env = "HANSOM_LISTEN"
    )]
    listen: SocketAddr,

    /// What every process is told.
    #[command(flatten)]
    process: service::Settings,

    /// Ingest's own settings.
    #[command(flatten)]
    ingest: ingest::Settings,

    /// Who may write.
    #[command(flatten)]
    access: access::Settings,
}

#[tokio::main]
async fn main() -> Result<(), service::Failure> {
    let settings = Settings::parse();
    let work = |process| work(&settings, process);
    Ok(service::run("ingest", &settings.process, work).await?)
}

async fn work(settings: &Settings, process: Process) -> anyhow::Result<()> {
    let Process { stop, ready, admin } = process;
    let listener = service::listen(settings.listen).await.context("--listen")?;
    let address = listener.local_addr()?;
    let opening = async {
        let stream = transport::open_shared(&settings.stream).await;
        let opened = service::both(settings.ingest.check(), stream.context("--stream"));
        service::both(opened, Guard::start(&settings.access).await)
    };
    let Some(opened) = stop.unless_requested(opening).await else {
        return Ok(());
    };
    let (((), stream), guard) = opened?;
    let ingest = Stage::start("ingest", &stop, |drain| {
        let ports = ingest::Ports {
            listener,
            live: stream.producer(),
            backfill: stream.producer(),
            guard: guard.into(),
            ready,
        };
        ingest::run(settings.ingest.clone(), ports, drain)
    });
    info!(ingest = %address, %admin, "listening");
    stop.requested().await;
    let ended = ingest.drain().await;
    ended.and(stream.close().await.context("stream"))
}
