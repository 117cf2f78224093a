//! Which leases there should be, by the shards that are listed and the leases that there are. The
//! listing must be younger than the look at the leases: then a shard without a lease is one.
//!
//! A shard's lease is created before its parents are read to their ends, and its parents' leases
//! before it: so at no time is there a shard that nobody will read, nor a child that could be read
//! before its parents.

use std::collections::{BTreeMap, BTreeSet};

use super::lease::Lease;
use crate::{ShardId, kinesis::listing::ListedShard};

/// What one look after another showed to be missing.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Shards that should have had a lease the last time. A look takes its time, so that it may
    /// miss a lease; it does not miss it twice.
    holes: BTreeSet<ShardId>,
}

/// What to create, in this order, and what to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) create: Vec<Lease>,
    pub(crate) delete: Vec<Lease>,
}

/// Says that a shard's end cannot be written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotYet {
    /// Records still come to it.
    #[error("the shard is open")]
    IsOpen,
    /// It is closed, but what goes on with its keys is not listed.
    #[error("the shard's children are not listed yet")]
    HasNoChildren,
}

/// How a shard ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) children: BTreeSet<ShardId>,
    /// What must be there before the end is written, in this order.
    pub(crate) create: Vec<Lease>,
}

/// The shards that are listed and the leases that there are, by shard.
struct Table<'a> {
    listed: BTreeMap<&'a ShardId, &'a ListedShard>,
    leases: BTreeMap<&'a ShardId, &'a Lease>,
}

impl Census {
    /// What to change.
    pub(crate) fn changes(&mut self, listed: &[ListedShard], leases: &[Lease]) -> Changes {
        let table = Table::new(listed, leases);
        let missing = if leases.is_empty() {
            table.all()
        } else {
            let due = table.children_due();
            let holes = table.holes();
            let confirmed = holes.intersection(&self.holes).cloned();
            let missing = due.into_iter().chain(confirmed).collect();
            self.holes = holes;
            missing
        };
        Changes {
            create: table.unread(&missing),
            delete: leases
                .iter()
                .filter(|lease| table.is_over(lease))
                .cloned()
                .collect(),
        }
    }

    /// Whether there are holes to look at again soon.
    pub(crate) fn is_unsure(&self) -> bool {
        !self.holes.is_empty()
    }
}

/// How `shard` ends: with its children's leases, and those of the shards that they have for another
/// parent, which would pass for done if they had none.
///
/// # Errors
/// [`NotYet`] if it is not to be ended now.
pub(crate) fn end(
    shard: &ShardId,
    listed: &[ListedShard],
    leases: &[Lease],
) -> Result<End, NotYet> {
    let table = Table::new(listed, leases);
    let itself = table.listed.get(shard);
    if itself.is_some_and(|shard| shard.ending.is_none()) {
        return Err(NotYet::IsOpen);
    }
    let children: BTreeSet<_> = table.children(shard).cloned().collect();
    if itself.is_some() && children.is_empty() {
        return Err(NotYet::HasNoChildren);
    }
    let mut missing = BTreeSet::new();
    for child in &children {
        table.all_missing(child, &mut missing);
    }
    Ok(End {
        create: table.unread(&missing),
        children,
    })
}

impl<'a> Table<'a> {
    fn new(listed: &'a [ListedShard], leases: &'a [Lease]) -> Self {
        Self {
            listed: listed.iter().map(|shard| (&shard.id, shard)).collect(),
            leases: leases.iter().map(|lease| (&lease.shard, lease)).collect(),
        }
    }

    fn all(&self) -> BTreeSet<ShardId> {
        self.listed.keys().map(|id| (*id).clone()).collect()
    }

    fn children(&self, parent: &ShardId) -> impl Iterator<Item = &'a ShardId> {
        self.listed
            .values()
            .filter(|shard| shard.parents.contains(parent))
            .map(|shard| &shard.id)
    }

    /// Children whose parents' ends are all written, and which have no lease.
    fn children_due(&self) -> BTreeSet<ShardId> {
        let is_due = |shard: &&&ListedShard| {
            let mut leases = shard.parents.iter().filter_map(|id| self.leases.get(id));
            !self.leases.contains_key(&shard.id)
                && leases.clone().next().is_some()
                && leases.all(|parent| parent.is_ended())
                && self.oldest_missing_is_itself(shard)
        };
        let due = self.listed.values().filter(is_due);
        due.map(|shard| shard.id.clone()).collect()
    }

    fn oldest_missing_is_itself(&self, shard: &ListedShard) -> bool {
        let mut missing = BTreeSet::new();
        self.oldest_missing(&shard.id, &mut missing);
        missing == BTreeSet::from([shard.id.clone()])
    }

    /// Shards that no existing lease leads to: the oldest of those that lead to an open shard.
    fn holes(&self) -> BTreeSet<ShardId> {
        let mut holes = BTreeSet::new();
        for shard in self.listed.values().filter(|shard| shard.ending.is_none()) {
            self.oldest_missing(&shard.id, &mut holes);
        }
        holes
    }

    /// Adds the oldest shards without a lease that must be read before `shard`, or itself where
    /// nothing must; nothing where a lease leads to it.
    fn oldest_missing(&self, shard: &ShardId, missing: &mut BTreeSet<ShardId>) {
        let mut seen = BTreeSet::new();
        self.all_missing(shard, &mut seen);
        let is_done = |parent: &ShardId| match self.leases.get(parent) {
            Some(lease) => lease.is_ended(),
            None => !self.listed.contains_key(parent),
        };
        let is_oldest = |id: &ShardId| {
            let shard = self.listed.get(id);
            shard.is_some_and(|shard| shard.parents.iter().all(is_done))
        };
        missing.extend(seen.into_iter().filter(is_oldest));
    }

    /// Adds `shard` and its ancestors, up to those that have a lease or are not listed any more.
    fn all_missing(&self, shard: &ShardId, missing: &mut BTreeSet<ShardId>) {
        let mut open = vec![shard];
        while let Some(id) = open.pop() {
            let Some(shard) = self.listed.get(id) else {
                continue;
            };
            if !self.leases.contains_key(id) && missing.insert(id.clone()) {
                open.extend(&shard.parents);
            }
        }
    }

    /// New leases for these shards, parents before children.
    fn unread(&self, missing: &BTreeSet<ShardId>) -> Vec<Lease> {
        let mut left: Vec<_> = missing
            .iter()
            .filter_map(|id| self.listed.get(id).copied())
            .collect();
        let mut created = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let open: BTreeSet<_> = left.iter().map(|shard| &shard.id).collect();
            let (now, later): (Vec<_>, Vec<_>) = left
                .iter()
                .copied()
                .partition(|shard| !shard.parents.iter().any(|parent| open.contains(parent)));
            if now.is_empty() {
                // Shards that are each other's parents: no service lists such, and none is read.
                break;
            }
            created.extend(now.into_iter().map(Lease::unread));
            left = later;
        }
        created
    }

    /// Whether a lease has no use any more: its shard is read to its end and gone, nothing before it
    /// is left, and what follows has been begun. While the shard is listed its lease stays, so that
    /// nobody who was away for less than the stream's retention takes it for a hole.
    fn is_over(&self, lease: &Lease) -> bool {
        let is_begun = |child: &ShardId| {
            let lease = self.leases.get(child);
            lease.is_some_and(|lease| lease.checkpoint.is_begun())
        };
        lease.is_ended()
            && !self.listed.contains_key(&lease.shard)
            && !lease.parents.iter().any(|id| self.leases.contains_key(id))
            && lease.children.iter().all(is_begun)
            && self.children(&lease.shard).all(is_begun)
    }
}

#[cfg(test)]
mod tests;
