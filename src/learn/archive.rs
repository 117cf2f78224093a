//! Learns from an archive, an hour at a time.

use anyhow::Context;
use processor::{ShardState, eta::Model};
use schemas::{Record, Timestamp};
use tokio::runtime::Handle;

use super::{Taken, take_lessons};
use crate::{
    client::{Progress, Visibility},
    history::{Archive, Settings},
};

/// Lessons are taken after so many records, before there is no room for more.
const RECORDS_PER_TURN: u64 = 10_000;

/// Plays the archive at a URL to a shard, whose lessons the model takes. It waits for storage, and is
/// called where that is allowed.
///
/// # Errors
/// An error if the archive cannot be read.
pub(super) fn learn(
    url: &str,
    settings: &Settings,
    model: &mut Model,
    visibility: Visibility,
) -> anyhow::Result<Taken> {
    let runtime = Handle::try_current()?;
    let mut archive = runtime.block_on(Archive::open(url, settings.until))?;
    let progress = Progress::start(None, visibility);
    let (mut state, mut taken) = (ShardState::default(), Taken::default());
    loop {
        let mut records = 0;
        let mut take = |time: Timestamp, record: &Record| {
            state.apply(record, time.0);
            records += 1;
            if records % RECORDS_PER_TURN == 0 {
                taken.unfit += state.take_effects(usize::MAX).unfit_drives;
                taken += take_lessons(&mut state, model);
            }
        };
        let hour = archive.next_hour().unwrap_or_default().to_owned();
        let played = runtime.block_on(archive.play_hour(settings, &mut take));
        let Some(pings) = played.with_context(|| hour)? else {
            break;
        };
        progress.advance(pings);
        taken.unfit += state.take_effects(usize::MAX).unfit_drives;
        taken += take_lessons(&mut state, model);
    }
    progress.finish();
    taken.rides = archive.rides();
    Ok(taken)
}
