//! Where a shard comes from, and which keys are its own. Streams whose shards split and merge have
//! shards with parents; the others' shards come from nowhere.

use crate::{
    ShardId,
    hash_key::{HashKey, HashRange},
};

/// A shard's parents, and its range of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    parents: Vec<ShardId>,
    /// None for a shard whose records are all its own.
    range: Option<HashRange>,
}

impl Lineage {
    /// The lineage of a shard that took over a range of keys from its parents.
    pub(crate) fn new(parents: Vec<ShardId>, range: HashRange) -> Self {
        Self {
            parents,
            range: Some(range),
        }
    }

    /// The shards that had this one's keys before: none, the one that was split, or the two that
    /// were merged. The group is done with them before it gets this one.
    pub fn parents(&self) -> &[ShardId] {
        &self.parents
    }

    /// Whether records of a key come to this shard rather than to one that has the same parents.
    pub fn has(&self, key: &[u8]) -> bool {
        self.range.is_none() || self.contains(HashKey::of(key))
    }

    /// Whether records of a hash key come to this shard.
    pub(crate) fn contains(&self, hash: HashKey) -> bool {
        let range = self.range.as_ref();
        range.is_none_or(|range| range.contains(hash))
    }
}
