//! What one worker does with the leases it sees: which to take, and which to ask another for, so
//! that every shard is read and all workers have as many as each other. Decided from one look at
//! the table; whether it still is as it was seen is for the writes' conditions to find out.
//!
//! The rules are those of the Kinesis Client Library 2.x: a share is the number of leases by the
//! number of workers, rounded up; free leases are taken up to it; and where there are none, one
//! is asked for at a time, from the worker that has most. Unlike there, nobody asks who would have
//! as many afterwards as the other before: so shares come to rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use twox_hash::XxHash3_64;

use super::{lease::Lease, observer::Observer, worker::WorkerId, write::Write};
use crate::ShardId;

/// A lease that nobody minded for so many times the failover is taken whatever the share.
const LONG_UNATTENDED: u32 = 3;
/// A lease that has been on its way to us for so many times the failover is taken.
const LONG_HAND_OVER: u32 = 3;
/// A worker asks for a lease so many times a failover at most.
const ASKS: u32 = 3;

/// One worker's plans.
#[derive(Debug)]
pub(crate) struct Planner {
    me: WorkerId,
    failover: Duration,
    observer: Observer,
    asked: Option<Instant>,
    /// How many leases this worker had more than its share, when it looked last.
    surplus: usize,
    /// Leases that are left to others, and until when.
    left: BTreeMap<ShardId, Instant>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) shard: ShardId,
    pub(crate) write: Write,
    pub(crate) reason: Reason,
}

/// Why a lease is taken or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It has no owner.
    Free,
    /// It was handed over to this worker.
    HandedOver,
    /// Its owner does not count any more.
    Expired,
    /// Its owner was asked for it and does not let go.
    Overdue,
    /// Its owner has too many: it is asked for.
    Asked,
}

impl Planner {
    /// Plans for worker `me`.
    pub(crate) fn new(me: WorkerId, failover: Duration) -> Self {
        Self {
            me,
            failover,
            observer: Observer::new(failover),
            asked: None,
            surplus: 0,
            left: BTreeMap::new(),
        }
    }

    /// Notes that this worker let go of a lease: if it had too many, others choose first.
    pub(crate) fn released(&mut self, shard: &ShardId, now: Instant) {
        if self.surplus > 0 {
            self.surplus -= 1;
            self.left.insert(shard.clone(), now + self.failover);
        }
    }

    /// Whether a lease is on its way to this worker.
    pub(crate) fn awaits(&self, leases: &[Lease]) -> bool {
        leases.iter().any(|lease| {
            let is_named = lease.owner.as_ref() == Some(&self.me);
            is_named && lease.handed_over_by.is_some() && !lease.is_ended()
        })
    }

    /// What to do now that the table looks like this. `held` are the shards in this worker's
    /// hands, whatever the table says of them.
    pub(crate) fn plan(
        &mut self,
        leases: &[Lease],
        held: &BTreeSet<ShardId>,
        now: Instant,
    ) -> Vec<Step> {
        self.observer.look(leases, now);
        self.left.retain(|_, until| *until > now);
        let ready = self.ready(leases);
        let counts = self.counts(&ready, now);
        let mine = counts.get(&self.me).copied().unwrap_or_default();
        let share = ready.len().div_ceil(counts.len());
        self.surplus = mine.saturating_sub(share);

        let open: Vec<_> = ready
            .into_iter()
            .filter(|lease| !held.contains(&lease.shard))
            .collect();
        let mut steps = self.named_to_us(&open, now);
        let unattended = self.unattended(&open, now);
        let taken = self.take(&unattended, share.saturating_sub(mine));
        if unattended.is_empty()
            && self.may_ask(now)
            && let Some(asked) = self.ask(&open, &counts, now)
        {
            self.asked = Some(now);
            steps.push(asked);
        }
        steps.extend(taken);
        steps
    }

    /// The leases of shards that can be read: those whose parents are read to their ends.
    fn ready<'a>(&self, leases: &'a [Lease]) -> Vec<&'a Lease> {
        let by_shard: BTreeMap<_, _> = leases.iter().map(|lease| (&lease.shard, lease)).collect();
        let is_ready = |lease: &&Lease| {
            let is_done = |parent| match by_shard.get(parent) {
                Some(parent) => parent.is_ended(),
                // A look takes its time: a parent's lease that was created during it, before the
                // child's, may be missing. It would be there at the next.
                None => self.observer.knew(lease),
            };
            !lease.is_ended() && lease.parents.iter().all(is_done)
        };
        leases.iter().filter(is_ready).collect()
    }

    /// How many leases each worker has that is alive: this one, and all that mind one.
    fn counts(&self, ready: &[&Lease], now: Instant) -> BTreeMap<WorkerId, usize> {
        let mut counts = BTreeMap::from([(self.me.clone(), 0)]);
        for lease in ready {
            let Some(owner) = &lease.owner else { continue };
            if *owner == self.me || self.observer.unattended(lease, now).is_none() {
                *counts.entry(owner.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// Takes what is this worker's already but for the last step.
    fn named_to_us(&self, open: &[&Lease], now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        for lease in open {
            if lease.owner.as_ref() != Some(&self.me) {
                continue;
            }
            let handed_over_for = self.observer.handed_over_for(lease, now);
            let reason = match handed_over_for {
                None => Reason::HandedOver,
                Some(_) if self.observer.unattended(lease, now).is_some() => Reason::Expired,
                Some(long) if long >= self.failover * LONG_HAND_OVER => Reason::Overdue,
                Some(_) => continue,
            };
            steps.push(self.taking(lease, reason));
        }
        steps
    }

    /// Others' leases that nobody minds, and for how long, but for those that are left to others.
    /// Every worker has an order of its own, so that few want the same.
    fn unattended<'a>(&self, open: &[&'a Lease], now: Instant) -> Vec<(&'a Lease, Duration)> {
        let mut unattended: Vec<_> = open
            .iter()
            .filter(|lease| lease.owner.as_ref() != Some(&self.me))
            .filter_map(|lease| Some((*lease, self.observer.unattended(lease, now)?)))
            .filter(|(lease, _)| !self.left.contains_key(&lease.shard))
            .collect();
        unattended.sort_by_key(|(lease, _)| {
            XxHash3_64::oneshot(format!("{} {}", self.me, lease.shard).as_bytes())
        });
        unattended
    }

    fn take(&self, unattended: &[(&Lease, Duration)], places: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for (rank, (lease, long)) in unattended.iter().enumerate() {
            if rank < places || *long >= self.failover * LONG_UNATTENDED {
                let reason = match lease.owner {
                    Some(_) => Reason::Expired,
                    None => Reason::Free,
                };
                steps.push(self.taking(lease, reason));
            }
        }
        steps
    }

    fn taking(&self, lease: &Lease, reason: Reason) -> Step {
        Step {
            shard: lease.shard.clone(),
            write: Write::take(lease, &self.me),
            reason,
        }
    }

    fn may_ask(&self, now: Instant) -> bool {
        self.asked
            .is_none_or(|asked| now.saturating_duration_since(asked) >= self.failover / ASKS)
    }

    /// Asks the worker that has most for one, if it has at least two more than this one. All who
    /// ask at once ask for the same one, so that one of them gets it and the others look again.
    fn ask(
        &self,
        open: &[&Lease],
        counts: &BTreeMap<WorkerId, usize>,
        now: Instant,
    ) -> Option<Step> {
        let mine = counts.get(&self.me).copied().unwrap_or_default();
        let (richest, most) = counts.iter().max_by_key(|(_, count)| **count)?;
        if *most < mine + 2 {
            return None;
        }
        let can_be_asked_for = |lease: &&&Lease| {
            lease.owner.as_ref() == Some(richest)
                && lease.handed_over_by.is_none()
                && !self.observer.may_not_know(lease)
                && self.observer.unattended(lease, now).is_none()
        };
        let lease = open
            .iter()
            .filter(can_be_asked_for)
            .min_by_key(|lease| &lease.shard)?;
        Some(Step {
            shard: lease.shard.clone(),
            write: Write::ask(richest, &self.me),
            reason: Reason::Asked,
        })
    }
}

#[cfg(test)]
mod tests;
