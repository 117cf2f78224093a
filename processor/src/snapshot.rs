//! Snapshots: the state of a shard with the position it reflects, as links of a chain in object
//! storage. Of two workers that believe they own a shard, one loses the next link.

use std::{
    io::{BufWriter, IntoInnerError, Write as _},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use objects::{Chain, Objects, Put};
use serde::{Deserialize, Serialize};
use transport::{Position, ShardId};

use crate::{
    forgotten::ForgottenRides,
    shard_state::{Image, ShardState},
    vehicle::Vehicle,
};

/// Says that the object is a snapshot, in which layout. A new layout gets a new number, and its
/// processor reads the old ones.
const FORMAT: [u8; 8] = *b"hansomP1";
/// The compression of the state: the least, as it is written often. It halves the bytes.
const ZSTD_LEVEL: i32 = 1;
/// Links kept: the last, and one to go back to.
const KEPT_LINKS: u64 = 2;

/// The snapshots of one shard.
pub(crate) struct Snapshots {
    chain: Chain,
    shard: ShardId,
    last: u64,
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

/// What stands before the state.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    format: [u8; 8],
    shard: &'a str,
    position: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    clock_ms: i64,
    swept_ms: i64,
    vehicles: Vec<&'a Vehicle>,
    forgotten: &'a ForgottenRides,
}

#[derive(Deserialize)]
struct OwnedBody {
    clock_ms: i64,
    swept_ms: i64,
    vehicles: Vec<Vehicle>,
    forgotten: ForgottenRides,
}

impl Snapshots {
    /// The snapshots of `shard`: `_state/<shard>/<n>`.
    pub(crate) fn of(objects: Arc<dyn Objects>, shard: &ShardId) -> Self {
        let chain = Chain::new(objects, format!("_state/{shard}"));
        Self {
            chain,
            shard: shard.clone(),
            last: 0,
        }
    }

    /// Loads the last one; the empty state where there is none.
    ///
    /// # Errors
    /// An error of the storage, or one that says what to do about a snapshot that is no such.
    pub(crate) async fn load(&mut self) -> anyhow::Result<Loaded> {
        let Some((n, bytes)) = self.chain.last().await.context("find the last snapshot")? else {
            self.last = 0;
            return Ok(Loaded::default());
        };
        self.last = n;
        decode(&bytes, &self.shard).with_context(|| {
            format!(
                "snapshot _state/{}/{n:020} cannot be read; delete it to go on from the one \
                 before, or the whole of _state/{0} to begin with the oldest record of the stream",
                self.shard
            )
        })
    }

    /// Stores the state as the next link, and deletes all but the last two.
    ///
    /// # Errors
    /// An error of the storage. Calling again with the same state is safe.
    pub(crate) async fn store(
        &mut self,
        state: &ShardState,
        position: Position,
    ) -> anyhow::Result<Stored> {
        let bytes = encode(state, &self.shard, position)?;
        let n = self.last + 1;
        if self
            .chain
            .put(n, bytes.clone())
            .await
            .context("put the snapshot")?
            == Put::Exists
        {
            // An earlier try whose answer was lost may have put it.
            let there = self
                .chain
                .get(n)
                .await
                .context("read who put the snapshot")?;
            if there != Some(bytes) {
                return Ok(Stored::Lost);
            }
        }
        self.last = n;
        Ok(Stored::Ours)
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
    let (clock_ms, swept_ms, forgotten) = state.stored_rest();
    let vehicles = state.stored_vehicles().collect();
    let body = Body {
        clock_ms,
        swept_ms,
        vehicles,
        forgotten,
    };
    let compressed = BufWriter::new(zstd::Encoder::new(bytes, ZSTD_LEVEL)?);
    let mut compressed = postcard::to_io(&body, compressed)?;
    compressed.flush()?;
    let encoder = compressed
        .into_inner()
        .map_err(IntoInnerError::into_error)?;
    Ok(encoder.finish()?)
}

fn decode(bytes: &[u8], shard: &ShardId) -> anyhow::Result<Loaded> {
    ensure!(
        bytes.starts_with(&FORMAT),
        "it is no snapshot of a layout that this version knows"
    );
    let (header, rest) =
        postcard::take_from_bytes::<Header<'_>>(bytes).context("its header is damaged")?;
    if header.shard != shard.as_str() {
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
    let OwnedBody {
        clock_ms,
        swept_ms,
        vehicles,
        forgotten,
    } = postcard::from_bytes(&zstd::decode_all(bytes)?)?;
    Ok(Image {
        clock_ms,
        swept_ms,
        vehicles,
        forgotten,
    }
    .into())
}

#[cfg(test)]
pub(crate) mod tests;
