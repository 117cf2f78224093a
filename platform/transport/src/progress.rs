//! How far the groups are: for every group and shard, the offset it goes on at.
//! It is plain state; who stores it, and when, is the backend's business.

use std::collections::BTreeMap;

/// The groups known, and how far each is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    shards: u32,
    groups: BTreeMap<String, Vec<u64>>,
}

/// How far one group is in one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) group: String,
    pub(crate) shard: u32,
    /// The offset it goes on at.
    pub(crate) next: u64,
}

impl Progress {
    /// No group is known yet.
    pub(crate) fn new(shards: u32) -> Self {
        Self {
            shards,
            groups: BTreeMap::new(),
        }
    }

    /// Makes a group known, which has read nothing unless it was known before.
    pub(crate) fn register(&mut self, group: &str) {
        if !self.groups.contains_key(group) {
            self.groups
                .insert(group.to_owned(), vec![0; self.shards as usize]);
        }
    }

    /// Sets the offset that a group goes on at. It may go back: a group that lost its output
    /// needs again what it had passed.
    pub(crate) fn set(&mut self, group: &str, shard: u32, next: u64) {
        self.register(group);
        let offsets = self
            .groups
            .get_mut(group)
            .and_then(|shards| shards.get_mut(shard as usize));
        if let Some(offset) = offsets {
            *offset = next;
        }
    }

    /// The offset up to which every known group is done with a shard: all, where none is known.
    pub(crate) fn passed(&self, shard: u32) -> u64 {
        let offsets = self
            .groups
            .values()
            .filter_map(|shards| shards.get(shard as usize));
        offsets.min().copied().unwrap_or(u64::MAX)
    }

    /// Every group, with the offset that it goes on at in each shard.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &[u64])> {
        let groups = self.groups.iter();
        groups.map(|(group, offsets)| (group.as_str(), offsets.as_slice()))
    }

    /// What `stored` has otherwise, or not at all.
    pub(crate) fn since(&self, stored: &Self) -> Vec<Checkpoint> {
        let mut changed = Vec::new();
        for (group, shards) in &self.groups {
            let before = stored.groups.get(group);
            for (shard, next) in (0_u32..).zip(shards) {
                if before.and_then(|shards| shards.get(shard as usize)) != Some(next) {
                    changed.push(Checkpoint {
                        group: group.clone(),
                        shard,
                        next: *next,
                    });
                }
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_group_decides_what_is_passed() {
        let mut progress = Progress::new(2);
        assert_eq!(progress.passed(1), u64::MAX);
        progress.set("fast", 1, 9);
        assert_eq!(progress.passed(1), 9);
        progress.register("slow");
        assert_eq!(progress.passed(1), 0);
        progress.set("slow", 1, 4);
        assert_eq!((progress.passed(0), progress.passed(1)), (0, 4));
    }

    #[test]
    fn applying_the_changes_gives_the_same_progress() {
        let mut stored = Progress::new(2);
        stored.set("old", 0, 3);
        let mut progress = stored.clone();
        progress.set("old", 1, 5);
        progress.register("new");
        for Checkpoint { group, shard, next } in progress.since(&stored) {
            stored.set(&group, shard, next);
        }
        assert_eq!(stored, progress);
        assert_eq!(progress.since(&stored), []);
    }
}
