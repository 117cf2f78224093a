//! Ingest: takes pings and ride events over HTTP, checks each once, and answers when the stream
//! has them durably. It keeps no state about vehicles and recognises no repeats; readers do.
//!
//! The path of one ping: [`pings`] reads the [`body`] by its [`mod@format`], [`lines`] cuts NDJSON,
//! `schemas` parses and checks, [`accept`] judges age and rate, [`upload`] packs what is accepted
//! into a batch, [`intake`] appends it within a budget of bytes, [`answer`] says what became of
//! every item. What apps that others wrote send takes the same way from [`devices`] on, and what vehicles
//! publish at a broker from [`mqtt`] on.

mod accept;
mod ack;
mod answer;
mod api;
mod audit;
mod authority;
mod body;
mod devices;
mod events;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod grpc;
mod intake;
mod lane;
mod lines;
mod metrics;
mod mqtt;
mod pings;
mod problem;
mod session;
mod settings;
mod socket;
pub mod spool;
mod upload;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use access::Guard;
use service::{Condition, Listener, Shutdown};
use tokio::time::{sleep, timeout};
use tracing::warn;
use transport::Producer;

use api::Ingest;
use session::MAX_SESSIONS;

pub use api::openapi;
pub use mqtt::settings::{Broker, MqttSettings};
pub use settings::Settings;
pub use spool::SpoolSettings;

/// After the listener is closed, bodies under way get so long to arrive.
const LAST_BODIES: Duration = Duration::from_secs(2);
/// WebSockets and calls of gRPC have what they sent acknowledged, and are told to go elsewhere, within this time.
const LAST_SESSIONS: Duration = Duration::from_secs(5);

/// What ingest is given.
pub struct Ports {
    /// Where it listens.
    pub listener: Listener,
    /// Where pings and ride events go.
    pub live: Arc<dyn Producer>,
    /// Where those go that are older than 5 minutes: the same, or a way that gives way.
    pub backfill: Arc<dyn Producer>,
    /// Whose messages it takes as well.
    pub mqtt: Option<Broker>,
    /// Who may send them.
    pub guard: Arc<Guard>,
    /// Whether it takes requests.
    pub ready: Condition,
}

/// Serves HTTP on the listener, and takes what comes by MQTT, until `drain` is requested and every
/// request under way is answered.
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
        mqtt,
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
    let serving = async {
        tokio::select! {
            () = &mut served => {}
            () = ending => served.await,
        }
    };
    let following = async {
        if let Some(broker) = mqtt {
            mqtt::follow(ingest.clone(), &broker).await;
        }
    };
    tokio::join!(serving, following);
    // They are no requests under way to the server, and end by themselves now.
    let all = ingest.sessions.acquire_many(MAX_SESSIONS as u32);
    if timeout(LAST_SESSIONS, all).await.is_err() {
        warn!("some streams are cut off: their apps do not read");
    }
    ready.set_not_ready("stopped");
    Ok(())
}
