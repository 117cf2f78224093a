//! What a worker shows of its shard: changes, written to the cache, and everything after it failed.
//! What there is to show is the state's.

use std::sync::Arc;

use tracing::warn;

use crate::{
    Cache, ShardState,
    cache::{CacheError, Change},
    metrics,
};

/// So many changes of a whole state are written at once, half a MB.
const CHANGES_AT_ONCE: usize = 1_024;

/// The shard as others see it.
pub(super) struct View {
    cache: Arc<dyn Cache>,
    /// How often the cache had lost something when all was shown last; None where it may miss
    /// something, because it is new or was unavailable.
    shown: Option<u64>,
}

impl View {
    /// The view in a cache that may have nothing of the shard.
    pub(super) fn of(cache: Arc<dyn Cache>) -> Self {
        Self { cache, shown: None }
    }

    /// Writes changes; after a failure or a loss, everything that there is. Rides that were abandoned
    /// meanwhile go from the cache in its own time then.
    pub(super) async fn show(&mut self, state: &ShardState, changes: Vec<Change>) {
        // Looked at before: what is lost meanwhile is shown the next time.
        let losses = self.cache.losses();
        let written = if self.shown == Some(losses) {
            self.cache.write(changes).await
        } else {
            self.show_all(state).await
        };
        self.shown = match written {
            Ok(()) => Some(losses),
            Err(error) => {
                metrics::cache_failed();
                warn!(%error, "the cache misses what changed, until it can be written again");
                None
            }
        };
    }

    /// Writes everything, in parts: at once it would take as much memory as the state.
    async fn show_all(&self, state: &ShardState) -> Result<(), CacheError> {
        let mut live = state.live();
        loop {
            let part: Vec<_> = live.by_ref().take(CHANGES_AT_ONCE).collect();
            if part.is_empty() {
                return Ok(());
            }
            self.cache.write(part).await?;
        }
    }
}
