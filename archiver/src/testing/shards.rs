//! A shard with faults, around a real one: it answers late, has lost its start, notes checkpoints.
//! It knows nothing of what is read.

use std::{
    sync::{Arc, Mutex},
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
