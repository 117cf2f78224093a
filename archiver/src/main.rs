//! The program `archiver`: one process of several on a stream that all of them reach, or a command on
//! what they have archived. It only wires.

use std::sync::Arc;

use anyhow::Context as _;
use archiver::commands::{self, Command};
use clap::Parser;
use objects::Objects;
use service::{Drain, Process, Stage};
use tracing::info;
use transport::Stream;

/// The system's allocator costs a ping twice as much as this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Writes all that travels on a stream as Parquet, each ping, ride event and trip exactly once.
///
/// Several of these processes share out the shards of the stream. --admin is for monitoring.
///
/// SIGTERM or Ctrl-C ends it in order, within --grace: it archives what it has read and leaves its
/// shards to the others; a second one ends it at once. After that, as after a kill, nothing is lost
/// or doubled.
///
/// Logs go to standard error, as text on a terminal and as JSON elsewhere. `HANSOM_LOG` chooses among
/// them, like `warn` or `info,archiver=debug`.
///
/// With a command it does that instead, and ends.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Settings {
    /// What to do instead of archiving.
    #[command(subcommand)]
    command: Option<Command>,

    /// Stream that is archived: `kinesis://stream?region=eu-west-1` or `kafka://broker:9092/topic`.
    #[arg(long, value_name = "URL", env = "HANSOM_STREAM", required = true)]
    stream: Option<String>,

    /// Where the archive is kept: `s3://bucket/prefix?region=eu-west-1` or `file:///dir`. All
    /// archivers on a stream need the same. Credentials come as the AWS tools find them:
    /// environment, profile or instance.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE", required = true)]
    archive: Option<String>,

    /// What every process is told.
    #[command(flatten)]
    process: service::Settings,

    /// The archiver's own settings.
    #[command(flatten)]
    archiver: archiver::Settings,
}

#[tokio::main]
async fn main() -> Result<(), service::Failure> {
    let mut settings = Settings::parse();
    if let Some(command) = settings.command.take() {
        return Ok(commands::execute(command).await?);
    }
    let work = |process| work(&settings, process);
    Ok(service::run("archiver", &settings.process, work).await?)
}

async fn work(settings: &Settings, process: Process) -> anyhow::Result<()> {
    let Process { stop, ready, admin } = process;
    let Some(opened) = stop.unless_requested(open(settings)).await else {
        return Ok(());
    };
    let (stream, archive) = opened?;
    let archiver = Stage::start("archiver", &stop, |drain| {
        let (settings, drain) = (settings.archiver.clone(), Drain::HandOver(drain));
        archiver::run(settings, stream.clone(), archive, drain)
    });
    ready.set_ready();
    info!(%admin, "listening");
    stop.requested().await;
    ready.set_not_ready("draining");
    let ended = archiver.drain().await;
    ended.and(stream.close().await.context("stream"))
}

/// Opens the stream and the storage.
async fn open(settings: &Settings) -> anyhow::Result<(Arc<dyn Stream>, Arc<dyn Objects>)> {
    // Without a command they are required.
    let [stream, archive] = [&settings.stream, &settings.archive];
    let [stream, archive] = [stream, archive].map(|url| url.as_deref().unwrap_or_default());
    let stream = transport::open_shared(stream).await;
    let archive = objects::open(archive).await;
    service::both(stream.context("--stream"), archive.context("--archive"))
}
