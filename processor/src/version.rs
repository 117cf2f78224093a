//! Versions of what the live API shows: they grow with every change, also where a ride goes on
//! under another vehicle in another shard. They follow from the stream alone.

use schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// Bits below the second of the start. A count that overflows them only borrows from a second
/// that is over; the whole stays below 2^53, so that JavaScript reads it exactly.
const COUNT_BITS: u32 = 20;

/// Counts the changes of one thing, from the second in which it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Version(u64);

impl Version {
    /// The version before the first change of what began at `time`.
    pub(crate) fn beginning_at(time: Timestamp) -> Self {
        Self((time.0.max(0) as u64 / 1_000) << COUNT_BITS)
    }

    /// Counts a change.
    pub(crate) fn advance(&mut self) {
        self.0 = self.0.saturating_add(1);
    }

    /// Counts from `time` on, where that is later.
    pub(crate) fn advance_to(&mut self, time: Timestamp) {
        *self = (*self).max(Self::beginning_at(time));
    }

    /// As the live API shows it.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_beginning_exceeds_all_changes_of_an_earlier_one() {
        let mut first = Version::beginning_at(Timestamp(1_800_000_000_000));
        for _ in 0..100_000 {
            first.advance();
        }
        let second = Version::beginning_at(Timestamp(1_800_000_001_000));
        assert!(first < second);
        assert!(second.number() < 1 << 53);
    }
}
