//! The replayer: a file of recorded pings, sent again as if it came live.
//! It makes rides of the occupied flag; it invents neither speeds nor routes.
//!
//! The way of a ping: [`crate::table`] reads it into a [`recording`]; [`trips`] finds the
//! rides in it; a [`tape`] plays its part of the vehicles in the order of time, and is the source
//! from which [`crate::client`] sends.

mod columns;
mod recording;
mod settings;
mod tape;
mod trips;

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use service::Shutdown;

use self::{columns::Columns, tape::Tape, trips::Trips};
pub(crate) use self::{
    columns::PingColumns,
    recording::{Recording, RowNumber},
    settings::{Settings, Speed},
};
use crate::client::{Delivery, Pace, Progress, Report, Visibility, end_with, now, send_all};

/// Replays the file to its end, or until a signal, and prints what became of it.
///
/// # Errors
/// What [`run`] says, and an error if something was not answered as it had to be.
pub(crate) async fn command(settings: Settings) -> anyhow::Result<()> {
    end_with(|shutdown| run(settings, Visibility::Terminal, shutdown)).await
}

/// Replays the file to its end, or until `shutdown` is requested.
///
/// # Errors
/// An error if the file cannot be read or has no such columns, if the file of accepted pings
/// cannot be written, and if the server refuses a request for good.
pub(crate) async fn run(
    settings: Settings,
    visibility: Visibility,
    shutdown: Shutdown,
) -> anyhow::Result<Report> {
    let (path, columns) = (settings.file.clone(), settings.columns.clone());
    let limit = settings.limit;
    let recording = tokio::task::spawn_blocking(move || load(&path, &columns, limit));
    let mut recording = recording.await.context("reading broke down")??;
    let (Some(first), Some(last)) = (recording.first_time(), recording.last_time()) else {
        bail!("{} holds no pings", settings.file.display());
    };
    if settings.shift_to_now {
        recording.shift(settings.speed.shift_ms(first, last, now()?));
    }
    let start = recording.first_time().unwrap_or(first);
    let trips = Arc::new(Trips::find(&recording));
    let recording = Arc::new(recording);
    let parts = settings.sending.connections.get() as u32;
    let tapes = (0..parts)
        .map(|part| Tape::new(&recording, &trips, settings.sending.fleet, (part, parts)))
        .collect();
    let delivery = Delivery {
        pace: match settings.speed {
            Speed::Max => Pace::AsFastAsPossible,
            Speed::Times(speed) => Pace::Timed { start, speed },
        },
        deadline: None,
        lossy_by: None,
        progress: Progress::start(Some(recording.len() as u64), visibility),
    };
    send_all(tapes, &settings.sending, delivery, shutdown).await
}

fn load(path: &Path, columns: &Columns, limit: Option<usize>) -> anyhow::Result<Recording> {
    let mut recording = Recording::read(path, &columns.pings, columns.rides())?;
    recording.truncate(limit.unwrap_or(usize::MAX));
    Ok(recording)
}

#[cfg(test)]
mod tests;
