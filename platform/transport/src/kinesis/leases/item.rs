//! A lease as an item of DynamoDB: the names and types of attributes are those of the Kinesis Client
//! Library 3.x. Attributes that are not a lease's are left alone.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    lease::{Checkpoint, Lease},
    worker::WorkerId,
};
use crate::{
    Position, ShardId,
    hash_key::{HashKey, HashRange},
};

/// The key of the table: the shard's name.
pub(super) const KEY: &str = "leaseKey";
pub(super) const OWNER: &str = "leaseOwner";
pub(super) const COUNTER: &str = "leaseCounter";
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const PLACE: &str = "checkpointSubSequenceNumber";
pub(super) const SWITCHES: &str = "ownerSwitchesSinceCheckpoint";
pub(super) const HANDED_OVER_BY: &str = "checkpointOwner";
pub(super) const CHILDREN: &str = "childShardIds";
/// In the singular, though it is a set.
const PARENTS: &str = "parentShardId";
const FIRST_HASH: &str = "startingHashKey";
const LAST_HASH: &str = "endingHashKey";
/// What the Kinesis Client Library notes before a checkpoint, and removes with it.
pub(super) const PREPARED: [&str; 3] = [
    "pendingCheckpoint",
    "pendingCheckpointSubSequenceNumber",
    "pendingCheckpointState",
];

const TRIM_HORIZON: &str = "TRIM_HORIZON";
const LATEST: &str = "LATEST";
const AT_TIMESTAMP: &str = "AT_TIMESTAMP";
const SHARD_END: &str = "SHARD_END";

/// An item's attributes by name.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Says that an item is no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the item is no lease: {0} is missing or not of its form")]
pub(super) struct NotALease(&'static str);

/// Writes a whole lease.
pub(super) fn write(lease: &Lease) -> Item {
    let [checkpoint, place] = checkpoint(lease.checkpoint);
    let mut item = Item::from([
        (KEY.to_owned(), text(lease.shard.as_str())),
        (COUNTER.to_owned(), number(lease.counter)),
        (SWITCHES.to_owned(), number(lease.switches)),
        (CHECKPOINT.to_owned(), checkpoint),
        (PLACE.to_owned(), place),
    ]);
    let mut add = |name: &str, value| item.insert(name.to_owned(), value);
    if let Some(owner) = &lease.owner {
        add(OWNER, text(owner.as_str()));
    }
    if let Some(by) = &lease.handed_over_by {
        add(HANDED_OVER_BY, text(by.as_str()));
    }
    if !lease.parents.is_empty() {
        add(PARENTS, shards(&lease.parents));
    }
    if !lease.children.is_empty() {
        add(CHILDREN, shards(&lease.children));
    }
    if let Some(range) = &lease.range {
        add(FIRST_HASH, text(&range.first().0.to_string()));
        add(LAST_HASH, text(&range.last().0.to_string()));
    }
    item
}

/// Reads a lease.
///
/// # Errors
/// [`NotALease`] where an attribute that every lease has is missing, or one is of another form.
pub(super) fn read(item: &Item) -> Result<Lease, NotALease> {
    let read = Reading(item);
    Ok(Lease {
        shard: ShardId::new(read.text(KEY)?.ok_or(NotALease(KEY))?),
        owner: read.worker(OWNER)?,
        counter: read.number(COUNTER)?,
        checkpoint: read.checkpoint()?,
        switches: read.number(SWITCHES)?,
        parents: read.shards(PARENTS)?,
        children: read.shards(CHILDREN)?,
        range: read.range()?,
        handed_over_by: read.worker(HANDED_OVER_BY)?,
    })
}

/// The attributes of a checkpoint: where, and which of the records that came packed together.
pub(super) fn checkpoint(checkpoint: Checkpoint) -> [AttributeValue; 2] {
    let word = match checkpoint {
        Checkpoint::At(position) => {
            let sequence = position.sequence().to_string();
            return [text(&sequence), number(position.place())];
        }
        Checkpoint::TrimHorizon => TRIM_HORIZON,
        Checkpoint::Latest => LATEST,
        Checkpoint::AtTimestamp => AT_TIMESTAMP,
        Checkpoint::ShardEnd => SHARD_END,
    };
    [text(word), number(0_u64)]
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(number: impl Into<u64>) -> AttributeValue {
    let number: u64 = number.into();
    AttributeValue::N(number.to_string())
}

/// A set, which is never empty.
pub(super) fn shards(shards: &BTreeSet<ShardId>) -> AttributeValue {
    AttributeValue::Ss(shards.iter().map(ToString::to_string).collect())
}

struct Reading<'a>(&'a Item);

impl<'a> Reading<'a> {
    fn text(&self, name: &'static str) -> Result<Option<&'a str>, NotALease> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(NotALease(name)),
        }
    }

    fn worker(&self, name: &'static str) -> Result<Option<WorkerId>, NotALease> {
        Ok(self.text(name)?.map(WorkerId::new))
    }

    fn number<N: std::str::FromStr>(&self, name: &'static str) -> Result<N, NotALease> {
        let Some(AttributeValue::N(digits)) = self.0.get(name) else {
            return Err(NotALease(name));
        };
        digits.parse().map_err(|_| NotALease(name))
    }

    fn shards(&self, name: &'static str) -> Result<BTreeSet<ShardId>, NotALease> {
        match self.0.get(name) {
            None => Ok(BTreeSet::new()),
            Some(AttributeValue::Ss(ids)) => Ok(ids.iter().map(|id| ShardId::new(id)).collect()),
            Some(_) => Err(NotALease(name)),
        }
    }

    fn checkpoint(&self) -> Result<Checkpoint, NotALease> {
        match self.text(CHECKPOINT)?.ok_or(NotALease(CHECKPOINT))? {
            TRIM_HORIZON => Ok(Checkpoint::TrimHorizon),
            LATEST => Ok(Checkpoint::Latest),
            AT_TIMESTAMP => Ok(Checkpoint::AtTimestamp),
            SHARD_END => Ok(Checkpoint::ShardEnd),
            sequence => {
                let sequence = sequence.parse().map_err(|_| NotALease(CHECKPOINT))?;
                let place = self.number(PLACE)?;
                Ok(Checkpoint::At(Position::new(sequence, place)))
            }
        }
    }

    fn range(&self) -> Result<Option<HashRange>, NotALease> {
        let hash = |name| match self.text(name)? {
            Some(digits) => HashKey::parse(digits).map(Some).ok_or(NotALease(name)),
            None => Ok(None),
        };
        match (hash(FIRST_HASH)?, hash(LAST_HASH)?) {
            (Some(first), Some(last)) => Ok(Some(HashRange::new(first, last))),
            (None, None) => Ok(None),
            _ => Err(NotALease(FIRST_HASH)),
        }
    }
}

#[cfg(test)]
mod tests;
