//! Whether a well-formed item is taken: its age, and its fleet's share.
//! What an item may look like at all is decided in `schemas`.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use schemas::{FleetId, Rejection, Timestamp};

/// A fleet may send this many seconds' worth of its rate at once: phones that come out of a
/// tunnel together.
const BURST_SECONDS: u32 = 10;

/// How far from now the time of an item may lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeLimit {
    pub(crate) max_ahead: Duration,
    pub(crate) max_behind: Duration,
}

impl AgeLimit {
    /// Judges an item by its time.
    pub(crate) fn check(&self, time: Timestamp, now: Timestamp) -> Result<(), Rejection> {
        let age_ms = i128::from(now.0) - i128::from(time.0);
        if age_ms > self.max_behind.as_millis() as i128 {
            Err(Rejection::TooOld)
        } else if -age_ms > self.max_ahead.as_millis() as i128 {
            Err(Rejection::TooNew)
        } else {
            Ok(())
        }
    }
}

/// After so many checks the fleets that have their whole share again are forgotten: whoever makes
/// up fleets takes a few MB at most.
const CHECKS_BETWEEN_SWEEPS: u32 = 1 << 16;

/// How many pings a second a fleet may send.
pub(crate) struct FleetRate(Option<Limiter>);

struct Limiter {
    shares: DefaultKeyedRateLimiter<FleetId>,
    checks: AtomicU32,
}

impl FleetRate {
    /// `per_second` of 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let Some(rate) = NonZeroU32::new(per_second) else {
            return Self(None);
        };
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        Self(Some(Limiter {
            shares: RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)),
            checks: AtomicU32::new(0),
        }))
    }

    /// Takes one ping out of the fleet's share.
    pub(crate) fn check(&self, fleet: FleetId) -> Result<(), Rejection> {
        let Some(Limiter { shares, checks }) = &self.0 else {
            return Ok(());
        };
        if checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == 0 {
            shares.retain_recent();
            shares.shrink_to_fit();
        }
        let checked = shares.check_key(&fleet);
        checked.map_err(|_| Rejection::TooFrequent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: AgeLimit = AgeLimit {
        max_ahead: Duration::from_mins(2),
        max_behind: Duration::from_hours(7 * 24),
    };

    fn check(age_ms: i64, expected: Result<(), Rejection>) {
        let now = 1_800_000_000_000;
        assert_eq!(
            LIMIT.check(Timestamp(now - age_ms), Timestamp(now)),
            expected,
            "{age_ms}"
        );
    }

    #[test]
    fn the_limits_themselves_are_within() {
        check(-120_000, Ok(()));
        check(-120_001, Err(Rejection::TooNew));
        check(604_800_000, Ok(()));
        check(604_800_001, Err(Rejection::TooOld));
    }

    #[test]
    fn a_fleet_over_its_share_does_not_take_anothers() {
        let rate = FleetRate::new(1);
        let (loud, quiet) = (
            FleetId::new("loud").unwrap(),
            FleetId::new("quiet").unwrap(),
        );
        let taken = (0..100).filter(|_| rate.check(loud).is_ok()).count();
        assert!((10..=12).contains(&taken), "{taken}");
        assert_eq!(rate.check(loud), Err(Rejection::TooFrequent));
        assert_eq!(rate.check(quiet), Ok(()));
    }

    proptest! {
        #[test]
        fn no_time_overflows(time: i64, now: i64) {
            let _ = LIMIT.check(Timestamp(time), Timestamp(now));
        }
    }
}
