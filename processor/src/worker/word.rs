//! What a worker tells the stream of its shard: how far it is done with it, and that it is done.

use tokio::time;
use tracing::warn;
use transport::{Position, Shard};

use super::{End, LAST_TRIES, RETRY_WAIT};
use crate::metrics;

/// Tells how far the shard is done. If the stream does not hear, it hears the next time.
pub(super) async fn checkpoint(shard: &mut dyn Shard, position: Position) {
    if let Err(error) = shard.checkpoint(position).await {
        warn!(shard = %shard.id(), %error, "the checkpoint stays behind");
    }
}

/// Tells the stream that the shard is done. If it does not hear, the shard comes again, at its end.
pub(super) async fn close(shard: &mut dyn Shard) -> End {
    for tries in 1..=LAST_TRIES {
        let Err(error) = shard.finish().await else {
            return End::Closed;
        };
        metrics::finish_failed();
        warn!(shard = %shard.id(), %error, tries, "the stream does not take the end of the shard");
        if tries < LAST_TRIES {
            time::sleep(RETRY_WAIT).await;
        }
    }
    End::GaveUp
}
