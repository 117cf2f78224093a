//! The program `processor`: one process of several on a stream that all of them reach. It only
//! wires.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use clap::Parser;
use objects::Objects;
use processor::{Cache, live::Live};
use service::{Drain, Process, Stage};
use tracing::info;
use transport::Stream;

/// The system's allocator costs a ping twice as much as this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Follows rides and vehicles on a stream, and tells where they are and when they arrive.
///
/// Several of these processes share out the shards of the stream; --live of each answers from
/// --cache. --admin is for monitoring. There is no authentication: let both listen on trusted
/// networks only.
///
/// SIGTERM or Ctrl-C ends it in order, within --grace: it stores what it has read and leaves its
/// shards to the others; a second one ends it at once. After that, as after a kill, what was read
/// since the last snapshot is read again.
///
/// Logs go to standard error, as text on a terminal and as JSON elsewhere. `HANSOM_LOG` chooses among
/// them, like `warn` or `info,processor=debug`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Settings {
    /// Stream that has pings and ride events, and takes trips: `kinesis://stream?region=eu-west-1` or
    /// `kafka://broker:9092/topic`. Credentials for AWS come as its tools find them: environment,
    /// profile or instance.
    #[arg(long, value_name = "URL", env = "HANSOM_STREAM")]
    stream: String,

    /// Where the state of the shards is kept: `s3://bucket/prefix?region=eu-west-1` or
    /// `file:///dir`. All processors on a stream need the same.
    #[arg(long, value_name = "URL", env = "HANSOM_STATE")]
    state: String,

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

    /// The processor's own settings.
    #[command(flatten)]
    processor: processor::Settings,
}

#[tokio::main]
async fn main() -> Result<(), service::Failure> {
    let settings = Settings::parse();
    let work = |process| work(&settings, process);
    Ok(service::run("processor", &settings.process, work).await?)
}

async fn work(settings: &Settings, process: Process) -> anyhow::Result<()> {
    let Process { stop, ready, admin } = process;
    let live = Live::bind(settings.live).await.context("--live")?;
    let address = live.local_addr();
    let Some(opened) = stop.unless_requested(Backends::open(settings)).await else {
        return Ok(());
    };
    let Backends {
        stream,
        state,
        cache,
    } = opened?;
    let processor = Stage::start("processor", &stop, |drain| {
        let (stream, cache) = (stream.clone(), cache.clone());
        let (settings, drain) = (settings.processor.clone(), Drain::HandOver(drain));
        async move { processor::run(&settings, stream, state, cache, drain).await }
    });
    let live = Stage::start("live api", &stop, |drain| live.serve(cache, drain));
    ready.set_ready();
    info!(live = %address, %admin, "listening");
    stop.requested().await;
    ready.set_not_ready("draining");
    let mut ended = processor.drain().await;
    ended = ended.and(live.drain().await);
    ended.and(stream.close().await.context("stream"))
}

/// The stream, the storage and the cache.
struct Backends {
    stream: Arc<dyn Stream>,
    state: Arc<dyn Objects>,
    cache: Arc<dyn Cache>,
}

impl Backends {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let stream = transport::open_shared(&settings.stream).await;
        let state = objects::open(&settings.state).await;
        let cache = processor::cache::open(&settings.cache);
        let stored = service::both(state.context("--state"), cache.context("--cache"));
        let (stream, (state, cache)) = service::both(stream.context("--stream"), stored)?;
        Ok(Self {
            stream,
            state,
            cache,
        })
    }
}
