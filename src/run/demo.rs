//! The fleet of `--demo`: a simulation in the same process, sent over HTTP like anybody's.

use std::net::SocketAddr;

use service::Shutdown;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::simulate;

/// Starts the fleet against `ingest`, until `stop`.
pub(super) fn start(ingest: SocketAddr, stop: Shutdown) -> JoinHandle<()> {
    tokio::spawn(async move {
        let settings = simulate::Settings::demo(ingest);
        if let Err(error) = simulate::run(settings, stop).await {
            warn!(error = format!("{error:#}"), "the demo fleet stopped");
        }
    })
}
