//! The shards of a stream as the service lists them: those that are open, and those that were split
//! or merged, as long as retention keeps their records. What follows from it is decided elsewhere.

use async_trait::async_trait;

use crate::{
    ShardId, StreamError,
    hash_key::HashRange,
    kinesis::shard_map::{HolesInMap, OpenShard, ShardMap},
    sequence::Sequence,
};

/// Lists the shards of one stream.
#[async_trait]
pub(crate) trait ListShards: Send + Sync {
    /// All shards, in no order.
    ///
    /// # Errors
    /// [`StreamError`] if the service does not answer, or not with a whole list.
    async fn list(&self) -> Result<Vec<ListedShard>, StreamError>;
}

/// A shard as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedShard {
    pub(crate) id: ShardId,
    /// The shard that was split into it, or the two that were merged.
    pub(crate) parents: Vec<ShardId>,
    pub(crate) range: HashRange,
    /// The number at which a closed shard ends; None while it is open.
    pub(crate) ending: Option<Sequence>,
}

impl ListedShard {
    /// Whether records still come to it.
    pub(crate) fn is_open(&self) -> bool {
        self.ending.is_none()
    }
}

/// The map of the shards that are open.
///
/// # Errors
/// [`HolesInMap`] while the service is about to split or merge.
pub(crate) fn open_map(listed: Vec<ListedShard>) -> Result<ShardMap, HolesInMap> {
    let open = listed.into_iter().filter(ListedShard::is_open);
    let open = open.map(|ListedShard { id, range, .. }| OpenShard { id, range });
    ShardMap::new(open.collect())
}
