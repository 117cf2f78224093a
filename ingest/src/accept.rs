//! Whether a well-formed item is taken: its age, and its fleet's share.
//! What an item may look like at all is decided in `schemas`.

use std::time::Duration;

use access::Rates;
use schemas::{FleetId, Rejection, Timestamp};

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

/// How many pings a second a fleet may send.
pub(crate) struct FleetRate(Rates<FleetId>);

impl FleetRate {
    /// `per_second` of 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self(Rates::new(per_second))
    }

    /// Takes one ping out of the fleet's share.
    pub(crate) fn check(&self, fleet: FleetId) -> Result<(), Rejection> {
        let taken = self.0.take(&fleet);
        taken.map_err(|_wait| Rejection::TooFrequent)
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
