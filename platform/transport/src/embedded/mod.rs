//! The embedded stream: a log that is durable on one machine, in one redb file, for one process.
//! It is not replicated: who loses the disk loses the log.
//!
//! Appends wait in a queue that is bounded in bytes (`queue`). One thread takes all that is
//! queued, cuts it into one block or a few for every shard, and makes them durable with one commit,
//! which is one fsync, however many appenders wait for it (`writer`, `store`). Readers follow
//! the end in memory and read what lies further back from the file, beside the writer.
//!
//! What it promises beyond the contract of [`Stream`]:
//! - A group is known from its first [`Stream::consumer`] call on, and after the next commit, at
//!   most a second later, also after a restart. What is older than `retention` is deleted once
//!   every known group has moved its checkpoint past it. Without any group, age and size decide.
//! - The log never throws away what a group has not read. When it would hold more than `max_bytes`
//!   it first deletes what every group has passed, oldest first, however young. If that does not
//!   make room, appends answer [`Unavailable`](crate::AppendError::Unavailable) until a group moves
//!   on. `max_bytes` counts the pages that records take; the file has about as much again on top
//!   at worst, and it keeps its size when records go: later ones take their place.
//! - A commit is there wholly or not at all, whenever the process is killed. Opening after a kill
//!   verifies the whole file, at about the speed at which the disk reads.
//! - After a storage error the file is opened again and recovered. Records that were not acked may
//!   turn out to be there; records that were acked always are. (Where fsync itself failed, what
//!   the kernel's cache still shows may be missing from the disk: see to the disk.)
//! - Every block has a checksum, verified whenever it is read from the file. Damage is an error,
//!   never other records.

#[cfg(test)]
pub(crate) mod full_disk;
mod group;
mod meter;
mod queue;
mod store;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use tracing::warn;

pub(crate) use self::{
    meter::Meter,
    store::{OpenDatabase, StoreError, open_on_disk},
};
use self::{
    queue::{Queue, QueueProducer},
    store::{Opened, Store},
    writer::Writer,
};
use crate::{
    Consumer, Producer, Stream, StreamError,
    gather::Found,
    groups::Groups,
    lock::locked,
    member::{Log, Member, Signals},
    progress::Progress,
    retention::Retention,
    run::Run,
    url_options::{self, UrlOptions},
};

/// What a log holds at most where its URL does not say: a day of some thousand vehicles.
const DEFAULT_MAX_BYTES: u64 = 8 << 30;

/// A durable log on this machine.
#[derive(Debug)]
pub struct EmbeddedStream {
    log: Arc<EmbeddedLog>,
    groups: Groups,
}

impl EmbeddedStream {
    /// Opens the log in the directory that
    /// `embedded:///path?shards=4&retention=24h&max_bytes=8589934592` names, or makes it there.
    ///
    /// The number of shards is fixed when the log is made: 1, where the URL does not say. One
    /// carries some hundred thousand pings a second.
    ///
    /// # Errors
    /// [`StreamError::Url`] for a URL that is not understood or says another number of shards than
    /// the log has; [`StreamError::Storage`] for what cannot be opened, by whatever is wrong with
    /// it, or because another process has it open.
    pub async fn open(url: &str) -> Result<Self, StreamError> {
        Self::open_with(url, open_on_disk).await
    }

    async fn open_with(url: &str, open: OpenDatabase) -> Result<Self, StreamError> {
        let (path, options) = url_options::embedded(url, DEFAULT_MAX_BYTES)?;
        let (store, opened) = open_store(path, options, open).await?;
        let shards = opened.ends.len();
        if let Some(wanted) = options.shards.filter(|wanted| *wanted as usize != shards) {
            let reason = format!("shards={wanted}, but the log was made with {shards}");
            return Err(StreamError::Url {
                url: url.to_owned(),
                reason,
            });
        }
        Self::start(store, opened, options.retention, Meter::Stream)
    }

    /// Opens the log in a directory, or makes it there, and counts it as `meter` says.
    pub(crate) async fn open_in(
        directory: PathBuf,
        options: UrlOptions,
        meter: Meter,
        open: OpenDatabase,
    ) -> Result<Self, StreamError> {
        let (store, opened) = open_store(directory, options, open).await?;
        Self::start(store, opened, options.retention, meter)
    }

    fn start(
        store: Store,
        opened: Opened,
        retention: Retention,
        meter: Meter,
    ) -> Result<Self, StreamError> {
        let shards = opened.ends.len() as u32;
        let reading = Arc::new(Reading {
            store,
            meter,
            signals: Signals::new(opened.ends.iter().map(|end| end.next)),
            tails: opened
                .ends
                .iter()
                .map(|end| Mutex::new(Run::at(end.next)))
                .collect(),
            progress: Mutex::new(opened.progress.clone()),
        });
        let queue = Queue::start(Writer::new(reading.clone(), opened, retention))
            .map_err(StreamError::storage)?;
        let log = EmbeddedLog {
            reading,
            queue: Arc::new(queue),
        };
        Ok(Self {
            log: Arc::new(log),
            groups: Groups::new(shards),
        })
    }

    /// The offset after the last record of a shard that is known to be durable.
    pub(crate) fn end(&self, shard: u32) -> u64 {
        self.log.reading.signals.end(shard)
    }

    /// The offset up to which every known group is done with a shard.
    pub(crate) fn passed(&self, shard: u32) -> u64 {
        locked(&self.log.reading.progress).passed(shard)
    }
}

async fn open_store(
    directory: PathBuf,
    options: UrlOptions,
    open: OpenDatabase,
) -> Result<(Store, Opened), StreamError> {
    let opening =
        tokio::task::spawn_blocking(move || Store::open(&directory, options.shards, open));
    match opening.await {
        Ok(opened) => opened,
        Err(panic) => Err(StreamError::storage(panic)),
    }
}

#[async_trait]
impl Stream for EmbeddedStream {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(QueueProducer::new(self.log.queue.clone()))
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        locked(&self.log.reading.progress).register(group);
        Box::new(Member::join(self.log.clone(), &self.groups, group))
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.log.queue.close().await
    }
}

/// What readers hold: as long as one of them is there, the writer is.
#[derive(Debug)]
struct EmbeddedLog {
    reading: Arc<Reading>,
    queue: Arc<Queue>,
}

/// What the writer shares with the readers.
#[derive(Debug)]
struct Reading {
    store: Store,
    meter: Meter,
    signals: Signals,
    /// The newest blocks of every shard.
    tails: Vec<Mutex<Run>>,
    progress: Mutex<Progress>,
}

impl Log for EmbeddedLog {
    fn signals(&self) -> &Signals {
        &self.reading.signals
    }

    async fn fetch(&self, shard: u32, from: Option<u64>) -> Result<Found, StreamError> {
        if let Some(from) = from {
            let found = locked(&self.reading.tails[shard as usize]).read(Some(from))?;
            match found {
                // Further back, or in a commit that the file shows before the writer could: the
                // file alone knows.
                Found::OldestKept(_) | Found::Beyond(_) => {}
                Found::Records(_) | Found::CaughtUp(_) | Found::NotNow => return Ok(found),
            }
        }
        let reading = self.reading.clone();
        let fetching = tokio::task::spawn_blocking(move || reading.store.read(shard, from));
        match fetching.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(StoreError::Passing(error))) => {
                warn!(shard, error, "the log cannot be read now, trying again");
                Ok(Found::NotNow)
            }
            Ok(Err(StoreError::Damaged(error))) => Err(StreamError::Storage(error)),
            Err(panic) => Err(StreamError::storage(panic)),
        }
    }

    fn checkpoint(&self, group: &str, shard: u32, next: u64) {
        locked(&self.reading.progress).set(group, shard, next);
    }
}
