//! The stream: an append-only log of keyed records, cut into shards, read by groups of consumers.
//! It carries bytes and keys; it knows nothing of pings, and stores no state for its readers but
//! the checkpoint that each group moves.
//!
//! A record goes in through [`Producer::append`], is durable once that returns, and comes out of a
//! [`Shard`] that a [`Consumer`] acquired. Which backend does it is decided once, from a URL, in
//! [`open`]. While one is down or slow, a [`spool`] before it takes what is appended.

#![cfg_attr(
    fuzzing,
    allow(dead_code, reason = "fuzzing leaves out streams of other machines")
)]

mod admission;
mod backoff;
mod batch;
mod block;
mod clock;
mod cut;
mod gather;
mod groups;
mod hash_key;
mod late;
mod lineage;
mod lock;
mod member;
mod metrics;
mod position;
mod progress;
mod retention;
mod run;
mod sequence;
mod url_options;

pub mod conformance;
pub mod embedded;
#[cfg(not(fuzzing))]
pub mod kafka;
#[cfg(not(fuzzing))]
pub mod kinesis;
pub mod memory;
pub mod spool;
#[doc(hidden)]
pub mod testing;

use std::sync::Arc;

use async_trait::async_trait;
use tracing::warn;

pub use batch::{Batch, Fetched, StreamRecord};
pub use late::open_late;
pub use lineage::Lineage;
pub use position::{Position, ShardId};

/// Opens streams: one per process and URL.
#[async_trait]
pub trait Stream: Send + Sync + 'static {
    /// A handle that appends. Handles share one queue, bounded in bytes.
    fn producer(&self) -> Arc<dyn Producer>;

    /// Joins `group` as one more member. All shards are shared out among a group's members.
    fn consumer(&self, group: &str) -> Box<dyn Consumer>;

    /// Waits until everything appended is durable, releases what the stream holds on disk, and sees to
    /// it that others may have the shards that were dropped here.
    ///
    /// # Errors
    /// [`StreamError`] if what was appended last could not be made durable.
    async fn close(&self) -> Result<(), StreamError>;
}

/// Appends records.
#[async_trait]
pub trait Producer: Send + Sync + 'static {
    /// Appends the batch and waits until it is durable.
    ///
    /// A record not named in the answer is durable, and is read before every record of the same
    /// key that is appended later. One refused record does not touch its neighbours. Dropping the
    /// future leaves open whether the records are appended, never in which order.
    async fn append(&self, batch: Batch) -> Appended;
}

/// What became of a batch: the records that were not appended, by their index, in order.
#[derive(Debug, Default)]
pub struct Appended {
    /// Index in the batch, and why it is not on the stream.
    pub failed: Vec<(usize, AppendError)>,
}

/// Why a record was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream cannot take it now; the same record may be appended later.
    #[error("the stream is unavailable: {0}")]
    Unavailable(String),
    /// The stream will never take it.
    #[error("the stream refuses the record: {0}")]
    Rejected(String),
}

/// Hands out shards to one member of a group.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for the next shard that falls to this member. Safe to drop while it waits.
    ///
    /// A shard is with one member at a time: it is handed out only after its former owner dropped
    /// it. Dropping the consumer leaves the group; shards already acquired stay until dropped.
    ///
    /// # Errors
    /// [`StreamError`] if the stream is closed or broken for good.
    async fn acquire(&mut self) -> Result<Box<dyn Shard>, StreamError>;
}

/// One shard, owned by one member of a group until dropped.
#[async_trait]
pub trait Shard: Send {
    /// Its name.
    fn id(&self) -> &ShardId;

    /// Where it comes from: whoever keeps state by shard begins a new one with its parents' state.
    fn lineage(&self) -> &Lineage;

    /// Sets where reading goes on: after `position`, or at the oldest record kept.
    fn seek(&mut self, after: Option<Position>);

    /// Waits for the next records, in order. Safe to drop while it waits: nothing is skipped.
    ///
    /// # Errors
    /// [`StreamError`] if the stream is closed or broken for good; passing trouble is retried.
    async fn read(&mut self) -> Result<Read, StreamError>;

    /// The next records if there are any now; None where the shard has been read to its end.
    /// However long an answer takes, None is never a guess. Safe to drop while it waits.
    ///
    /// # Errors
    /// As [`Shard::read`].
    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError>;

    /// Tells the stream how far the group is done, so that retention may take what lies behind,
    /// and monitoring sees the lag. Whoever resumes goes by what is stored with its own output.
    ///
    /// # Errors
    /// [`StreamError`] if it could not be stored; nothing else is harmed by that.
    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError>;

    /// Tells the stream that the group is done with a shard that has [`Read::Ended`], and that what
    /// its readers keep is stored: the group gets the shards that go on with its keys. Done again it
    /// changes nothing.
    ///
    /// # Errors
    /// [`StreamError`] if it could not be stored: the group gets the shard again.
    async fn finish(&mut self) -> Result<(), StreamError>;
}

/// What a shard answers to a read.
#[derive(Debug)]
pub enum Read {
    /// The next records; never empty.
    Records(Fetched),
    /// Retention has taken the records up to and including this position before they were read.
    /// Reading goes on after it.
    Gap(Position),
    /// The shard was split or merged and is read to its end, which lies at this position, after
    /// all its records. Every further read says so again.
    Ended(Position),
    /// Another member is to have the shard: finish, store, drop it. Reading on is allowed.
    Revoked,
}

/// Says that the stream cannot serve any more, or cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StreamError {
    /// The URL names no stream that can be opened.
    #[error("stream url {url}: {reason}")]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The stream was closed by this process.
    #[error("the stream is closed")]
    Closed,
    /// The storage beneath failed.
    #[error("stream storage: {0}")]
    Storage(String),
}

impl StreamError {
    fn storage(error: impl std::fmt::Display) -> Self {
        Self::Storage(error.to_string())
    }
}

/// Opens the stream that `url` names: `memory:` or `embedded:///path/to/dir`, with options as
/// `?shards=4&retention=24h&max_bytes=8589934592`; `kinesis://stream?region=eu-west-1`; or
/// `kafka://broker:9092/topic`.
///
/// # Errors
/// [`StreamError`] for a URL that is not understood, and for storage that cannot be opened.
pub async fn open(url: &str) -> Result<Arc<dyn Stream>, StreamError> {
    match url.split(':').next() {
        Some("memory") => Ok(Arc::new(memory::MemoryStream::open(url)?)),
        Some("embedded") => Ok(Arc::new(embedded::EmbeddedStream::open(url).await?)),
        #[cfg(not(fuzzing))]
        // On the heap: the state of this one takes 42 KB, and whoever waits for it holds it.
        Some("kinesis") => Ok(Arc::new(Box::pin(kinesis::KinesisStream::open(url)).await?)),
        #[cfg(not(fuzzing))]
        Some("kafka") => Ok(Arc::new(kafka::KafkaStream::open(url).await?)),
        _ => Err(StreamError::Url {
            url: url.to_owned(),
            reason: "is none of memory:, embedded:///path/to/dir, kinesis://stream and \
                     kafka://broker:9092/topic"
                .to_owned(),
        }),
    }
}

/// Opens the stream that `url` names, for one process of several that work on it.
///
/// # Errors
/// As [`open`], and for an embedded stream: the process that opens it holds it alone.
pub async fn open_shared(url: &str) -> Result<Arc<dyn Stream>, StreamError> {
    match url.split(':').next() {
        Some("embedded") => Err(StreamError::Url {
            url: url.to_owned(),
            reason:
                "is held by one process, which is `hansom run`; services in processes of their \
                     own need a stream that all of them reach"
                    .to_owned(),
        }),
        Some("memory") => {
            warn!(
                url,
                "the stream is in this process's memory: no other reaches it"
            );
            open(url).await
        }
        _ => open(url).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_embedded_stream_is_nothing_to_share() {
        let refused = open_shared("embedded:///no/such/place").await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains("`hansom run`"), "{error}");
        assert!(open_shared("memory:").await.is_ok());
    }
}
