//! The settings that every process has, as command-line flags. The doc comments are the help.

use std::{net::SocketAddr, time::Duration};

use clap::Args;

use crate::parse_duration;

/// Where a process is watched, and how it ends.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Settings {
    /// Address of /metrics, /live and /ready.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8082",
        env = "HANSOM_ADMIN"
    )]
    pub admin: SocketAddr,

    /// How long a SIGTERM may take until everything is written; then the process exits with 1.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub grace: Duration,
}
