//! What waits for each shard, and what of it goes next. Every open shard has a lane: records are
//! packed into aggregates as they come, and of each lane one aggregate at a time is under way, for
//! Kinesis may store entries of one call, and calls, in any order. What failed goes back to the
//! front, so that records of one key keep their order. It sends nothing itself.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    aggregate::{Aggregate, Packed, UserRecord, unpack},
    allowance::Allowance,
    shard_map::ShardMap,
};
use crate::{ShardId, hash_key::HashKey};

/// A call carries at most 500 records (a Kinesis limit).
const MAX_ENTRIES: usize = 500;

/// Names a record to whoever appended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The batch.
    pub(crate) append: u64,
    /// Its index in the batch.
    pub(crate) index: usize,
}

/// A record in a parcel: who waits for it, and its turn among all records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    ticket: Ticket,
    turn: u64,
}

/// Records that go as one record of Kinesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) packed: Packed,
    waiting: Vec<Waiting>,
    /// When its oldest record came.
    since: Instant,
}

/// A parcel under way, and the lane that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) lane: usize,
    pub(crate) parcel: Parcel,
}

/// Why a parcel was not stored, or perhaps not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The shard has no room for it now.
    Refused,
    /// Anything else.
    Failed,
}

/// All that waits.
#[derive(Debug)]
pub(crate) struct Lanes {
    map: ShardMap,
    /// One for each shard of the map.
    of_shards: Vec<Lane>,
    next_turn: u64,
}

#[derive(Debug)]
struct Lane {
    parcels: VecDeque<Parcel>,
    /// The parcel in the making.
    open: Option<Open>,
    is_under_way: bool,
    allowance: Allowance,
    not_before: Instant,
    failures: u32,
}

#[derive(Debug)]
struct Open {
    aggregate: Aggregate,
    waiting: Vec<Waiting>,
    since: Instant,
}

impl Parcel {
    /// Whom it concerns.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.waiting.iter().map(|waiting| waiting.ticket)
    }

    /// How many records it has.
    pub(crate) fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes that it counts for against the limits of Kinesis.
    pub(crate) fn bytes(&self) -> usize {
        self.packed.partition_key.len() + self.packed.data.len()
    }
}

impl Lanes {
    /// A lane for each shard of the map.
    pub(crate) fn new(map: ShardMap, now: Instant) -> Self {
        Self {
            of_shards: map.shards().iter().map(|_| Lane::new(now)).collect(),
            map,
            next_turn: 0,
        }
    }

    /// Adds a record, which comes after all that were added before.
    pub(crate) fn add(&mut self, key: &[u8], data: &[u8], ticket: Ticket, now: Instant) {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.put_in(key, data, Waiting { ticket, turn }, now);
    }

    fn put_in(&mut self, key: &[u8], data: &[u8], waiting: Waiting, since: Instant) {
        let place = self.map.place_of(HashKey::of(key));
        self.of_shards[place].push(key, data, waiting, since);
    }

    /// The shard of a lane.
    pub(crate) fn shard(&self, lane: usize) -> &ShardId {
        &self.map.shards()[lane].id
    }

    /// Takes out what goes in the next call, of at most `max_bytes`: of each lane the first parcel,
    /// if it is full or its oldest record has waited for `linger`.
    pub(crate) fn take_due(
        &mut self,
        linger: Duration,
        max_bytes: usize,
        now: Instant,
    ) -> Vec<Outgoing> {
        let mut due = Vec::new();
        let mut bytes = 0;
        for (number, lane) in self.of_shards.iter_mut().enumerate() {
            if due.len() == MAX_ENTRIES {
                break;
            }
            let room = max_bytes.saturating_sub(bytes);
            if let Some(parcel) = lane.take_due(linger, room, now) {
                bytes += parcel.bytes();
                due.push(Outgoing {
                    lane: number,
                    parcel,
                });
            }
        }
        due
    }

    /// When there may be something due, if nothing else happens.
    pub(crate) fn next_due(&self, linger: Duration, now: Instant) -> Option<Instant> {
        let lanes = self.of_shards.iter().filter(|lane| !lane.is_under_way);
        lanes.filter_map(|lane| lane.next_due(linger, now)).min()
    }

    /// Notes that a lane's parcel is stored.
    pub(crate) fn stored(&mut self, lane: usize) {
        self.back(lane).failures = 0;
    }

    /// Takes a parcel back that is to be sent again, `wait` after now at the earliest by how often
    /// its lane has failed in a row.
    pub(crate) fn put_back(
        &mut self,
        outgoing: Outgoing,
        failure: Failure,
        wait: impl FnOnce(u32) -> Duration,
        now: Instant,
    ) {
        let lane = self.back(outgoing.lane);
        lane.failures += 1;
        lane.not_before = now + wait(lane.failures);
        if failure == Failure::Refused {
            lane.allowance.refused(now);
        }
        lane.parcels.push_front(outgoing.parcel);
    }

    /// Takes a parcel back whose records go elsewhere: to be sent again by a new map.
    pub(crate) fn misdirected(&mut self, outgoing: Outgoing) {
        let lane = self.back(outgoing.lane);
        lane.parcels.push_front(outgoing.parcel);
    }

    /// Nothing of the lane is under way any more.
    fn back(&mut self, lane: usize) -> &mut Lane {
        let lane = &mut self.of_shards[lane];
        lane.is_under_way = false;
        lane
    }

    /// Takes out the parcels whose oldest record has come before `then`, but for those under way.
    pub(crate) fn take_older(&mut self, then: Instant) -> Vec<Parcel> {
        let mut older = Vec::new();
        for lane in &mut self.of_shards {
            while lane
                .parcels
                .front()
                .is_some_and(|parcel| parcel.since < then)
            {
                older.extend(lane.parcels.pop_front());
            }
            if lane.parcels.is_empty() && lane.open.as_ref().is_some_and(|open| open.since < then) {
                lane.seal();
                older.extend(lane.parcels.pop_front());
            }
        }
        older
    }

    /// Whether nothing waits, and nothing is under way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let is_busy =
            |lane: &Lane| lane.is_under_way || lane.open.is_some() || !lane.parcels.is_empty();
        !self.of_shards.iter().any(is_busy)
    }

    /// Shares out anew what waits, by another map, in the order in which it came. Nothing may be
    /// under way.
    pub(crate) fn redirect(&mut self, map: ShardMap, now: Instant) {
        let mut allowances = HashMap::new();
        let mut parcels = Vec::new();
        for (shard, lane) in self.map.shards().iter().zip(&mut self.of_shards) {
            lane.seal();
            parcels.extend(lane.parcels.drain(..));
            allowances.insert(shard.id.clone(), lane.allowance.clone());
        }
        let mut records: Vec<_> = parcels.iter().flat_map(records).collect();
        records.sort_unstable_by_key(|(waiting, ..)| waiting.turn);
        self.map = map;
        self.of_shards.clear();
        for shard in self.map.shards() {
            let mut lane = Lane::new(now);
            if let Some(allowance) = allowances.remove(&shard.id) {
                lane.allowance = allowance;
            }
            self.of_shards.push(lane);
        }
        for (waiting, key, data, since) in records {
            self.put_in(key, data, waiting, since);
        }
    }
}

/// The records of a parcel, with their keys and data, and since when they wait.
fn records(parcel: &Parcel) -> Vec<(Waiting, &[u8], &[u8], Instant)> {
    let data = &parcel.packed.data;
    let since = parcel.since;
    let Some(packed) = unpack(data) else {
        let key = &parcel.packed.partition_key[..];
        let plain = parcel.waiting.first();
        return plain
            .map(|waiting| (*waiting, key, &data[..], since))
            .into_iter()
            .collect();
    };
    let of = |(waiting, record): (&Waiting, UserRecord)| {
        (*waiting, &data[record.key], &data[record.data], since)
    };
    parcel.waiting.iter().zip(packed).map(of).collect()
}

impl Lane {
    fn new(now: Instant) -> Self {
        Self {
            parcels: VecDeque::new(),
            open: None,
            is_under_way: false,
            allowance: Allowance::new(now),
            not_before: now,
            failures: 0,
        }
    }

    fn push(&mut self, key: &[u8], data: &[u8], waiting: Waiting, since: Instant) {
        let is_full = |open: &Open| !open.aggregate.has_room(key, data);
        if self.open.as_ref().is_some_and(is_full) {
            self.seal();
        }
        let open = self.open.get_or_insert_with(|| Open {
            aggregate: Aggregate::default(),
            waiting: Vec::new(),
            since,
        });
        open.aggregate.push(key, data);
        open.waiting.push(waiting);
        open.since = open.since.min(since);
    }

    fn seal(&mut self) {
        self.parcels.extend(self.open.take().map(|open| Parcel {
            packed: open.aggregate.finish(),
            waiting: open.waiting,
            since: open.since,
        }));
    }

    fn take_due(&mut self, linger: Duration, room: usize, now: Instant) -> Option<Parcel> {
        if self.is_under_way || self.not_before > now {
            return None;
        }
        if self.parcels.is_empty() {
            let is_due = |open: &Open| open.since + linger <= now;
            if !self.open.as_ref().is_some_and(is_due) {
                return None;
            }
            self.seal();
        }
        let bytes = self.parcels.front()?.bytes();
        if bytes > room {
            return None;
        }
        if let Err(later) = self.allowance.take(bytes, now) {
            self.not_before = later;
            return None;
        }
        self.is_under_way = true;
        self.parcels.pop_front()
    }

    fn next_due(&self, linger: Duration, now: Instant) -> Option<Instant> {
        let ready = match (self.parcels.front(), &self.open) {
            (Some(_), _) => now,
            (None, Some(open)) => open.since + linger,
            (None, None) => return None,
        };
        Some(ready.max(self.not_before))
    }
}

#[cfg(test)]
mod tests;
