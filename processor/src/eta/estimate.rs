//! An estimate: how long a drive still takes, as a distribution. What riders are told of it is
//! `promise`'s.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Shares of drives that take no longer, as an estimate holds them.
pub(crate) const SHARES: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];

/// A share of drives that take no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// 5 %.
    P05,
    /// 10 %.
    P10,
    /// 25 %.
    P25,
    /// 50 %: as many take longer.
    P50,
    /// 75 %.
    P75,
    /// 90 %.
    P90,
    /// 95 %.
    P95,
}

/// How long a drive still takes: seconds by [`SHARES`], which are finite, not less than 0, and grow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate([f32; SHARES.len()]);

/// No drive takes longer: what is learned ends with a drive of some hours.
const LONGEST_S: f32 = 86_400.0 * 7.0;

impl Estimate {
    /// The estimate whose seconds are these, put in order.
    pub(crate) fn of(mut seconds: [f32; SHARES.len()]) -> Self {
        for second in &mut seconds {
            // NaN becomes the longest.
            *second = if *second < LONGEST_S {
                second.max(0.0)
            } else {
                LONGEST_S
            };
        }
        seconds.sort_unstable_by(f32::total_cmp);
        Self(seconds)
    }

    /// The time that this share of drives does not exceed.
    pub fn at(&self, share: Share) -> Duration {
        Duration::from_secs_f32(self.seconds(share))
    }

    /// The same in seconds.
    pub(crate) fn seconds(&self, share: Share) -> f32 {
        self.0[share as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_it_is_made_of_it_is_times_that_grow(seconds: [f32; SHARES.len()]) {
            let estimate = Estimate::of(seconds);
            prop_assert!(estimate.0.is_sorted());
            prop_assert!(estimate.0.iter().all(|second| (0.0..=LONGEST_S).contains(second)));
        }
    }
}
