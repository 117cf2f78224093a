//! Shards around real ones: one with faults, which answers late, has lost its start and notes
//! checkpoints, and one that has parents or ends. They know nothing of what is read.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time;
use transport::{Lineage, Position, Read, Shard, ShardId, StreamError};

/// A shard with faults.
pub(crate) struct Odd {
    pub(crate) shard: Box<dyn Shard>,
    /// Every answer takes so long.
    pub(crate) delay: Duration,
    /// The records up to and including this one are lost.
    pub(crate) lost: Option<Position>,
    /// What was checkpointed.
    pub(crate) checkpoints: Arc<Mutex<Vec<Position>>>,
    /// Whether the next answer is that they are.
    pub(crate) tells_gap: bool,
}

impl Odd {
    pub(crate) fn new(shard: Box<dyn Shard>) -> Self {
        Self {
            shard,
            delay: Duration::ZERO,
            lost: None,
            checkpoints: Arc::default(),
            tells_gap: false,
        }
    }

    async fn gap(&mut self) -> Option<Read> {
        time::sleep(self.delay).await;
        let lost = self.lost.filter(|_| self.tells_gap)?;
        self.tells_gap = false;
        Some(Read::Gap(lost))
    }
}

#[async_trait]
impl Shard for Odd {
    fn id(&self) -> &ShardId {
        self.shard.id()
    }

    fn lineage(&self) -> &Lineage {
        self.shard.lineage()
    }

    fn seek(&mut self, after: Option<Position>) {
        self.tells_gap = after < self.lost;
        self.shard.seek(after.max(self.lost));
    }

    async fn read(&mut self) -> Result<Read, StreamError> {
        if let Some(gap) = self.gap().await {
            return Ok(gap);
        }
        self.shard.read().await
    }

    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError> {
        if let Some(gap) = self.gap().await {
            return Ok(Some(gap));
        }
        self.shard.read_if_any().await
    }

    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError> {
        self.checkpoints.lock().unwrap().push(position);
        self.shard.checkpoint(position).await
    }

    async fn finish(&mut self) -> Result<(), StreamError> {
        self.shard.finish().await
    }
}

/// A shard that has parents, or ends: the only shard of a stream, under another name.
pub(crate) struct Mortal {
    pub(crate) shard: Box<dyn Shard>,
    pub(crate) id: ShardId,
    pub(crate) lineage: Lineage,
    /// Where it ends; None for one that goes on.
    pub(crate) end: Option<Position>,
    pub(crate) is_read_out: bool,
    pub(crate) finishing: Finishing,
    /// How often it was finished.
    pub(crate) finished: Arc<AtomicUsize>,
}

/// What a shard answers to being finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finishing {
    Works,
    /// Answers so many times with an error before it works.
    Fails(usize),
    /// Never answers: the process dies there.
    Hangs,
}

impl Mortal {
    fn ended(&mut self) -> Option<Read> {
        self.is_read_out = self.end.is_some();
        self.end.map(Read::Ended)
    }
}

#[async_trait]
impl Shard for Mortal {
    fn id(&self) -> &ShardId {
        &self.id
    }

    fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    fn seek(&mut self, after: Option<Position>) {
        self.is_read_out = self.end.is_some() && after >= self.end;
        if !self.is_read_out {
            self.shard.seek(after);
        }
    }

    async fn read(&mut self) -> Result<Read, StreamError> {
        match self.read_if_any().await? {
            Some(read) => Ok(read),
            None => self.shard.read().await,
        }
    }

    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError> {
        if self.is_read_out {
            return Ok(self.ended());
        }
        Ok(self.shard.read_if_any().await?.or_else(|| self.ended()))
    }

    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError> {
        if Some(position) == self.end {
            return Ok(());
        }
        self.shard.checkpoint(position).await
    }

    async fn finish(&mut self) -> Result<(), StreamError> {
        assert!(self.is_read_out, "it is finished before its end");
        match self.finishing {
            Finishing::Works => {
                self.finished.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Finishing::Fails(times) => {
                self.finishing = times
                    .checked_sub(1)
                    .map_or(Finishing::Works, Finishing::Fails);
                Err(StreamError::Storage("it is not taken now".to_owned()))
            }
            Finishing::Hangs => std::future::pending().await,
        }
    }
}
