//! What can be written to a lease, and on which condition: data that can be applied to a lease here
//! and to a row of DynamoDB there. Who writes what and when is decided elsewhere.
//!
//! A worker's changes are conditioned on the lease as the worker saw it last: counter, owner and
//! hand-over. The counter alone would do for workers of our kind; but a hand-over leaves it as it is,
//! and the Kinesis Client Library looks at nothing else. So every change but the start of a
//! hand-over moves it.

use std::collections::BTreeSet;

use super::{
    lease::{Checkpoint, Lease},
    worker::WorkerId,
};
use crate::ShardId;

/// One conditional write to one lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// A new lease, where there is none.
    Create(Lease),
    /// Changes to a lease that is as expected.
    Update(Update),
}

/// Changes to a lease, and what they expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Update {
    /// None: whatever it is.
    pub(super) counter: Option<u64>,
    pub(super) owner: Option<WorkerId>,
    pub(super) handed_over_by: Option<WorkerId>,
    pub(super) changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The counter goes up by one.
    Count,
    Owner(Option<WorkerId>),
    HandedOverBy(Option<WorkerId>),
    /// The owner is another than before.
    Switch,
    /// Also forgets how often the owner changed, and what was prepared for a checkpoint.
    Checkpoint(Checkpoint),
    Children(BTreeSet<ShardId>),
}

/// Says that a lease was not as expected, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lease was changed by another")]
pub(crate) struct Refused {
    /// None where there is no lease.
    pub(crate) there: Option<Box<Lease>>,
}

impl Write {
    /// A worker makes a free or expired lease its own, or one that was handed over to it.
    pub(crate) fn take(seen: &Lease, by: &WorkerId) -> Self {
        let mut changes = vec![
            Change::Count,
            Change::Owner(Some(by.clone())),
            Change::HandedOverBy(None),
        ];
        if seen.holder().is_some_and(|former| former != by) {
            changes.push(Change::Switch);
        }
        Self::as_seen(seen, changes)
    }

    /// A worker asks the owner to hand the lease over. The owner counts on meanwhile.
    pub(crate) fn ask(owner: &WorkerId, by: &WorkerId) -> Self {
        Self::Update(Update {
            counter: None,
            owner: Some(owner.clone()),
            handed_over_by: None,
            changes: vec![
                Change::Owner(Some(by.clone())),
                Change::HandedOverBy(Some(owner.clone())),
            ],
        })
    }

    /// The holder lives.
    pub(crate) fn renew(held: &Lease) -> Self {
        Self::as_seen(held, vec![Change::Count])
    }

    /// The holder has come so far.
    pub(crate) fn checkpoint(held: &Lease, checkpoint: Checkpoint) -> Self {
        let changes = vec![Change::Count, Change::Checkpoint(checkpoint)];
        Self::as_seen(held, changes)
    }

    /// The holder has read the shard to its end. The leases of its children are there already.
    pub(crate) fn finish(held: &Lease, children: BTreeSet<ShardId>) -> Self {
        let mut changes = vec![Change::Count, Change::Checkpoint(Checkpoint::ShardEnd)];
        if !children.is_empty() {
            changes.push(Change::Children(children));
        }
        Self::as_seen(held, changes)
    }

    /// The holder lets go: to whom it hands the lease over, or to anybody.
    pub(crate) fn release(held: &Lease) -> Self {
        let changes = match held.handed_over_by {
            Some(_) => vec![Change::Count, Change::HandedOverBy(None), Change::Switch],
            None => vec![Change::Count, Change::Owner(None)],
        };
        Self::as_seen(held, changes)
    }

    fn as_seen(seen: &Lease, changes: Vec<Change>) -> Self {
        Self::Update(Update {
            counter: Some(seen.counter),
            owner: seen.owner.clone(),
            handed_over_by: seen.handed_over_by.clone(),
            changes,
        })
    }

    /// Whether the lease looks as this write leaves it: then it was done, where nobody knows.
    pub(crate) fn is_done_in(&self, there: &Lease) -> bool {
        match self {
            Self::Create(lease) => lease == there,
            Self::Update(update) => update.is_done_in(there),
        }
    }
}

impl Update {
    fn is_done_in(&self, there: &Lease) -> bool {
        // What the lease would be had it been as there, but for what is expected of it.
        let mut before = there.clone();
        before.counter = self.counter.unwrap_or(there.counter);
        before.owner.clone_from(&self.owner);
        before.handed_over_by.clone_from(&self.handed_over_by);
        for change in &self.changes {
            // How often the owner changed cannot be told from one look.
            if *change != Change::Switch {
                change.apply(&mut before);
            }
        }
        before.switches = there.switches;
        before == *there
    }
}

impl Change {
    fn apply(&self, lease: &mut Lease) {
        match self {
            Self::Count => lease.counter += 1,
            Self::Owner(owner) => lease.owner.clone_from(owner),
            Self::HandedOverBy(by) => lease.handed_over_by.clone_from(by),
            Self::Switch => lease.switches += 1,
            Self::Checkpoint(checkpoint) => {
                lease.checkpoint = *checkpoint;
                lease.switches = 0;
            }
            Self::Children(children) => lease.children.clone_from(children),
        }
    }
}

/// What a table in memory does, and what DynamoDB is held to.
#[cfg(test)]
impl Write {
    /// The lease as it is after the write.
    ///
    /// # Errors
    /// [`Refused`] where it is not as the write expects: nothing is written.
    pub(crate) fn apply(&self, current: Option<&Lease>) -> Result<Lease, Refused> {
        match (self, current) {
            (Self::Create(lease), None) => Ok(lease.clone()),
            (Self::Update(update), Some(lease)) if update.expects(lease) => {
                let mut lease = lease.clone();
                for change in &update.changes {
                    change.apply(&mut lease);
                }
                Ok(lease)
            }
            _ => Err(Refused {
                there: current.cloned().map(Box::new),
            }),
        }
    }
}

#[cfg(test)]
impl Update {
    fn expects(&self, lease: &Lease) -> bool {
        self.counter.is_none_or(|counter| counter == lease.counter)
            && self.owner == lease.owner
            && self.handed_over_by == lease.handed_over_by
    }
}

#[cfg(test)]
mod tests;
