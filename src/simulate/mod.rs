//! The load generator: a fleet of cabs that does not exist, with everything that real ones send.
//! It judges what ingest answers, not what becomes of the pings behind it.
//!
//! The way of a ping: a [`cab`] drives through the [`town`] along a way of the [`router`]; a
//! [`receiver`] measures where it is, not quite; a [`device`] numbers the fix and sends it, or,
//! with a [`fault`], later, twice, or never; a [`fleet`] part lets its cabs take turns and is the
//! source from which [`crate::client`] sends.

mod cab;
mod device;
mod drive;
mod fault;
mod fleet;
mod plane;
mod receiver;
mod ride;
mod router;
mod settings;
mod town;

use std::sync::Arc;

use service::Shutdown;
use tokio::time::Instant;

pub(crate) use self::fleet::cab_name;
pub(crate) use self::settings::Settings;
use self::{
    fleet::{Conduct, FleetPart, Plan},
    town::Town,
};
use crate::client::{Delivery, Progress, Report, Visibility, end_with, now, send_all};

/// Runs the fleet to its end, or until a signal, and prints what became of what it sent.
///
/// # Errors
/// What [`run`] says, and an error if something was not answered as it had to be.
pub(crate) async fn command(settings: Settings) -> anyhow::Result<()> {
    end_with(|shutdown| simulate(settings, Visibility::Terminal, shutdown)).await
}

/// Runs the fleet to its end, or until `shutdown` is requested, without a word to a terminal.
///
/// # Errors
/// An error for settings that make no sense, for a file that cannot be written, and if the server
/// refuses a request for good. What else was not as expected stands in the report.
pub(crate) async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<Report> {
    simulate(settings, Visibility::Hidden, shutdown).await
}

async fn simulate(
    settings: Settings,
    visibility: Visibility,
    shutdown: Shutdown,
) -> anyhow::Result<Report> {
    let timing = settings.timing(now()?)?;
    let plan = Plan {
        fleet: settings.sending.fleet,
        vehicles: settings.vehicles.get(),
        seed: settings.seed,
        start: timing.start,
        interval_ms: timing.interval_ms,
        fixes: timing.fixes,
        conduct: if settings.faults {
            Conduct::Faulty
        } else {
            Conduct::Flawless
        },
    };
    let town = Arc::new(Town::new(settings.seed));
    let parts = plan.vehicles.min(settings.sending.connections.get() as u32);
    let sources: Vec<_> = (0..parts)
        .map(|part| FleetPart::new(&plan, &town, part, parts))
        .collect::<anyhow::Result<_>>()?;
    let delivery = Delivery {
        pace: timing.pace,
        deadline: timing.at_most.map(|at_most| Instant::now() + at_most),
        lossy_by: settings.faults.then_some(settings.seed),
        progress: Progress::start(timing.announced, visibility),
    };
    send_all(sources, &settings.sending, delivery, shutdown).await
}
