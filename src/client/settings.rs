//! The settings that everything that sends to ingest has alike.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use access::Credential;
use clap::Args;
use reqwest::Url;
use schemas::FleetId;
use service::parse_duration;

use super::Format;

/// Where to send, and how.
#[derive(Debug, Clone, Args)]
// Commands flatten this into settings of the same name, which is their group already.
#[group(skip)]
#[command(next_help_heading = "Sending")]
pub struct Settings {
    /// The server that takes the uploads.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub to: Url,
    /// API key or token to send with; not logged.
    #[arg(long, value_name = "KEY", env = "HANSOM_KEY", hide_env_values = true)]
    pub key: Option<Credential>,
    /// The fleet that the vehicles belong to; the server's default if missing.
    #[arg(long, value_name = "ID")]
    pub fleet: Option<FleetId>,
    /// Senders at work at the same time. A vehicle stays with one of them, which keeps its order.
    #[arg(long, value_name = "NUMBER", default_value = "8")]
    pub connections: NonZeroUsize,
    /// Pings in a request at full speed.
    #[arg(long, value_name = "PINGS", default_value = "500")]
    pub batch: NonZeroUsize,
    /// How pings are written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// A request that has no decision after this time is given up, and its sender stops: the
    /// vehicles' order would be lost.
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = parse_duration)]
    pub patience: Duration,
    /// Writes a line `vehicle epoch seq` for each ping that was accepted, each name once.
    #[arg(long, value_name = "FILE")]
    pub acked: Option<PathBuf>,
}
