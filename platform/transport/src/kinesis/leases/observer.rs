//! What one worker saw of all leases, and when: whose counter moves, and for how long one has stood
//! still. Nobody's clock counts but the observer's own, and no time is read from a lease.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{lease::Lease, worker::WorkerId};
use crate::ShardId;

/// Workers of the Kinesis Client Library are given leases by one of them: they learn of one when they
/// look for new ones, once a failover, and renew it a third of a failover later. Until their first
/// renewal is seen they have so many failovers.
const TO_BEGIN: u32 = 2;

/// One worker's memory of the table.
#[derive(Debug)]
pub(crate) struct Observer {
    failover: Duration,
    seen: BTreeMap<ShardId, Sighting>,
}

#[derive(Debug)]
struct Sighting {
    counter: u64,
    /// When the counter was first seen as it is.
    since: Instant,
    /// Whether it was there at an earlier look.
    is_known: bool,
    /// When it was looked at last.
    at: Instant,
    holder: Option<WorkerId>,
    /// Whether the counter was seen to move in its holder's hands.
    is_begun: bool,
    hand_over: Option<HandOver>,
}

#[derive(Debug, PartialEq, Eq)]
struct HandOver {
    from: WorkerId,
    to: Option<WorkerId>,
    since: Instant,
}

impl Observer {
    /// An owner lives whose counter moves once a `failover`.
    pub(crate) fn new(failover: Duration) -> Self {
        Self {
            failover,
            seen: BTreeMap::new(),
        }
    }

    /// Looks at the whole table.
    pub(crate) fn look(&mut self, leases: &[Lease], now: Instant) {
        let mut before = std::mem::take(&mut self.seen);
        for lease in leases {
            let sighting = match before.remove(&lease.shard) {
                Some(before) => before.next(lease, now, self.failover),
                None => Sighting::first(lease, now),
            };
            self.seen.insert(lease.shard.clone(), sighting);
        }
    }

    /// Whether the lease was there at an earlier look.
    pub(crate) fn knew(&self, lease: &Lease) -> bool {
        self.seen
            .get(&lease.shard)
            .is_some_and(|sighting| sighting.is_known)
    }

    /// For how long nobody has minded the lease; none where somebody does.
    pub(crate) fn unattended(&self, lease: &Lease, now: Instant) -> Option<Duration> {
        let sighting = self.seen.get(&lease.shard)?;
        let still = now.saturating_duration_since(sighting.since);
        let patience = if self.may_not_know(lease) {
            self.failover * TO_BEGIN
        } else {
            self.failover
        };
        (lease.owner.is_none() || still >= patience).then_some(still)
    }

    /// Whether the lease's holder may not know yet that it has it.
    pub(crate) fn may_not_know(&self, lease: &Lease) -> bool {
        let is_begun = self
            .seen
            .get(&lease.shard)
            .is_some_and(|seen| seen.is_begun);
        let is_told = lease.holder().is_some_and(|holder| !holder.is_ours());
        is_told && !is_begun
    }

    /// For how long the lease has been on its way from one worker to another.
    pub(crate) fn handed_over_for(&self, lease: &Lease, now: Instant) -> Option<Duration> {
        let hand_over = self.seen.get(&lease.shard)?.hand_over.as_ref()?;
        Some(now.saturating_duration_since(hand_over.since))
    }
}

impl Sighting {
    fn first(lease: &Lease, now: Instant) -> Self {
        Self {
            counter: lease.counter,
            since: now,
            is_known: false,
            at: now,
            holder: lease.holder().cloned(),
            is_begun: false,
            hand_over: HandOver::of(lease, now),
        }
    }

    fn next(self, lease: &Lease, now: Instant, failover: Duration) -> Self {
        let mut next = Self::first(lease, now);
        next.is_known = true;
        if self.counter == lease.counter {
            next.since = self.since;
        }
        // Whoever looks away for long does not see that a lease went and came back.
        let is_same = self.holder == next.holder && now < self.at + failover;
        next.is_begun = is_same && (self.is_begun || self.counter != lease.counter);
        if let (Some(before), Some(hand_over)) = (self.hand_over, &mut next.hand_over)
            && before.from == hand_over.from
            && before.to == hand_over.to
        {
            hand_over.since = before.since;
        }
        next
    }
}

impl HandOver {
    fn of(lease: &Lease, now: Instant) -> Option<Self> {
        let from = lease.handed_over_by.clone()?;
        Some(Self {
            from,
            to: lease.owner.clone(),
            since: now,
        })
    }
}
