//! The spool: a bounded log on this machine before any stream. While the stream is down or slow,
//! what is appended becomes durable here, and is brought to the stream in order when it is back.
//! It is no stream of its own: nobody reads from it but the forwarder.
//!
//! There are two lanes, each with an embedded log of one shard: live records, and those that a phone
//! sends a day late (backfill), which never delay the living. An append goes straight to the stream
//! and touches no disk, until one is answered `Unavailable` or not within [`Settings::patience`]. From
//! then on the lane spools: everything that waits for the stream, and everything later, goes to the
//! log and is acked by its fsync (`worker`), and one forwarder brings the log to the stream
//! (`forwarder`). When the log is empty again and the stream answers, the lane goes direct again
//! (`lane` decides that). So an outage costs a request `patience` at most, and later ones an fsync.
//!
//! What it promises:
//! - What was acked is on the stream, or in the log, or, where the stream refuses it for good, in
//!   `dead-letters.ndjson` (`dead_letters`), whenever the process is killed. Repeats are possible:
//!   of an append that was given up and yet came through, and of what was forwarded in the last
//!   second before a kill. Readers drop repeats by the name of a ping.
//! - First occurrences of a key's records come in the order of their appends. For let `a` be
//!   appended before `b`, of one key. If `a` came to the stream directly, its ack came before `b` was
//!   tried at all: of the appends that have a key, one at a time is about on the stream. If `a` was
//!   spooled, then `b` was not tried directly before that, for the same reason, nor later, until `a`
//!   was forwarded and acked: a lane goes direct only when all that went to the log is on the stream.
//!   So `b` went to the log behind `a`, and is forwarded only after the stream acked `a`. A direct
//!   attempt at `a` that was given up may come through at any time: as the only one, it is the first
//!   of the key's that is not on the stream; as a second one, it is a repeat. A restart changes
//!   nothing in this: the log keeps its order, and the checkpoint is behind what is acked.
//!   It takes a stream that keeps its contract: one that answers `Unavailable` for a record and takes
//!   a later one of the same key in the same batch has itself turned them round.
//!   Live and old records of one key are of two lanes; while old ones of it wait in the log, what is
//!   newer goes behind them (`behind`).
//! - An appender that stops waiting changes nothing: what it appended is or is not appended, in order.
//! - What neither takes is answered `Unavailable`, which is 503 above: where the log is full, or its
//!   disk is. A batch that the stream took in part is spooled in part.
//! - A call to a stream that hangs is given up by dropping it, which leaves its bytes to the stream's
//!   own bounds. What waits here in memory is bounded in bytes, for each lane.
//! - Live records come first: see `precedence`.

mod behind;
mod dead_letters;
mod forwarder;
mod lane;
pub(crate) mod metrics;
mod precedence;
mod producer;
mod worker;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tracing::warn;

use self::{
    behind::{Behind, LiveProducer, hash},
    dead_letters::DeadLetters,
    forwarder::{Forwarded, Forwarder},
    precedence::Precedence,
    producer::LaneProducer,
    worker::{Worker, Workplace},
};
use crate::{
    Consumer, Position, Producer, Read, Shard, Stream, StreamError,
    embedded::{EmbeddedStream, Meter, OpenDatabase, open_on_disk},
    lock::locked,
    retention::Retention,
    url_options::UrlOptions,
};

/// How long an append waits for the stream where nothing else is said: brokers that elect a leader
/// are back by then more often than not, and a phone has not yet lost patience itself.
pub const DEFAULT_PATIENCE: Duration = Duration::from_millis(500);

/// What both logs hold at most where nothing else is said: an hour of some thousand vehicles.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// A spool of less could refuse one commit's worth of batches for ever, in its smaller lane.
pub const LEAST_MAX_BYTES: u64 = 64 << 20;

/// The backfill lane has one part of so many of the spool's bytes.
const BACKFILL_PART: u64 = 4;

/// Bytes of live batches that may wait or be about on the stream.
const LIVE_BYTES: u32 = 16 << 20;

/// Bytes of old batches: few, so that on the stream's own queue they are never much before live ones.
const BACKFILL_BYTES: u32 = 2 << 20;

/// How long a closing spool goes on forwarding. What is left then is kept for the next start.
const FLUSHES_WITHIN: Duration = Duration::from_secs(5);

/// The forwarder's group in a lane's log.
const GROUP: &str = "forwarder";

/// How a spool is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its logs and dead letters are. One process uses it at a time.
    pub directory: PathBuf,
    /// What both logs hold at most, [`LEAST_MAX_BYTES`] or more: three quarters of it are for live
    /// records, so that old ones never take their place. Their files may take twice as much.
    pub max_bytes: u64,
    /// How long an append waits for the stream before it is spooled.
    pub patience: Duration,
}

/// The two lanes, as metrics and logs name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneName {
    Live,
    Backfill,
}

impl LaneName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backfill => "backfill",
        }
    }
}

/// A stream with a spool before it.
pub struct Spooled {
    inner: Arc<dyn Stream>,
    live: OpenLane,
    backfill: OpenLane,
    /// The keys of what waits in the latter's log.
    behind: Arc<Behind>,
    /// Workers and forwarders. They end with this.
    tasks: Mutex<JoinSet<()>>,
}

/// A lane that is open.
struct OpenLane {
    producer: Arc<LaneProducer>,
    log: Arc<EmbeddedStream>,
    progress: Arc<watch::Sender<Forwarded>>,
}

impl Spooled {
    /// Opens the spool before `inner`, and begins to forward what it has from before.
    ///
    /// # Errors
    /// [`StreamError::Storage`] for a directory that cannot be used, or is in use, and for settings
    /// that make no spool.
    pub async fn open(inner: Arc<dyn Stream>, settings: Settings) -> Result<Self, StreamError> {
        Self::open_with(inner, settings, open_on_disk).await
    }

    async fn open_with(
        inner: Arc<dyn Stream>,
        settings: Settings,
        open: OpenDatabase,
    ) -> Result<Self, StreamError> {
        let max_bytes = settings.max_bytes;
        if max_bytes < LEAST_MAX_BYTES {
            let what = format!("a spool of {max_bytes} bytes, {LEAST_MAX_BYTES} is the least");
            return Err(StreamError::Storage(what));
        }
        let mut opener = Opener {
            stream: inner.producer(),
            open,
            dead_letters: dead_letters(&settings.directory).await?,
            settings,
            behind: Arc::default(),
            tasks: JoinSet::new(),
        };
        let (first, second) = Precedence::pair();
        let backfill_bytes = max_bytes / BACKFILL_PART;
        let live_bytes = max_bytes - backfill_bytes;
        let live = opener.lane(LaneName::Live, live_bytes, first).await?;
        let backfill = opener
            .lane(LaneName::Backfill, backfill_bytes, second)
            .await?;
        let behind = opener.behind;
        Ok(Self {
            inner,
            live,
            backfill,
            behind,
            tasks: Mutex::new(opener.tasks),
        })
    }

    /// A handle that appends old records, which wait for live ones, but for those of their own keys:
    /// what is appended by [`Stream::producer`] later never overtakes what was appended here. What is
    /// appended here may overtake what was appended there before.
    pub fn backfill(&self) -> Arc<dyn Producer> {
        self.backfill.producer.clone()
    }
}

/// What lanes are opened with.
struct Opener {
    stream: Arc<dyn Producer>,
    settings: Settings,
    open: OpenDatabase,
    dead_letters: DeadLetters,
    behind: Arc<Behind>,
    tasks: JoinSet<()>,
}

impl Opener {
    async fn lane(
        &mut self,
        name: LaneName,
        max_bytes: u64,
        precedence: Precedence,
    ) -> Result<OpenLane, StreamError> {
        // What is forwarded may go at once.
        let age = Duration::ZERO;
        let options = UrlOptions {
            shards: Some(1),
            retention: Retention { age, max_bytes },
        };
        let directory = self.settings.directory.join(name.as_str());
        let log =
            EmbeddedStream::open_in(directory, options, Meter::Spool(name), self.open).await?;
        let log = Arc::new(log);
        let mut shard = log.consumer(GROUP).acquire().await?;
        let next = log.passed(0);
        let before = next.checked_sub(1).map(Position::from_offset);
        shard.seek(before);
        let behind = match name {
            LaneName::Live => None,
            LaneName::Backfill => {
                self.note_behind(&mut *shard, &log).await?;
                shard.seek(before);
                Some(self.behind.clone())
            }
        };
        let begin = Forwarded {
            next,
            answered_in: None,
            oldest_ms: None,
        };
        let progress = Arc::new(watch::Sender::new(begin));
        let bytes = match name {
            LaneName::Live => LIVE_BYTES,
            LaneName::Backfill => BACKFILL_BYTES,
        };
        let (producer, appends) = LaneProducer::new(bytes);
        let worker = Worker::new(Workplace {
            name,
            stream: self.stream.clone(),
            log: log.clone(),
            precedence: precedence.clone(),
            progress: progress.subscribe(),
            patience: self.settings.patience,
            behind,
        });
        let forwarder = Forwarder {
            lane: name,
            shard,
            stream: self.stream.clone(),
            dead_letters: self.dead_letters.clone(),
            precedence,
            progress: progress.clone(),
        };
        self.tasks.spawn(worker.run(appends));
        self.tasks.spawn(forwarder.run());
        Ok(OpenLane {
            producer: Arc::new(producer),
            log,
            progress,
        })
    }
}

impl Opener {
    /// Notes the keys that wait in the log from before.
    async fn note_behind(
        &self,
        shard: &mut dyn Shard,
        log: &EmbeddedStream,
    ) -> Result<(), StreamError> {
        let next = log.passed(0);
        let mut read = next;
        while read < log.end(0) {
            match shard.read().await? {
                Read::Records(fetched) => {
                    for record in fetched.iter() {
                        read = record.position.offset() + 1;
                        self.behind.add([hash(record.key)], read, next);
                    }
                }
                // The forwarder tells of it.
                Read::Gap(until) => read = until.offset() + 1,
                Read::Ended(_) | Read::Revoked => return Ok(()),
            }
        }
        Ok(())
    }
}

async fn dead_letters(directory: &Path) -> Result<DeadLetters, StreamError> {
    let directory = directory.to_path_buf();
    let opening = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&directory)?;
        DeadLetters::open(&directory)
    });
    match opening.await {
        Ok(opened) => opened.map_err(StreamError::storage),
        Err(panic) => Err(StreamError::storage(panic)),
    }
}

impl OpenLane {
    /// Waits until the stream has all that was spooled.
    async fn flushed(&self) {
        let mut progress = self.progress.subscribe();
        let is_flushed = |progress: &Forwarded| progress.next >= self.log.end(0);
        // The sender is here.
        let _ = progress.wait_for(is_flushed).await;
    }

    fn left(&self) -> u64 {
        self.log.end(0).saturating_sub(self.progress.borrow().next)
    }
}

#[async_trait]
impl Stream for Spooled {
    /// A handle that appends live records.
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(LiveProducer {
            live: self.live.producer.clone(),
            backfill: self.backfill.producer.clone(),
            behind: self.behind.clone(),
            progress: self.backfill.progress.subscribe(),
        })
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        self.inner.consumer(group)
    }

    /// Answers what was appended, forwards what can be within a few seconds, keeps the rest on disk
    /// for the next start, and closes the stream.
    async fn close(&self) -> Result<(), StreamError> {
        self.live.producer.close().await;
        self.backfill.producer.close().await;
        let flushing = async {
            self.live.flushed().await;
            self.backfill.flushed().await;
        };
        let is_flushed = timeout(FLUSHES_WITHIN, flushing).await.is_ok();
        if !is_flushed {
            let (live, backfill) = (self.live.left(), self.backfill.left());
            warn!(
                live,
                backfill, "spooled records are kept for the next start"
            );
        }
        let mut tasks = std::mem::take(&mut *locked(&self.tasks));
        tasks.shutdown().await;
        let live = self.live.log.close().await;
        let backfill = self.backfill.log.close().await;
        live.and(backfill).and(self.inner.close().await)
    }
}
