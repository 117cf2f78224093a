//! Ingest: takes pings and ride events over HTTP, checks each once, and answers when the stream
//! has them durably. It keeps no state about vehicles and recognises no repeats; readers do.
//!
//! The path of one ping: [`pings`] reads the [`body`] by its [`mod@format`], [`lines`] cuts NDJSON,
//! `schemas` parses and checks, [`accept`] judges age and rate, [`upload`] packs what is accepted
//! into a batch, [`intake`] appends it within a budget of bytes, [`answer`] says what became of
//! every item. What apps that others wrote send takes the same way from [`devices`] on.

mod accept;
mod answer;
mod api;
mod authority;
mod body;
mod devices;
mod events;
mod format;
mod intake;
mod lane;
mod lines;
mod metrics;
mod pings;
mod problem;
mod settings;
mod socket;
mod upload;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use access::Guard;
use service::{Condition, Shutdown};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tracing::warn;
use transport::Producer;

use api::Ingest;
use socket::MAX_SOCKETS;

pub use api::openapi;
pub use settings::Settings;

/// After the listener is closed, bodies under way get so long to arrive.
const LAST_BODIES: Duration = Duration::from_secs(2);
/// WebSockets have what they sent acknowledged, and are told to go elsewhere, within this time.
const LAST_SOCKETS: Duration = Duration::from_secs(5);

/// What ingest is given.
pub struct Ports {
    /// Where it listens.
    pub listener: TcpListener,
    /// Where pings and ride events go.
    pub live: Arc<dyn Producer>,
    /// Where those go that are older than 5 minutes: the same, or a way that gives way.
    pub backfill: Arc<dyn Producer>,
    /// Who may send them.
    pub guard: Arc<Guard>,
    /// Whether it takes requests.
    pub ready: Condition,
}

/// Serves HTTP on the listener until `drain` is requested and every request under way is answered.
///
/// From the drain on it is not ready, and goes on taking requests for `drain_delay`, so that load
/// balancers notice. Then it closes the listener, waits shortly for bodies under way, makes durable
/// what it has of them, and answers.
///
/// # Errors
/// Settings that cannot work together.
pub async fn run(settings: Settings, ports: Ports, drain: Shutdown) -> anyhow::Result<()> {
    metrics::describe();
    settings.check()?;
    let Ports {
        listener,
        live,
        backfill,
        guard,
        ready,
    } = ports;
    let delay = settings.drain_delay;
    let ingest = Ingest::new(settings, [live, backfill], guard);
    let router = api::router(ingest.clone());
    ready.set_ready();
    let ending = async {
        drain.requested().await;
        ready.set_not_ready("draining");
        sleep(delay).await;
        ingest.stopping.request();
        sleep(LAST_BODIES).await;
        ingest.closing.request();
    };
    let served = service::serve(listener, router, ingest.stopping.clone());
    tokio::pin!(served);
    tokio::select! {
        () = &mut served => {}
        () = ending => served.await,
    }
    // WebSockets are no requests under way to the server: they end by themselves now.
    let all = ingest.sockets.acquire_many(MAX_SOCKETS as u32);
    if timeout(LAST_SOCKETS, all).await.is_err() {
        warn!("some WebSockets are cut off: their apps do not read");
    }
    ready.set_not_ready("stopped");
    Ok(())
}
