//! What tests of readers need of a stream whose shards split and merge, which none in memory does:
//! lineages, and a shard that ends. It is test code.

use std::pin::Pin;

use async_trait::async_trait;

use crate::{
    Lineage, Position, Read, Shard, ShardId, StreamError,
    hash_key::{HashKey, HashRange},
};

/// The lineages of the two shards that `parent` is split into, at the middle of all hash keys.
pub fn split(parent: &ShardId) -> [Lineage; 2] {
    let middle = u128::MAX / 2;
    [(0, middle), (middle + 1, u128::MAX)].map(|(first, last)| {
        let range = HashRange::new(HashKey(first), HashKey(last));
        Lineage::new(vec![parent.clone()], range)
    })
}

/// The lineage of the shard that all of `parents` are merged into.
pub fn merged(parents: Vec<ShardId>) -> Lineage {
    Lineage::new(parents, HashRange::new(HashKey(0), HashKey(u128::MAX)))
}

/// A shard that has parents, or ends: a real one, all of whose records it has, under another name.
pub struct Ending {
    shard: Box<dyn Shard>,
    id: ShardId,
    lineage: Lineage,
    /// Where it ends; None for one that goes on.
    end: Option<Position>,
    is_read_out: bool,
    finish: Finish,
}

/// What an [`Ending`] answers to being finished.
pub type Finish = Box<dyn FnMut() -> Finishing + Send>;

/// Its answer.
pub type Finishing = Pin<Box<dyn Future<Output = Result<(), StreamError>> + Send>>;

impl Ending {
    /// The records of `shard`, up to `end` if it ends.
    pub fn new(
        shard: Box<dyn Shard>,
        id: ShardId,
        lineage: Lineage,
        end: Option<Position>,
        finish: Finish,
    ) -> Self {
        Self {
            shard,
            id,
            lineage,
            end,
            is_read_out: false,
            finish,
        }
    }

    fn ended(&mut self) -> Option<Read> {
        self.is_read_out = self.end.is_some();
        self.end.map(Read::Ended)
    }
}

#[async_trait]
impl Shard for Ending {
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
        (self.finish)().await
    }
}
