//! The settings of `hansom run`, as command-line flags. The doc comments are the help.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use service::parse_duration;

/// How to run everything on one machine.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Directory for everything that is kept: stream/, state/ and archive/.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "hansom-data",
        env = "HANSOM_DATA"
    )]
    pub data: PathBuf,

    /// Address that takes pings and ride events.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of the live API.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub live: SocketAddr,

    /// Address of /metrics, /live and /ready.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8082")]
    pub admin: SocketAddr,

    /// Also start a simulated fleet, to have something to look at.
    #[arg(long)]
    pub demo: bool,

    /// Shards of the embedded stream; fixed when the stream is made. One carries some hundred
    /// thousand pings a second; each further one adds its own files to every hour of the archive.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub shards: u32,

    /// How long the stream keeps what every service is done with.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_duration)]
    pub retention: Duration,

    /// How long a SIGTERM may take until everything is written; then the process exits with 1.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub grace: Duration,

    /// Ingest's own settings.
    #[command(flatten)]
    pub ingest: ingest::Settings,

    /// The processor's own settings.
    #[command(flatten)]
    pub processor: processor::Settings,

    /// The archiver's own settings.
    #[command(flatten)]
    pub archiver: archiver::Settings,
}

/// Where the backends are.
pub(super) struct Urls {
    pub(super) stream: String,
    pub(super) archive: String,
    pub(super) state: String,
}

impl Settings {
    /// The URLs of the backends below the data directory.
    pub(super) fn urls(&self) -> anyhow::Result<Urls> {
        let data = std::path::absolute(&self.data).context("--data")?;
        let data = data.to_str().context("--data: not a UTF-8 path")?;
        let (shards, retention) = (self.shards, self.retention.as_secs());
        Ok(Urls {
            stream: format!("embedded://{data}/stream?shards={shards}&retention={retention}s"),
            archive: format!("file://{data}/archive"),
            state: format!("file://{data}/state"),
        })
    }
}
