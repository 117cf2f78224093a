//! An estimate: how long a drive still takes, as a distribution. What riders are told of it is
//! `promise`'s.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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

impl Share {
    /// All of them, in rising order.
    pub const ALL: [Self; 7] = [
        Self::P05,
        Self::P10,
        Self::P25,
        Self::P50,
        Self::P75,
        Self::P90,
        Self::P95,
    ];

    /// It as a number between 0 and 1.
    pub fn number(self) -> f64 {
        match self {
            Self::P05 => 0.05,
            Self::P10 => 0.1,
            Self::P25 => 0.25,
            Self::P50 => 0.5,
            Self::P75 => 0.75,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
        }
    }
}

/// How long a drive still takes: seconds by [`Share::ALL`], which are finite, not less than 0, and grow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate([f32; Share::ALL.len()]);

/// No drive takes longer: what is learned ends with a drive of some hours.
const LONGEST_S: f32 = 86_400.0 * 7.0;

impl Estimate {
    /// The estimate whose seconds are these, put in order.
    pub(crate) fn of(mut seconds: [f32; Share::ALL.len()]) -> Self {
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
        fn whatever_it_is_made_of_it_is_times_that_grow(seconds: [f32; Share::ALL.len()]) {
            let estimate = Estimate::of(seconds);
            prop_assert!(estimate.0.is_sorted());
            prop_assert!(estimate.0.iter().all(|second| (0.0..=LONGEST_S).contains(second)));
        }
    }
}
