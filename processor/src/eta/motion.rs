//! How a vehicle has been moving lately: means that forget. It knows no place, no ride and no
//! ping that the gate did not accept.

use std::time::Duration;

use schemas::{Meters, Speed};
use serde::{Deserialize, Serialize};

/// A movement counts for a third after so many seconds.
const QUICK_S: f64 = 60.0;
const SLOW_S: f64 = 300.0;
/// After a silence this long nothing before it counts.
const FORGOTTEN_S: f64 = 600.0;
/// A silence of so many times the usual one between two pings says that a vehicle is out of sight, if
/// it is not shorter or longer than these.
const SILENCE_INTERVALS: f64 = 3.0;
const LEAST_SILENCE_S: f64 = 10.0;
const MOST_SILENCE_S: f64 = 600.0;
/// The mean of the time between pings follows a new one by this share.
const INTERVAL_SHARE: f32 = 0.2;

/// Time-decayed means of a vehicle's movement. The default is one that stands still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Motion {
    /// Speed over about a minute, m/s.
    pub(crate) quick: f32,
    /// Speed over about five minutes, m/s.
    pub(crate) slow: f32,
    /// Velocity over about a minute, m/s to the east and to the north.
    pub(crate) east: f32,
    pub(crate) north: f32,
    /// Between two pings, s.
    pub(crate) interval: f32,
}

/// What a vehicle did between two accepted pings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Movement {
    /// More than 0.
    pub(crate) seconds: f64,
    pub(crate) east: Meters,
    pub(crate) north: Meters,
    /// What the receiver says at the end of it.
    pub(crate) speed: Option<Speed>,
}

impl Motion {
    /// The motion after a further movement.
    pub(crate) fn after(before: Option<Self>, movement: Movement) -> Self {
        let Movement {
            seconds,
            east,
            north,
            speed,
        } = movement;
        let (east, north) = (east.0 / seconds, north.0 / seconds);
        // A receiver measures its speed; between fixes that are near each other it would be noise.
        let speed = speed.map_or_else(|| (east * east + north * north).sqrt(), Speed::mps);
        let Some(before) = before.filter(|_| seconds <= FORGOTTEN_S) else {
            return Self {
                quick: speed as f32,
                slow: speed as f32,
                east: east as f32,
                north: north as f32,
                interval: before.map_or(seconds as f32, |before| before.interval),
            };
        };
        let quick = share(seconds, QUICK_S);
        Self {
            quick: toward(before.quick, speed, quick),
            slow: toward(before.slow, speed, share(seconds, SLOW_S)),
            east: toward(before.east, east, quick),
            north: toward(before.north, north, quick),
            interval: before.interval + INTERVAL_SHARE * (seconds as f32 - before.interval),
        }
    }

    /// A vehicle that is silent for longer than this may be anywhere.
    pub(crate) fn silence(&self) -> Duration {
        let seconds = SILENCE_INTERVALS * f64::from(self.interval);
        Duration::from_secs_f64(seconds.clamp(LEAST_SILENCE_S, MOST_SILENCE_S))
    }
}

/// What a movement of so many seconds counts in a mean that forgets within `memory_s`.
fn share(seconds: f64, memory_s: f64) -> f32 {
    -(-seconds / memory_s).exp_m1() as f32
}

fn toward(mean: f32, value: f64, share: f32) -> f32 {
    mean + share * (value as f32 - mean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn movement(seconds: f64, east: f64, north: f64) -> Movement {
        Movement {
            seconds,
            east: Meters(east),
            north: Meters(north),
            speed: None,
        }
    }

    #[test]
    fn a_minute_at_a_speed_is_two_thirds_of_the_quick_mean() {
        let still = Motion::after(None, movement(60.0, 0.0, 0.0));
        let moved = Motion::after(Some(still), movement(60.0, 300.0, 400.0));
        let expected = 500.0 / 60.0 * (1.0 - (-1.0_f32).exp());
        assert!((moved.quick - expected).abs() < 1e-3, "{moved:?}");
        assert!(moved.slow < moved.quick && moved.east < moved.north);
        assert!((moved.interval - 60.0).abs() < 1e-3);
    }

    #[test]
    fn what_a_receiver_measures_goes_before_what_its_fixes_scatter() {
        let speed = Speed::from_mps(0.0);
        let scattered = Movement {
            speed,
            ..movement(1.0, 5.0, 5.0)
        };
        assert!(Motion::after(None, scattered).quick < 0.1);
    }

    #[test]
    fn a_long_silence_forgets_the_speed_but_not_the_interval() {
        let fast = Motion::after(None, movement(10.0, 200.0, 0.0));
        let later = Motion::after(Some(fast), movement(601.0, 0.0, 0.0));
        assert!(later.quick < 0.1 && (later.interval - 10.0).abs() < 1e-3);
    }

    fn check_silence(seconds: f64, expected_s: u64) {
        let silence = Motion::after(None, movement(seconds, 0.0, 0.0)).silence();
        assert_eq!(silence, Duration::from_secs(expected_s), "{seconds} s");
    }

    #[test]
    fn a_silence_is_three_times_the_usual_interval_within_its_bounds() {
        check_silence(1.0, 10);
        check_silence(30.0, 90);
        check_silence(500.0, 600);
        check_silence(f64::INFINITY, 600);
    }

    proptest! {
        #[test]
        fn a_mean_stays_between_what_it_was_and_what_was_seen(
            before in 0.0..40.0, after in 0.0..40.0, seconds in 0.001..600.0,
        ) {
            let motion = Motion::after(None, movement(1.0, before, 0.0));
            let motion = Motion::after(Some(motion), movement(seconds, after * seconds, 0.0));
            let range = before.min(after) as f32 - 1e-3..=before.max(after) as f32 + 1e-3;
            prop_assert!(range.contains(&motion.quick) && range.contains(&motion.slow));
            prop_assert!(range.contains(&motion.east));
        }
    }
}
