//! The program `processor`: one process of several on a stream that all of them reach. It only
//! wires.

use std::{net::SocketAddr, sync::Arc};

use access::Guard;
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use objects::Objects;
use processor::{
    Cache, Cities, Rebuilt,
    live::{self, Live, Sources},
};
use service::{Drain, LogFormat, Process, Stage, Terms};
use tracing::info;
use transport::Stream;

/// The system's allocator costs a ping twice as much as this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Follows rides and vehicles on a stream, and tells where they are and when they arrive.
///
/// Several of these processes share out the shards of the stream; --live of each answers from
/// --cache to whoever shows a credential that --api-keys or --jwks know. --admin is for monitoring:
/// it asks for none, so let it listen on trusted networks only.
///
/// SIGTERM or Ctrl-C ends it in order, within --grace: it stores what it has read and leaves its
/// shards to the others; a second one ends it at once. After that, as after a kill, what was read
/// since the last snapshot is read again.
///
/// Logs go to standard error, as text on a terminal and as JSON elsewhere. `HANSOM_LOG` chooses among
/// them, like `warn` or `info,processor=debug`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, subcommand_negates_reqs = true)]
struct Settings {
    #[command(subcommand)]
    command: Option<Command>,

    /// Stream that has pings and ride events, and takes trips: `kinesis://stream?region=eu-west-1` or
    /// `kafka://broker:9092/topic`. Credentials for AWS come as its tools find them: environment,
    /// profile or instance.
    #[arg(long, value_name = "URL", env = "HANSOM_STREAM", required = true)]
    stream: Option<String>,

    /// Where the state of the shards is kept: `s3://bucket/prefix?region=eu-west-1` or
    /// `file:///dir`. All processors on a stream need the same.
    #[arg(long, value_name = "URL", env = "HANSOM_STATE", required = true)]
    state: Option<String>,

    /// Where rides and vehicles are kept for the live API: `redis://host:port/db`, or by TLS
    /// `rediss://host:port?ca=/path/to/ca.pem` (without `ca` by the system's authorities), which all
    /// processors share. `memory:` is this process alone: its live API knows
    /// the rides of its own shards.
    #[arg(
        long,
        value_name = "URL",
        default_value = "memory:",
        env = "HANSOM_CACHE"
    )]
    cache: String,

    /// Address of the live API.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8081",
        env = "HANSOM_LIVE"
    )]
    live: SocketAddr,

    /// What every process is told.
    #[command(flatten)]
    process: service::Settings,

    /// Whose connections it takes.
    #[command(flatten)]
    connections: service::ListenerSettings,

    /// The processor's own settings.
    #[command(flatten)]
    processor: processor::Settings,

    /// The live API's own settings.
    #[command(flatten)]
    answers: live::Settings,

    /// Who may read.
    #[command(flatten)]
    access: access::Settings,
}

/// What it does instead of following the stream.
#[derive(Debug, Subcommand)]
enum Command {
    /// Fills a cache with all rides and vehicles of the last snapshots, and ends.
    ///
    /// Processors that run fill a cache that has lost everything by themselves. This is for one that
    /// is to be full before they run on it, or while they do not. It is safe at any time: it never
    /// replaces what is newer.
    Rebuild(Rebuild),
}

/// From where to where.
#[derive(Debug, Args)]
struct Rebuild {
    /// Where the state of the shards is kept: `s3://..` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_STATE")]
    state: String,

    /// The cache to fill: `redis://..` or `rediss://..`.
    #[arg(long, value_name = "URL", env = "HANSOM_CACHE")]
    cache: String,
}

#[tokio::main]
async fn main() -> Result<(), service::Failure> {
    let settings = Settings::parse();
    if let Some(Command::Rebuild(rebuild)) = &settings.command {
        return Ok(rebuild.run().await?);
    }
    let work = |process| follow(&settings, process);
    Ok(service::run("processor", &settings.process, work).await?)
}

impl Rebuild {
    async fn run(&self) -> anyhow::Result<()> {
        service::start_logs(LogFormat::Auto)?;
        let (state, cache) = open_kept(&self.state, &self.cache).await?;
        let Rebuilt {
            shards,
            closed_shards,
            rides,
            vehicles,
        } = processor::rebuild(state, cache).await?;
        info!(
            shards,
            closed_shards, rides, vehicles, "the cache is filled"
        );
        Ok(())
    }
}

async fn follow(settings: &Settings, process: Process) -> anyhow::Result<()> {
    let Process { stop, ready, admin } = process;
    let live = Live::bind(settings.live).await.context("--live");
    let (live, terms) = service::both(live, Terms::open(&settings.connections).await)?;
    let address = live.local_addr();
    let Some(opened) = stop.unless_requested(Backends::open(settings)).await else {
        return Ok(());
    };
    let Backends {
        stream,
        state,
        cache,
        cities,
        guard,
    } = opened?;
    let processor = Stage::start("processor", &stop, |drain| {
        let ports = processor::Ports {
            stream: stream.clone(),
            objects: state,
            cache: cache.clone(),
            cities,
        };
        let (settings, drain) = (settings.processor.clone(), Drain::HandOver(drain));
        async move { processor::run(&settings, ports, drain).await }
    });
    let live = Stage::start("live api", &stop, |drain| {
        let sources = Sources { cache, guard };
        live.serve(settings.answers.clone(), terms, sources, drain)
    });
    ready.set_ready();
    info!(live = %address, %admin, "listening");
    stop.requested().await;
    ready.set_not_ready("draining");
    let mut ended = processor.drain().await;
    ended = ended.and(live.drain().await);
    ended.and(stream.close().await.context("stream"))
}

/// The stream, the storage and the cache, what is known of cities, and who may read.
struct Backends {
    stream: Arc<dyn Stream>,
    state: Arc<dyn Objects>,
    cache: Arc<dyn Cache>,
    cities: Cities,
    guard: Arc<Guard>,
}

impl Backends {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        // Both are required; an empty URL is refused like any other that is none.
        let url = |given: &Option<String>| given.clone().unwrap_or_default();
        let stream = transport::open_shared(&url(&settings.stream)).await;
        let kept = open_kept(&url(&settings.state), &settings.cache).await;
        let backends = service::both(stream.context("--stream"), kept);
        let guard = Guard::start(&settings.access).await;
        let cities = Cities::open(&settings.processor.learning).await;
        let known = service::both(guard, cities);
        let ((stream, (state, cache)), (guard, cities)) = service::both(backends, known)?;
        Ok(Self {
            stream,
            state,
            cache,
            cities,
            guard: guard.into(),
        })
    }
}

/// Opens where state and cache are kept, or says what is wrong with either.
async fn open_kept(state: &str, cache: &str) -> anyhow::Result<(Arc<dyn Objects>, Arc<dyn Cache>)> {
    let state = objects::open(state).await.context("--state");
    service::both(state, processor::cache::open(cache).context("--cache"))
}
