//! Snapshots: the state of a shard with the position it reflects, as links of a chain in object
//! storage. Of two workers that believe they own a shard, one loses the next link.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufWriter, IntoInnerError, Write as _},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use objects::{Chain, Objects, Put};
use serde::{Deserialize, Serialize};
use tokio::task;
use tracing::info;
use transport::{Lineage, Position, ShardId};

use crate::{
    metrics::{self, Parent},
    shard_state::{Image, ShardState},
};

/// What the keys of all snapshots begin with.
pub(crate) const ROOT: &str = "_state/";
/// Says that the object is a snapshot, in which layout. A new layout gets a new number, so that
/// no processor takes the bytes of another one for its own.
const FORMAT: [u8; 8] = *b"hansomP3";
/// The compression of the state: the least, as it is written often. It halves the bytes.
const ZSTD_LEVEL: i32 = 1;
/// Links kept: the last, and one to go back to.
const KEPT_LINKS: u64 = 2;

/// The snapshots of one shard.
pub(crate) struct Snapshots {
    objects: Arc<dyn Objects>,
    chain: Chain,
    shard: ShardId,
    last: u64,
    /// Digests of what was put after the last link without an answer: one of them may be there.
    unanswered: Vec<u64>,
}

/// A state and the position that it reflects; None before the first record.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) state: ShardState,
    pub(crate) position: Option<Position>,
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is durable.
    Ours,
    /// Another worker stored one of that number: it owns the shard.
    Lost,
}

/// Who put the link that is there.
enum Writer {
    /// This call.
    Now,
    /// An earlier call of ours, whose answer was lost.
    Before,
    Another,
}

/// What stands before the state.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    format: [u8; 8],
    shard: &'a str,
    position: &'a str,
}

impl Snapshots {
    /// The snapshots of `shard`: `_state/<shard>/<n>`.
    pub(crate) fn of(objects: Arc<dyn Objects>, shard: &ShardId) -> Self {
        Self {
            chain: chain_of(&objects, shard.as_str()),
            objects,
            shard: shard.clone(),
            last: 0,
            unanswered: Vec::new(),
        }
    }

    /// Whose snapshots they are.
    pub(crate) fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// Loads the last one. Where there is none, the shard begins with the last ones of its parents,
    /// which are kept for that; without parents it begins empty.
    ///
    /// # Errors
    /// An error of the storage, or one that says what to do about a snapshot that is no such.
    pub(crate) async fn load(&mut self, lineage: &Lineage) -> anyhow::Result<Loaded> {
        self.unanswered.clear();
        let Some((n, loaded)) = last_of(&self.chain, self.shard.as_str()).await? else {
            self.last = 0;
            return self.inherit(lineage).await;
        };
        self.last = n;
        Ok(loaded)
    }

    async fn inherit(&self, lineage: &Lineage) -> anyhow::Result<Loaded> {
        let mut parents = Vec::new();
        for parent in lineage.parents() {
            let Some(loaded) = last(&self.objects, parent.as_str()).await? else {
                metrics::parent_sought(Parent::Missing);
                info!(shard = %self.shard, %parent, "the parent has no snapshot, beginning without it");
                continue;
            };
            metrics::parent_sought(Parent::Found);
            parents.push(loaded.state);
        }
        Ok(Loaded {
            state: ShardState::inherit(parents, |key| lineage.has(key)),
            position: None,
        })
    }

    /// Makes the bytes of a state, on a thread that may take long over it, and hands it back.
    ///
    /// # Errors
    /// None so far: a state can always be encoded. The state is gone then.
    pub(crate) async fn encode(
        &self,
        state: ShardState,
        position: Position,
    ) -> anyhow::Result<(ShardState, Bytes)> {
        let shard = self.shard.clone();
        let work = move || encode(&state, &shard, position).map(|bytes| (state, bytes));
        task::spawn_blocking(work)
            .await
            .context("encode a snapshot")?
    }

    /// Stores the bytes of a state as the next link.
    ///
    /// # Errors
    /// An error of the storage. Calling again is safe, with these bytes or with newer ones.
    pub(crate) async fn store(&mut self, bytes: Bytes) -> anyhow::Result<Stored> {
        loop {
            let writer = self.put(bytes.clone()).await?;
            if matches!(writer, Writer::Another) {
                return Ok(Stored::Lost);
            }
            self.last += 1;
            self.unanswered.clear();
            if matches!(writer, Writer::Now) {
                return Ok(Stored::Ours);
            }
        }
    }

    /// Deletes all but the last two.
    ///
    /// # Errors
    /// An error of the storage; the next call tries again.
    pub(crate) async fn prune(&self) -> anyhow::Result<()> {
        if self.last <= KEPT_LINKS {
            return Ok(());
        }
        self.chain
            .prune(self.last - KEPT_LINKS)
            .await
            .context("prune snapshots")
    }

    async fn put(&mut self, bytes: Bytes) -> anyhow::Result<Writer> {
        let n = self.last + 1;
        match self.chain.put(n, bytes.clone()).await {
            Ok(Put::Created) => return Ok(Writer::Now),
            Ok(Put::Exists) => {}
            Err(error) => {
                self.unanswered.push(digest(&bytes));
                return Err(error).context("put the snapshot");
            }
        }
        let there = self.chain.get(n).await;
        Ok(match there.context("read who put the snapshot")? {
            Some(there) if there == bytes => Writer::Now,
            Some(there) if self.unanswered.contains(&digest(&there)) => Writer::Before,
            Some(_) | None => Writer::Another,
        })
    }
}

/// The last snapshot of a shard; None where there is none.
///
/// # Errors
/// An error of the storage, or one that says what to do about a snapshot that is no such.
pub(crate) async fn last(
    objects: &Arc<dyn Objects>,
    shard: &str,
) -> anyhow::Result<Option<Loaded>> {
    let found = last_of(&chain_of(objects, shard), shard).await?;
    Ok(found.map(|(_, loaded)| loaded))
}

fn chain_of(objects: &Arc<dyn Objects>, shard: &str) -> Chain {
    Chain::new(objects.clone(), format!("{ROOT}{shard}"))
}

/// The last snapshot of a shard with its number; None where there is none.
async fn last_of(chain: &Chain, shard: &str) -> anyhow::Result<Option<(u64, Loaded)>> {
    let Some((n, bytes)) = chain.last().await.context("find the last snapshot")? else {
        return Ok(None);
    };
    let loaded = decode(&bytes, shard).with_context(|| {
        format!(
            "snapshot {ROOT}{shard}/{n:020} cannot be read; delete it to go on from the one \
             before, or the whole of {ROOT}{shard} to begin with the oldest record of the stream"
        )
    })?;
    Ok(Some((n, loaded)))
}

/// Tells the bytes of one put from those of another, within this process.
fn digest(bytes: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn encode(state: &ShardState, shard: &ShardId, position: Position) -> anyhow::Result<Bytes> {
    let position = position.to_string();
    let header = Header {
        format: FORMAT,
        shard: shard.as_str(),
        position: &position,
    };
    let bytes = postcard::to_stdvec(&header).context("encode the header")?;
    Ok(encode_state(state, bytes)
        .context("encode the state")?
        .into())
}

/// Adds the state to `bytes`, compressed while it is encoded: never is it in memory twice.
fn encode_state(state: &ShardState, bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let compressed = BufWriter::new(zstd::Encoder::new(bytes, ZSTD_LEVEL)?);
    let mut compressed = postcard::to_io(state.image(), compressed)?;
    compressed.flush()?;
    let encoder = compressed
        .into_inner()
        .map_err(IntoInnerError::into_error)?;
    Ok(encoder.finish()?)
}

fn decode(bytes: &[u8], shard: &str) -> anyhow::Result<Loaded> {
    ensure!(
        bytes.starts_with(&FORMAT),
        "it is no snapshot of a layout that this version knows"
    );
    let (header, rest) =
        postcard::take_from_bytes::<Header<'_>>(bytes).context("its header is damaged")?;
    if header.shard != shard {
        bail!("it is one of shard {}", header.shard);
    }
    let position = header.position.parse().context("its position is damaged")?;
    let state = decode_state(rest).context("its state is damaged")?;
    Ok(Loaded {
        state,
        position: Some(position),
    })
}

fn decode_state(bytes: &[u8]) -> anyhow::Result<ShardState> {
    let image: Image = postcard::from_bytes(&zstd::decode_all(bytes)?)?;
    Ok(image.into())
}

#[cfg(test)]
pub(crate) mod tests;
