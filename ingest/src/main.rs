//! The program `ingest`: one process of several on a stream that all of them reach. It only wires.

use std::net::SocketAddr;

use access::Guard;
use anyhow::Context as _;
use clap::Parser;
use ingest::{MqttSettings, SpoolSettings, spool};
use service::{Listener, Process, Stage, Terms};
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
/// ends it at once. What is in the spool then goes to the stream after the next start.
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

    /// Whose connections it takes.
    #[command(flatten)]
    connections: service::ListenerSettings,

    /// Ingest's own settings.
    #[command(flatten)]
    ingest: ingest::Settings,

    /// What becomes of pings while the stream is away.
    #[command(flatten)]
    spool: SpoolSettings,

    /// Whose messages it takes as well.
    #[command(flatten)]
    mqtt: MqttSettings,

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
    let socket = service::listen(settings.listen).await.context("--listen");
    let (socket, terms) = service::both(socket, Terms::open(&settings.connections).await)?;
    let listener = Listener::new(socket, &terms);
    let address = listener.local_addr()?;
    let opening = async {
        let stream = settings.spool.open(&settings.stream).await;
        let opened = service::both(settings.ingest.check(), stream);
        let opened = service::both(opened, settings.mqtt.open());
        service::both(opened, Guard::start(&settings.access).await)
    };
    let Some(opened) = stop.unless_requested(opening).await else {
        return Ok(());
    };
    let ((((), opened), mqtt), guard) = opened?;
    let spool::Opened {
        stream,
        live,
        backfill,
    } = opened;
    let ingest = Stage::start("ingest", &stop, |drain| {
        let ports = ingest::Ports {
            listener,
            live,
            backfill,
            mqtt,
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
