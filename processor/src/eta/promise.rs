//! A promise: the estimate that riders are told, as times of the clock. It is kept until it is
//! clearly wrong or has aged, so that the number on a screen does not dance.

use schemas::{Timestamp, countdown::FLOOR};
use serde::{Deserialize, Serialize};

use super::{Estimate, Share};

/// A new estimate replaces a promise from which it differs by more.
const CLEARLY_WRONG_MS: u64 = 15_000;
/// A promise is replaced after so long in any case.
const AGED_MS: i64 = 30_000;
/// A vehicle that has not arrived is never nearer than this.
const FLOOR_MS: i64 = FLOOR.as_millis() as i64;

/// What riders are told: when the drive ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    said: Timestamp,
    estimate: Estimate,
}

impl Promise {
    /// The promise that an estimate begins.
    pub(crate) fn new(estimate: Estimate, now: Timestamp) -> Self {
        Self {
            said: now,
            estimate,
        }
    }

    /// The promise after a further estimate: this one, or a new one.
    pub(crate) fn renewed(self, estimate: Estimate, now: Timestamp) -> Self {
        let new = Self::new(estimate, now);
        let moved = self
            .arrival(Share::P50)
            .0
            .abs_diff(new.arrival(Share::P50).0);
        if moved > CLEARLY_WRONG_MS || now.0.saturating_sub(self.said.0) >= AGED_MS {
            new
        } else {
            self
        }
    }

    /// When this share of drives has ended, as it was said.
    pub(crate) fn arrival(&self, share: Share) -> Timestamp {
        let after_ms = self.estimate.at(share).as_millis() as i64;
        Timestamp(self.said.0.saturating_add(after_ms))
    }

    /// When this share of drives has ended, for who asks at `now` while the vehicle still drives.
    /// The time until then runs down with the clock, to a floor.
    pub fn arrival_at(&self, share: Share, now: Timestamp) -> Timestamp {
        let floor = Timestamp(now.0.saturating_add(FLOOR_MS));
        self.arrival(share).max(floor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn estimate(seconds: f32) -> Estimate {
        Estimate::of([0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8].map(|factor| factor * seconds))
    }

    fn check_renewed(after_ms: i64, seconds: f32, is_new: bool) {
        let first = Promise::new(estimate(600.0), Timestamp(0));
        let now = Timestamp(after_ms);
        let renewed = first.renewed(estimate(seconds), now);
        assert_eq!(renewed != first, is_new, "{after_ms} ms, {seconds} s");
    }

    #[test]
    fn a_promise_stands_until_it_is_clearly_wrong_or_has_aged() {
        check_renewed(10_000, 590.0, false);
        check_renewed(10_000, 604.9, false);
        check_renewed(10_000, 605.2, true);
        check_renewed(10_000, 574.8, true);
        check_renewed(29_999, 571.0, false);
        check_renewed(30_000, 571.0, true);
    }

    proptest! {
        #[test]
        fn what_is_left_runs_down_to_the_floor_and_keeps_its_order(
            seconds in 0.0_f32..10_000.0, first in 0_i64..20_000_000, later in 0_i64..1_000_000,
        ) {
            let promise = Promise::new(estimate(seconds), Timestamp(0));
            let left = |share, now: i64| promise.arrival_at(share, Timestamp(now)).0 - now;
            prop_assert!(left(Share::P50, first) >= FLOOR_MS);
            prop_assert!(left(Share::P50, first + later) <= left(Share::P50, first));
            prop_assert!(left(Share::P10, first) <= left(Share::P50, first));
            prop_assert!(left(Share::P50, first) <= left(Share::P90, first));
        }
    }
}
