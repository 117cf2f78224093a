//! The worker of a shard: it reads, applies, tells, and stores. What a record means is decided in
//! `shard_state`; nothing here decides by the clock but when to store.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use objects::Objects;
use schemas::{Phase, Record};
use service::Shutdown;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use tracing::{error, info, warn};
use transport::{Fetched, Position, Producer, Read, Shard, Stream};

use crate::{
    Cache, Change, Settings, ShardState,
    cache::CacheError,
    metrics,
    metrics::Tally,
    snapshot::{Snapshots, Stored},
    trips::{self, Written},
};

/// The group under which all processors share out the shards.
const GROUP: &str = "processor";
/// When the process is to end, a shard without news for so long is at its end.
const QUIET: Duration = Duration::from_millis(200);
/// So many tries to store the last snapshot before the process ends.
const LAST_TRIES: u32 = 5;
/// Waits between two tries.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// So many changes of a whole state are written to the cache at once, half a MB.
const CHANGES_AT_ONCE: usize = 1_024;
/// After losing a shard, so that two processes that both get it do not spin.
const LOST_WAIT: Duration = Duration::from_secs(1);

/// Follows all shards that fall to this process, until `drain` is requested and all that the
/// stream has is processed and stored.
///
/// # Errors
/// An error that needs a human: the stream is broken for good, or a snapshot cannot be read.
pub async fn run(
    settings: &Settings,
    stream: Arc<dyn Stream>,
    objects: Arc<dyn Objects>,
    cache: Arc<dyn Cache>,
    drain: Shutdown,
) -> anyhow::Result<()> {
    let mut consumer = stream.consumer(GROUP);
    let mut workers = JoinSet::new();
    loop {
        tokio::select! {
            () = drain.requested() => break,
            shard = consumer.acquire() => {
                let shard = shard.context("acquire a shard")?;
                let ports = Ports {
                    settings: settings.clone(),
                    snapshots: Snapshots::of(objects.clone(), shard.id()),
                    producer: stream.producer(),
                    cache: cache.clone(),
                    drain: drain.clone(),
                };
                workers.spawn(work(shard, ports));
            }
            Some(ended) = workers.join_next() => ended.context("a worker panicked")??,
        }
    }
    drop(consumer);
    while let Some(ended) = workers.join_next().await {
        ended.context("a worker panicked")??;
    }
    Ok(())
}

/// What a worker acts on, besides its shard.
struct Ports {
    settings: Settings,
    snapshots: Snapshots,
    producer: Arc<dyn Producer>,
    cache: Arc<dyn Cache>,
    drain: Shutdown,
}

async fn work(mut shard: Box<dyn Shard>, ports: Ports) -> anyhow::Result<()> {
    let id = shard.id().clone();
    let mut worker = Worker::start(&mut *shard, ports)
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
    ports: Ports,
    state: ShardState,
    /// The last record applied, and the last one whose snapshot is stored.
    position: Option<Position>,
    stored: Option<Position>,
    records_since: u64,
    snapshot_at: Instant,
    /// What the cache may not have, because it was unavailable.
    cache_misses: CacheMisses,
    reported: Reported,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CacheMisses {
    Nothing,
    Something,
}

/// Why a worker left its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is read, written and stored.
    Drained,
    /// Another member is to have it.
    Revoked,
    /// Another worker has it: nothing of ours since the last snapshot counts.
    Lost,
    /// The process is to end and something is unavailable: what is missing is done again.
    GaveUp,
}

impl Worker {
    /// Loads the last snapshot, shows it, and goes on after it.
    async fn start(shard: &mut dyn Shard, mut ports: Ports) -> anyhow::Result<Self> {
        let loaded = loop {
            match ports.snapshots.load().await {
                Ok(loaded) => break loaded,
                Err(error) if is_passing(&error) && !ports.drain.is_requested() => {
                    warn!(shard = %shard.id(), %error, "loading the snapshot again");
                    time::sleep(RETRY_WAIT).await;
                }
                Err(error) => return Err(error),
            }
        };
        shard.seek(loaded.position);
        let snapshot_at = Instant::now() + ports.settings.snapshot_interval;
        let mut worker = Self {
            ports,
            state: loaded.state,
            position: loaded.position,
            stored: loaded.position,
            records_since: 0,
            snapshot_at,
            cache_misses: CacheMisses::Something,
            reported: Reported::default(),
        };
        worker.show(Vec::new()).await;
        worker.reported.follow(&worker.state);
        Ok(worker)
    }

    async fn follow(&mut self, shard: &mut dyn Shard) -> anyhow::Result<End> {
        loop {
            let read = match self.next_read(shard).await? {
                Some(read) => read,
                None if self.ports.drain.is_requested() => return self.finish(shard).await,
                None if self.store(shard).await == End::Lost => return Ok(End::Lost),
                None => continue,
            };
            match read {
                Read::Records(batch) => {
                    if self.process(&batch).await == Written::GaveUp {
                        return Ok(End::GaveUp);
                    }
                }
                Read::Gap(until) => {
                    metrics::gap();
                    error!(shard = %shard.id(), %until, "records are lost: retention was faster");
                }
                Read::Revoked => {
                    let end = self.finish(shard).await?;
                    return Ok(if end == End::Drained {
                        End::Revoked
                    } else {
                        end
                    });
                }
            }
            let is_due = self.records_since >= self.ports.settings.snapshot_records.get();
            if is_due && self.store(shard).await == End::Lost {
                return Ok(End::Lost);
            }
        }
    }

    /// The next read; None if a snapshot is due, or the drain has come to the shard's end.
    async fn next_read(&self, shard: &mut dyn Shard) -> anyhow::Result<Option<Read>> {
        if self.ports.drain.is_requested() {
            return Ok(time::timeout(QUIET, shard.read()).await.ok().transpose()?);
        }
        tokio::select! {
            biased;
            () = time::sleep_until(self.snapshot_at) => Ok(None),
            read = shard.read() => Ok(Some(read?)),
            () = self.ports.drain.requested() => {
                Ok(time::timeout(QUIET, shard.read()).await.ok().transpose()?)
            }
        }
    }

    /// Applies a batch, and does what follows from it.
    async fn process(&mut self, batch: &Fetched) -> Written {
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
        self.records_since += batch.len() as u64;
        let effects = self.state.take_effects();
        tally.report();
        metrics::forgotten(&effects);
        metrics::lag(since_unix_ms(appended_ms));
        self.reported.follow(&self.state);
        self.show(effects.changes).await;
        trips::write(&self.ports.producer, effects.trips, &self.ports.drain).await
    }

    /// Writes changes to the cache; after a failure, everything.
    async fn show(&mut self, changes: Vec<Change>) {
        let written = match self.cache_misses {
            CacheMisses::Nothing => self.ports.cache.write(changes).await,
            CacheMisses::Something => self.show_all().await,
        };
        self.cache_misses = match written {
            Ok(()) => CacheMisses::Nothing,
            Err(error) => {
                metrics::cache_failed();
                warn!(%error, "the cache misses what changed, until it can be written again");
                CacheMisses::Something
            }
        };
    }

    /// Writes everything to the cache, in parts: at once it would take as much memory as the state.
    async fn show_all(&self) -> Result<(), CacheError> {
        let mut live = self.state.live();
        loop {
            let part: Vec<_> = live.by_ref().take(CHANGES_AT_ONCE).collect();
            if part.is_empty() {
                return Ok(());
            }
            self.ports.cache.write(part).await?;
        }
    }

    /// Stores a snapshot, if anything came since the last. The trips before it are on the stream.
    async fn store(&mut self, shard: &mut dyn Shard) -> End {
        self.snapshot_at = Instant::now() + self.ports.settings.snapshot_interval;
        let Some(position) = self
            .position
            .filter(|position| Some(*position) != self.stored)
        else {
            return End::Drained;
        };
        match self.ports.snapshots.store(&self.state, position).await {
            Ok(Stored::Ours) => metrics::snapshot_stored(),
            Ok(Stored::Lost) => {
                metrics::shard_lost();
                warn!(shard = %shard.id(), "another worker owns the shard");
                return End::Lost;
            }
            Err(error) => {
                metrics::snapshot_failed();
                warn!(shard = %shard.id(), error = format!("{error:#}"), "storing later");
                return End::GaveUp;
            }
        }
        self.stored = Some(position);
        self.records_since = 0;
        if let Err(error) = self.ports.snapshots.prune().await {
            warn!(shard = %shard.id(), error = format!("{error:#}"), "old snapshots stay");
        }
        if let Err(error) = shard.checkpoint(position).await {
            warn!(shard = %shard.id(), %error, "the checkpoint stays behind");
        }
        End::Drained
    }

    /// Stores the last snapshot before the shard is left.
    async fn finish(&mut self, shard: &mut dyn Shard) -> anyhow::Result<End> {
        for _ in 0..LAST_TRIES {
            match self.store(shard).await {
                End::GaveUp => time::sleep(RETRY_WAIT).await,
                end @ (End::Drained | End::Revoked | End::Lost) => return Ok(end),
            }
        }
        error!(shard = %shard.id(), "left without a snapshot: the next owner reads more again");
        Ok(End::GaveUp)
    }
}

/// What this worker's part of the gauges is; it goes with the worker.
#[derive(Default)]
struct Reported {
    is_counted: Counted,
    vehicles: usize,
    rides: [usize; Phase::ALL.len()],
}

#[derive(Default, PartialEq, Eq)]
enum Counted {
    #[default]
    No,
    Yes,
}

impl Reported {
    fn follow(&mut self, state: &ShardState) {
        if self.is_counted == Counted::No {
            self.is_counted = Counted::Yes;
            metrics::shards_changed(1.0);
        }
        self.set(state.vehicles(), state.rides());
    }

    fn set(&mut self, vehicles: usize, rides: [usize; Phase::ALL.len()]) {
        metrics::vehicles_changed(vehicles as f64 - self.vehicles as f64);
        for phase in Phase::ALL {
            let (before, after) = (self.rides[phase as usize], rides[phase as usize]);
            metrics::rides_changed(phase, after as f64 - before as f64);
        }
        (self.vehicles, self.rides) = (vehicles, rides);
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        if self.is_counted == Counted::Yes {
            metrics::shards_changed(-1.0);
        }
        self.set(0, [0; Phase::ALL.len()]);
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
