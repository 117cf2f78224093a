//! Stores the snapshots of a shard, one after the other, while its worker goes on. When one is due
//! is the worker's to say, and what is in it is `snapshot`'s.

use std::future::pending;

use futures_util::{FutureExt as _, future::BoxFuture};
use tracing::warn;
use transport::Position;

use crate::{
    ShardState, metrics,
    snapshot::{Snapshots, Stored},
};

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// What it reflects is stored, up to here.
    Upto(Position),
    /// The storage is unavailable.
    NotNow,
    /// Another worker has the shard.
    Lost,
}

/// The snapshots of one shard, of which at most one is under way.
pub(super) enum Saver {
    Idle(Snapshots),
    Storing(BoxFuture<'static, (Snapshots, Saved)>),
    /// Only while it changes.
    Between,
}

impl Saver {
    /// Whether a snapshot is on its way to the storage.
    pub(super) fn is_storing(&self) -> bool {
        !matches!(self, Self::Idle(_))
    }

    /// Begins to store what `state` is at `position`, and hands it back as soon as it is encoded.
    /// While one is being stored nothing begins.
    ///
    /// # Errors
    /// None so far: a state can always be encoded. The state is gone then.
    pub(super) async fn begin(
        &mut self,
        state: ShardState,
        position: Position,
    ) -> anyhow::Result<ShardState> {
        let Self::Idle(snapshots) = self else {
            return Ok(state);
        };
        let (state, bytes) = snapshots.encode(state, position).await?;
        if let Self::Idle(mut snapshots) = std::mem::replace(self, Self::Between) {
            let storing = async move {
                let stored = snapshots.store(bytes).await;
                let saved = note(stored, &snapshots, position).await;
                (snapshots, saved)
            };
            *self = Self::Storing(storing.boxed());
        }
        Ok(state)
    }

    /// Waits for the snapshot under way; for ever, where none is. Safe to drop while it waits: then
    /// the storing stands still until it is waited for again.
    pub(super) async fn done(&mut self) -> Saved {
        let Self::Storing(storing) = self else {
            return pending().await;
        };
        let (snapshots, saved) = storing.await;
        *self = Self::Idle(snapshots);
        saved
    }
}

/// Takes note of how the storing ended, and lets go of old snapshots.
async fn note(stored: anyhow::Result<Stored>, snapshots: &Snapshots, position: Position) -> Saved {
    let shard = snapshots.shard();
    match stored {
        Ok(Stored::Ours) => metrics::snapshot_stored(),
        Ok(Stored::Lost) => {
            metrics::shard_lost();
            warn!(%shard, "another worker owns the shard");
            return Saved::Lost;
        }
        Err(error) => {
            metrics::snapshot_failed();
            warn!(%shard, error = format!("{error:#}"), "storing later");
            return Saved::NotNow;
        }
    }
    if let Err(error) = snapshots.prune().await {
        warn!(%shard, error = format!("{error:#}"), "old snapshots stay");
    }
    Saved::Upto(position)
}
