//! How far the shards of a member are behind, in time: what is shown is that of the last of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::metrics;
use crate::{clock::wall_ms, lock::locked};

/// How far the shards of a member are behind.
#[derive(Debug, Clone)]
pub(super) struct Lag {
    group: Arc<str>,
    shards: Arc<Mutex<HashMap<i32, i64>>>,
}

impl Lag {
    /// That of a member of `group` without shards.
    pub(super) fn of(group: &str) -> Self {
        Self {
            group: group.into(),
            shards: Arc::default(),
        }
    }

    /// A shard is read up to a record of that time.
    pub(super) fn at(&self, partition: i32, appended_ms: i64) {
        self.note(|shards| {
            shards.insert(partition, (wall_ms() - appended_ms).max(0));
        });
    }

    /// A shard is read to its end.
    pub(super) fn at_end(&self, partition: i32) {
        self.note(|shards| {
            shards.insert(partition, 0);
        });
    }

    /// A shard is not read any more.
    pub(super) fn drop(&self, partition: i32) {
        self.note(|shards| {
            shards.remove(&partition);
        });
    }

    fn note(&self, change: impl FnOnce(&mut HashMap<i32, i64>)) {
        let mut shards = locked(&self.shards);
        change(&mut shards);
        let behind_ms = shards.values().copied().max().unwrap_or_default();
        metrics::lag_seconds(&self.group, behind_ms);
    }
}
