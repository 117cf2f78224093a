//! The worker of a shard: it reads, applies, tells, and stores. What a record means is decided in
//! `shard_state`; nothing here decides by the clock but when to store.

mod reported;
mod saver;
mod teaching;
mod view;
mod word;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use schemas::Record;
use service::Drain;
use tokio::time::{self, Instant};
use tracing::{error, info, warn};
use transport::{Fetched, Position, Producer, Read, Shard};

use crate::{
    Cache, Settings, ShardState, learner::port::Port, metrics, metrics::Tally, snapshot::Snapshots,
    trips::TripWriter,
};
use reported::Reported;
use saver::{Saved, Saver};
use teaching::{Heard, Lessons, Teaching};
use view::View;
use word::{checkpoint, close};

/// So many tries to write the last trips and to store the last snapshot before the process ends.
const LAST_TRIES: u32 = 5;
/// Waits between two tries.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// After losing a shard, so that two processes that both get it do not spin.
const LOST_WAIT: Duration = Duration::from_secs(1);

/// What a worker acts on, besides its shard.
pub(crate) struct Tools {
    pub(crate) settings: Settings,
    pub(crate) snapshots: Snapshots,
    pub(crate) producer: Arc<dyn Producer>,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) learner: Port,
    pub(crate) drain: Drain,
}

/// Follows a shard until it is to be left.
///
/// # Errors
/// As for [`run`](crate::run()).
pub(crate) async fn work(mut shard: Box<dyn Shard>, tools: Tools) -> anyhow::Result<()> {
    let id = shard.id().clone();
    let mut worker = Worker::start(&mut *shard, tools)
        .await
        .with_context(|| format!("take over shard {id}"))?;
    info!(shard = %id, vehicles = worker.state.vehicles(), "following a shard");
    let end = worker
        .follow(&mut *shard)
        .await
        .with_context(|| format!("follow shard {id}"))?;
    info!(shard = %id, ?end, "left a shard");
    if end == End::Lost {
        time::sleep(LOST_WAIT).await;
    }
    Ok(())
}

/// Follows one shard.
struct Worker {
    state: ShardState,
    /// The last record applied.
    position: Option<Position>,
    /// What the last snapshot lacks, also the one under way.
    unsaved: Unsaved,
    /// Since the last try to store a snapshot; the next is due when there are many, or at a time.
    records_since: u64,
    snapshot_at: Instant,
    settings: Settings,
    saver: Saver,
    trips: TripWriter,
    view: View,
    teaching: Teaching,
    drain: Drain,
    reported: Reported,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsaved {
    Nothing,
    Something,
}

/// What a worker does next.
enum Next {
    Take(Read),
    Show,
    /// A snapshot may be due.
    Store,
    /// The snapshot that was under way is done with.
    Stored(Saved),
    /// So many trips left the outbox.
    Sent(usize),
    Hear(Heard),
    /// The process is to end: no more waiting.
    Drain,
    /// The process is to end, and what it is to read is read.
    Finish,
}

/// Why a worker left its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process is to end: what it was to read is read and stored.
    Drained,
    /// The shard was split or merged: all is read and stored, its children go on.
    Closed,
    /// Another member is to have it.
    Revoked,
    /// Another worker has it: nothing of ours since the last snapshot counts.
    Lost,
    /// The storage or the stream is unavailable: what is missing is done again by the next owner.
    GaveUp,
}

impl Worker {
    /// Loads the last snapshot, to go on after it.
    async fn start(shard: &mut dyn Shard, mut tools: Tools) -> anyhow::Result<Self> {
        let loaded = loop {
            match tools.snapshots.load(shard.lineage()).await {
                Ok(loaded) => break loaded,
                Err(error) if is_passing(&error) && !tools.drain.is_requested() => {
                    warn!(shard = %shard.id(), %error, "loading the snapshot again");
                    time::sleep(RETRY_WAIT).await;
                }
                Err(error) => return Err(error),
            }
        };
        shard.seek(loaded.position);
        if let Some(position) = loaded.position {
            // A worker may have ended between its snapshot and the checkpoint.
            checkpoint(shard, position).await;
        }
        let mut worker = Self {
            state: loaded.state,
            position: loaded.position,
            unsaved: Unsaved::Nothing,
            records_since: 0,
            snapshot_at: Instant::now() + tools.settings.snapshot_interval,
            view: View::of(tools.cache, tools.settings.cache_flush),
            settings: tools.settings,
            saver: Saver::Idle(tools.snapshots),
            trips: TripWriter::new(tools.producer),
            teaching: Teaching::by(tools.learner),
            drain: tools.drain,
            reported: Reported::begin(),
        };
        let max_vehicles = worker.settings.vehicles_per_shard.get();
        worker.state.limit_vehicles(max_vehicles);
        worker.teaching.take_news(&mut worker.state);
        worker.report();
        Ok(worker)
    }

    async fn follow(&mut self, shard: &mut dyn Shard) -> anyhow::Result<End> {
        loop {
            match self.next(shard).await? {
                Next::Take(Read::Records(batch)) => self.process(&batch),
                Next::Take(Read::Gap(until)) => {
                    metrics::gap();
                    error!(shard = %shard.id(), %until, "records are lost: retention was faster");
                }
                Next::Take(Read::Ended(position)) => return self.end(shard, position).await,
                Next::Take(Read::Revoked) => return self.finish(shard, End::Revoked).await,
                Next::Finish => return self.finish(shard, End::Drained).await,
                Next::Sent(trips) => self.note_sent(trips),
                Next::Show => self.view.show(&mut self.state),
                Next::Hear(heard) => self.hear(heard),
                Next::Stored(Saved::Lost) => return Ok(End::Lost),
                Next::Stored(saved) => self.note_stored(shard, saved).await,
                Next::Store | Next::Drain => {}
            }
            self.report();
            if self.is_snapshot_due() {
                self.begin_to_store().await?;
            }
        }
    }

    /// Waits for what comes first. Nothing that has begun is broken off.
    async fn next(&mut self, shard: &mut dyn Shard) -> anyhow::Result<Next> {
        if self.drain.is_requested() {
            let read = match self.drain {
                Drain::ReadOut(_) => shard.read_if_any().await?,
                Drain::HandOver(_) => None,
            };
            return Ok(read.map_or(Next::Finish, Next::Take));
        }
        let (waiting, is_storing) = (self.state.waiting(), self.saver.is_storing());
        tokio::select! {
            biased;
            saved = self.saver.done() => Ok(Next::Stored(saved)),
            () = time::sleep_until(self.snapshot_at), if !is_storing => Ok(Next::Store),
            () = self.view.is_due(waiting) => Ok(Next::Show),
            heard = self.teaching.heard() => Ok(Next::Hear(heard)),
            sent = self.trips.write(self.state.outbox_mut()) => Ok(Next::Sent(sent)),
            read = shard.read() => Ok(Next::Take(read?)),
            () = self.drain.requested() => Ok(Next::Drain),
        }
    }

    /// Applies a batch.
    fn process(&mut self, batch: &Fetched) {
        let mut tally = Tally::default();
        let mut appended_ms = 0;
        for record in batch.iter() {
            appended_ms = record.appended_ms;
            self.position = Some(record.position);
            match Record::decode(record.payload) {
                Ok(decoded) => tally.count(self.state.apply(&decoded, record.appended_ms)),
                Err(error) => {
                    tally.count_undecodable();
                    warn!(position = %record.position, %error, "skipping undecodable record");
                }
            }
        }
        self.teaching.let_go_unheard(&mut self.state);
        self.unsaved = Unsaved::Something;
        self.records_since += batch.len() as u64;
        self.view.note(appended_ms);
        // Before they are counted: whoever sees them counted, and none waiting, sees them shown.
        self.report();
        tally.report();
        metrics::lag(since_unix_ms(appended_ms));
    }

    fn report(&mut self) {
        metrics::effects(&self.state.take_effects(0));
        self.reported.follow(&self.state, self.view.under_way());
    }

    fn note_sent(&mut self, trips: usize) {
        if trips > 0 {
            self.unsaved = Unsaved::Something;
        }
        self.report();
    }

    fn hear(&mut self, heard: Heard) {
        if self.teaching.follow(heard, &mut self.state) == Lessons::LetGo {
            self.unsaved = Unsaved::Something;
        }
    }

    fn is_snapshot_due(&self) -> bool {
        let is_time = self.records_since >= self.settings.snapshot_records.get()
            || Instant::now() >= self.snapshot_at;
        is_time && !self.saver.is_storing()
    }

    /// Begins to store a snapshot, if anything changed since the last. It holds the trips that wait,
    /// so that what is read may be let go: a full stream has no room for them before.
    async fn begin_to_store(&mut self) -> anyhow::Result<()> {
        self.snapshot_at = Instant::now() + self.settings.snapshot_interval;
        self.records_since = 0;
        let Some(position) = self.position.filter(|_| !self.is_saved()) else {
            return Ok(());
        };
        let state = std::mem::take(&mut self.state);
        self.state = self.saver.begin(state, position).await?;
        self.unsaved = Unsaved::Nothing;
        Ok(())
    }

    async fn note_stored(&mut self, shard: &mut dyn Shard, saved: Saved) {
        match saved {
            Saved::Upto(position) => checkpoint(shard, position).await,
            Saved::NotNow | Saved::Lost => self.unsaved = Unsaved::Something,
        }
    }

    /// Waits for the snapshot under way, and then stores what it lacks. None if there was nothing to
    /// wait for.
    async fn store(&mut self, shard: &mut dyn Shard) -> anyhow::Result<Option<Saved>> {
        let before = self.wait_until_stored(shard).await;
        if before == Some(Saved::Lost) {
            return Ok(before);
        }
        self.begin_to_store().await?;
        Ok(self.wait_until_stored(shard).await.or(before))
    }

    async fn wait_until_stored(&mut self, shard: &mut dyn Shard) -> Option<Saved> {
        if !self.saver.is_storing() {
            return None;
        }
        let saved = self.saver.done().await;
        self.note_stored(shard, saved).await;
        Some(saved)
    }

    /// Whether the last snapshot has all. There is nothing to store before the first record.
    fn is_saved(&self) -> bool {
        self.unsaved == Unsaved::Nothing || self.position.is_none()
    }

    /// Stores the state at the end of the shard, for its children to begin with, and lets it go.
    async fn end(&mut self, shard: &mut dyn Shard, end: Position) -> anyhow::Result<End> {
        self.position = Some(end);
        self.unsaved = Unsaved::Something;
        let end = self.finish(shard, End::Closed).await?;
        if end == End::Closed {
            return Ok(close(shard).await);
        }
        Ok(end)
    }

    /// Shows what is left, writes the last trips and stores the last snapshot before the shard is
    /// left; trips that the stream does not take now wait in the snapshot for the next owner.
    async fn finish(&mut self, shard: &mut dyn Shard, end: End) -> anyhow::Result<End> {
        self.view.show_rest(&mut self.state).await;
        for tries in 1..=LAST_TRIES {
            while !self.state.outbox().is_empty() {
                let sent = self.trips.write_now(self.state.outbox_mut()).await;
                self.note_sent(sent);
                if sent == 0 {
                    break;
                }
            }
            if self.store(shard).await? == Some(Saved::Lost) {
                return Ok(End::Lost);
            }
            if self.is_saved() && self.state.outbox().is_empty() {
                return Ok(end);
            }
            if tries < LAST_TRIES {
                time::sleep(RETRY_WAIT).await;
            }
        }
        let trips = self.state.outbox().len();
        if self.is_saved() {
            warn!(shard = %shard.id(), trips, "left with trips for the next owner to write");
            return Ok(end);
        }
        error!(shard = %shard.id(), "left without a snapshot: the next owner reads more again");
        Ok(End::GaveUp)
    }
}

/// Whether the storage may give a better answer later.
fn is_passing(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(objects::ObjectError::Unavailable { .. })
    )
}

fn since_unix_ms(ms: i64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(ms.max(0) as u64))
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
