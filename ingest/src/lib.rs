//! Ingest: takes pings and ride events over HTTP, checks each once, and answers when the stream
//! has them durably. It keeps no state about vehicles and recognises no repeats; readers do.
//!
//! The path of one ping: [`pings`] reads the body by its [`mod@format`], [`lines`] cuts NDJSON,
//! `schemas` parses and checks, [`accept`] judges age and rate, [`upload`] packs what is accepted
//! into a batch, [`intake`] appends it within a budget of bytes, [`answer`] says what became of
//! every item.

mod accept;
mod answer;
mod api;
mod events;
mod format;
mod intake;
mod lines;
mod metrics;
mod pings;
mod problem;
mod settings;
mod upload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use service::{Condition, Shutdown};
use tokio::net::TcpListener;
use transport::Producer;

pub use api::openapi;
pub use settings::Settings;

/// Serves HTTP on `listener` until `drain` is requested and every request under way is answered.
///
/// # Errors
/// Settings that cannot work together.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    producer: Arc<dyn Producer>,
    ready: Condition,
    drain: Shutdown,
) -> anyhow::Result<()> {
    metrics::describe();
    let router = api::router(settings, producer);
    ready.set_ready();
    service::serve(listener, router, drain.clone()).await;
    ready.set_not_ready("stopped");
    Ok(())
}
