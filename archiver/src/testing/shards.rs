//! A shard with faults, around a real one: it answers late, has lost its start, is taken away, and notes
//! checkpoints; and what a shard that ends answers to being finished. They know nothing of what is read.

use std::{
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time};
use transport::{Lineage, Position, Read, Shard, ShardId, StreamError, testing::Finish};

/// A shard with faults.
pub(crate) struct Odd {
    pub(crate) shard: Box<dyn Shard>,
    /// Every answer takes so long.
    pub(crate) delay: Duration,
    /// The records up to and including this one are lost.
    pub(crate) lost: Option<Position>,
    /// Notified, it says once that another is to have it.
    pub(crate) taken: Arc<Notify>,
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
            taken: Arc::default(),
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
        tokio::select! {
            biased;
            () = self.taken.notified() => Ok(Read::Revoked),
            read = self.shard.read() => read,
        }
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

/// What a shard answers to being finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finishing {
    Works,
    /// Answers so many times with an error before it works.
    Fails(usize),
    /// Never answers: the process dies there.
    Hangs,
}

impl Finishing {
    /// Answers so, and counts in `finished` how often it works.
    pub(crate) fn answer(mut self, finished: Arc<AtomicUsize>) -> Finish {
        Box::new(move || match self {
            Self::Works => {
                finished.fetch_add(1, Ordering::Relaxed);
                Box::pin(ready(Ok(())))
            }
            Self::Fails(times) => {
                self = times.checked_sub(1).map_or(Self::Works, Self::Fails);
                let error = StreamError::Storage("it is not taken now".to_owned());
                Box::pin(ready(Err(error)))
            }
            Self::Hangs => Box::pin(pending()),
        })
    }
}
