//! How long a vehicle still drives, by the crow alone: what is told where nothing is learned yet,
//! and where learning begins. It knows nothing of rides, routes or the time of day.

use std::time::Duration;

use schemas::Meters;

use super::{Estimate, model::View};
use crate::fix::MAX_SPEED_MPS;

/// Nobody stops and gets out faster.
const FLOOR: Duration = Duration::from_secs(20);

/// The time to drive to a place that lies so far by the crow.
///
/// `-65 + 11.07 sqrt(d) - 15.9 d / 1000` seconds, d in metres: a least-squares fit on trips of San
/// Francisco's cabs (May and June 2008). The fit bends down behind 121 km, where no trip of it
/// was; so nobody arrives sooner than at 45 m/s, which takes over behind 81 km and lets the time
/// grow with the distance for ever.
pub(crate) fn time_to_drive(crow: Meters) -> Duration {
    let meters = crow.0.max(0.0);
    let fitted = -65.0 + 11.07 * meters.sqrt() - 15.9 * meters / 1e3;
    let seconds = fitted.max(meters / MAX_SPEED_MPS);
    Duration::try_from_secs_f64(seconds).map_or(FLOOR, |time| time.max(FLOOR))
}

/// Of San Francisco's trips, how the time that they took spreads around the fit.
pub(super) const SPREAD: [f32; 7] = [0.46, 0.55, 0.74, 1.0, 1.37, 1.88, 2.3];

/// The time to drive with an interval as wide as the formula is wrong.
pub(crate) fn estimate(view: &View) -> Estimate {
    let drive = time_to_drive(view.here.position.distance(view.goal.place));
    Estimate::of(SPREAD.map(|factor| factor * drive.as_secs_f32()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(meters: f64, expected_seconds: f64) {
        let seconds = time_to_drive(Meters(meters)).as_secs_f64();
        assert!(
            (seconds - expected_seconds).abs() < 0.5,
            "{meters} m: {seconds} s"
        );
    }

    #[test]
    fn it_is_the_fit_within_its_range_and_the_floor_below() {
        check(0.0, 20.0);
        check(50.0, 20.0);
        check(1_000.0, 269.2);
        check(10_000.0, 883.0);
        check(121_000.0, 2_688.9);
        check(f64::NAN, 20.0);
    }

    proptest! {
        #[test]
        fn farther_never_takes_less_time(near in 0.0..2e7, more in 0.0..1e6) {
            let (near, far) = (time_to_drive(Meters(near)), time_to_drive(Meters(near + more)));
            prop_assert!(FLOOR <= near && near <= far);
        }
    }
}
