//! The settings of a spool before the stream, as command-line flags, and what opens it. What it does is
//! `transport`'s.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use service::parse_duration;
use transport::{
    Producer, Stream,
    spool::{self, Spooled},
};

/// A spool: pings are acknowledged while the stream is away.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Spool")]
#[group(skip)]
pub struct SpoolSettings {
    /// Directory on a disk that outlives this process, of this process alone. Pings that the stream
    /// does not take within --spool-patience become durable there, are acknowledged, and go to the
    /// stream in order when it is back, after a restart too. Without it, they get 503.
    #[arg(long, value_name = "DIR", env = "HANSOM_SPOOL")]
    pub spool: Option<PathBuf>,

    /// Bytes of pings that the spool holds at most; beyond them, requests get 503. Its files may take
    /// twice as much.
    #[arg(long, value_name = "BYTES", default_value_t = spool::DEFAULT_MAX_BYTES)]
    pub spool_bytes: u64,

    /// How long a request waits for the stream before its pings are spooled.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = parse_duration)]
    pub spool_patience: Duration,
}

/// A stream, and the ways to it for live pings and for those that come late.
pub struct Opened {
    /// The stream, behind the spool if there is one: closing it closes both.
    pub stream: Arc<dyn Stream>,
    /// For live pings.
    pub live: Arc<dyn Producer>,
    /// For late ones.
    pub backfill: Arc<dyn Producer>,
}

impl SpoolSettings {
    /// Opens the stream, and the spool before it if there is to be one: then the stream may be away.
    ///
    /// # Errors
    /// The stream's URL, or the directory, that cannot be used, by its flag.
    pub async fn open(&self, url: &str) -> anyhow::Result<Opened> {
        let Some(directory) = self.spool.clone() else {
            let stream = transport::open_shared(url).await.context("--stream")?;
            return Ok(Opened {
                live: stream.producer(),
                backfill: stream.producer(),
                stream,
            });
        };
        let settings = spool::Settings {
            directory,
            max_bytes: self.spool_bytes,
            patience: self.spool_patience,
        };
        let stream = transport::open_late(url).await.context("--stream")?;
        let spooled = Spooled::open(stream, settings).await.context("--spool")?;
        Ok(Opened {
            live: spooled.producer(),
            backfill: spooled.backfill(),
            stream: Arc::new(spooled),
        })
    }
}
