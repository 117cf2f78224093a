//! A lease in a worker's hands, as far as the worker knows: until when it is surely its own, what to
//! write next, and what a refusal means. It decides and remembers; writing is its user's.

use std::time::{Duration, Instant};

use super::{
    lease::{Checkpoint, Lease},
    worker::WorkerId,
    write::Write,
};
use crate::Position;

/// Whose the lease is, as far as its holder knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The holder's.
    Ours,
    /// The holder's still, but another asks for it.
    Asked,
    /// Not the holder's any more, or nobody knows.
    Lost,
}

/// A lease held by a worker.
#[derive(Debug)]
pub(crate) struct Holding {
    me: WorkerId,
    lease: Lease,
    failover: Duration,
    /// Nobody else takes the lease before.
    until: Instant,
    is_lost: bool,
    /// Whether a write at this counter may have been done.
    is_unsure: bool,
}

impl Holding {
    /// The lease was taken by a write that was begun at `begun`.
    pub(crate) fn new(me: WorkerId, lease: Lease, begun: Instant, failover: Duration) -> Self {
        Self {
            me,
            lease,
            failover,
            until: begun + failover,
            is_lost: false,
            is_unsure: false,
        }
    }

    /// The lease as it was written last.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Until when the lease is the holder's without another renewal.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Whose the lease is.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        if self.is_lost || now >= self.until {
            Standing::Lost
        } else if self.lease.handed_over_by.is_some() {
            Standing::Asked
        } else {
            Standing::Ours
        }
    }

    /// What moves the checkpoint to `position`; None where it is there or beyond.
    pub(crate) fn advance(&self, position: Position) -> Option<Write> {
        let is_done = self.lease.checkpoint.covers(position);
        (!is_done).then(|| Write::checkpoint(&self.lease, Checkpoint::At(position)))
    }

    /// A write is begun: whoever never hears of its end is unsure.
    pub(crate) fn begin(&mut self) {
        self.is_unsure = true;
    }

    /// A write that was begun at `begun` is done, and left the lease so.
    pub(crate) fn done(&mut self, lease: Lease, begun: Instant) {
        self.lease = lease;
        self.until = self.until.max(begun + self.failover);
        self.is_unsure = false;
    }

    /// A write was refused because this stands there. If the lease is still with us the next write
    /// goes by that; else it is lost.
    pub(crate) fn refused(&mut self, there: Option<Box<Lease>>) {
        let is_ours = |there: &Lease| {
            let is_as_written = there.counter == self.lease.counter;
            let is_ours_unheard = self.is_unsure && there.counter == self.lease.counter + 1;
            there.is_with(&self.me) && (is_as_written || is_ours_unheard)
        };
        match there.filter(|there| is_ours(there)) {
            Some(there) => {
                self.is_unsure &= there.counter == self.lease.counter;
                self.lease = *there;
            }
            None => self.is_lost = true,
        }
    }

    /// The holder gives up without a word.
    pub(crate) fn lose(&mut self) {
        self.is_lost = true;
    }
}

#[cfg(test)]
mod tests;
