//! A lease: which worker has a shard, and how far the group has come in it. It is plain data, with
//! the fields that the Kinesis Client Library keeps; who may change them is said in `write`.

use std::collections::BTreeSet;

use super::worker::WorkerId;
use crate::{Lineage, Position, ShardId, hash_key::HashRange, kinesis::listing::ListedShard};

/// How far the group has come in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    /// Nothing is done: begin at the oldest record kept.
    TrimHorizon,
    /// Nothing is done: begin at what comes next.
    Latest,
    /// Nothing is done: begin at a time that the group's settings say.
    AtTimestamp,
    /// Everything up to and including this is done.
    At(Position),
    /// Everything is done, and nothing more will come.
    ShardEnd,
}

impl Checkpoint {
    /// Whether the record at `position` is done.
    pub(crate) fn covers(self, position: Position) -> bool {
        match self {
            Self::TrimHorizon | Self::Latest | Self::AtTimestamp => false,
            Self::At(done) => position <= done,
            Self::ShardEnd => true,
        }
    }

    /// Whether any reader has come to something.
    pub(crate) fn is_begun(self) -> bool {
        matches!(self, Self::At(_) | Self::ShardEnd)
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) shard: ShardId,
    /// Who has the shard, or is to have it once [`Lease::handed_over_by`] is none.
    pub(crate) owner: Option<WorkerId>,
    /// Goes up with every change by an owner: while it moves, the owner lives.
    pub(crate) counter: u64,
    pub(crate) checkpoint: Checkpoint,
    /// How often the owner changed since the checkpoint moved.
    pub(crate) switches: u64,
    pub(crate) parents: BTreeSet<ShardId>,
    /// Known from the shard's end on.
    pub(crate) children: BTreeSet<ShardId>,
    pub(crate) range: Option<HashRange>,
    /// Who has the shard still, while it is handed over to [`Lease::owner`].
    pub(crate) handed_over_by: Option<WorkerId>,
}

impl Lease {
    /// The lease of a shard that nobody has read yet, to be read from its oldest record.
    pub(crate) fn unread(shard: &ListedShard) -> Self {
        Self {
            shard: shard.id.clone(),
            owner: None,
            counter: 0,
            checkpoint: Checkpoint::TrimHorizon,
            switches: 0,
            parents: shard.parents.iter().cloned().collect(),
            children: BTreeSet::new(),
            range: Some(shard.range.clone()),
            handed_over_by: None,
        }
    }

    /// Whether the shard is read to its end.
    pub(crate) fn is_ended(&self) -> bool {
        self.checkpoint == Checkpoint::ShardEnd
    }

    /// Who may read the shard and move its checkpoint.
    pub(crate) fn holder(&self) -> Option<&WorkerId> {
        self.handed_over_by.as_ref().or(self.owner.as_ref())
    }

    /// Whether this worker may read the shard and move its checkpoint, if it holds the lease.
    pub(crate) fn is_with(&self, worker: &WorkerId) -> bool {
        self.holder() == Some(worker)
    }

    /// Where the shard comes from.
    pub(crate) fn lineage(&self) -> Lineage {
        let parents: Vec<_> = self.parents.iter().cloned().collect();
        match &self.range {
            Some(range) => Lineage::new(parents, range.clone()),
            None => Lineage::default(),
        }
    }
}
