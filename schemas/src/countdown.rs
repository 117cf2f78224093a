//! A ride as it is to be shown at a moment: how long it still takes then, and whether that is stale.
//! What is known of the ride is `progress`'s; between two pings nothing more becomes known.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{RideProgress, Timestamp};

/// A vehicle that has not arrived is never nearer.
pub const FLOOR: Duration = Duration::from_secs(10);

/// A ride, and what is to be shown of it at the moment of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RideNow {
    /// What is known of the ride.
    #[serde(flatten)]
    pub ride: RideProgress,
    /// What follows from that at the moment of the answer.
    #[serde(flatten)]
    pub countdown: Countdown,
}

/// How long a ride's vehicle still takes, by the clock: it runs down between pings, but not below 10 s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Countdown {
    /// The moment of the answer by the server's clock, Unix ms UTC. From then on clients count down.
    #[schema(value_type = i64)]
    pub now_ms: Timestamp,
    /// From then to the arrival, s: the median, at least 10.
    pub arrives_in_s: Option<f64>,
    /// Of 10 arrivals 1 is sooner than in so many seconds. At most `arrives_in_s`.
    pub arrives_in_p10_s: Option<f64>,
    /// Of 10 arrivals 1 is later than in so many seconds. At least `arrives_in_s`.
    pub arrives_in_p90_s: Option<f64>,
    /// Whether the vehicle has been silent for longer than is usual of it (`stale_after_ms`).
    pub is_stale: bool,
}

impl RideProgress {
    /// The ride as it is to be shown at `now`.
    pub fn shown_at(self, now: Timestamp) -> RideNow {
        RideNow {
            countdown: self.countdown(now),
            ride: self,
        }
    }

    /// What is to be shown of the arrival at `now`. The later, the less time is left; the three times
    /// keep their order, and none is below [`FLOOR`].
    ///
    /// A device whose clock is ahead says what will be: that counts from when it says it is.
    pub fn countdown(&self, now: Timestamp) -> Countdown {
        let from = now.max(self.as_of_ms);
        let left_s = |arrival: Timestamp| arrival.seconds_since(from).max(FLOOR.as_secs_f64());
        let middle_s = self.eta_ms.map(left_s);
        // One without the others is of a version that knew no interval.
        let bound_s = |bound: Option<Timestamp>, order: fn(f64, f64) -> f64| {
            Some(order(left_s(bound?), middle_s?))
        };
        Countdown {
            now_ms: now,
            arrives_in_s: middle_s,
            arrives_in_p10_s: bound_s(self.eta_p10_ms, f64::min),
            arrives_in_p90_s: bound_s(self.eta_p90_ms, f64::max),
            is_stale: self.stale_after_ms.is_some_and(|after| now > after),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;
    use crate::{FleetId, Phase, RideId, VehicleId};

    fn ride(arrivals_ms: [Option<i64>; 3], stale_after_ms: Option<i64>) -> RideProgress {
        let [p10, p50, p90] = arrivals_ms.map(|arrival| arrival.map(Timestamp));
        RideProgress {
            fleet_id: FleetId::default(),
            ride_id: RideId::new("r").unwrap(),
            vehicle_id: VehicleId::new("v").unwrap(),
            driver_id: None,
            version: 1,
            phase: Phase::OnTrip,
            phase_since_ms: Timestamp(0),
            as_of_ms: Timestamp(1_000),
            lat: None,
            lng: None,
            travelled_m: 0.0,
            remaining_m: None,
            fraction: None,
            eta_ms: p50,
            eta_p10_ms: p10,
            eta_p90_ms: p90,
            eta_s: None,
            off_route: false,
            stalled_since_ms: None,
            stale_after_ms: stale_after_ms.map(Timestamp),
        }
    }

    fn check(now_ms: i64, expected_s: [f64; 3], is_stale: bool) {
        let arrivals = [Some(301_000), Some(401_000), Some(601_000)];
        let countdown = ride(arrivals, Some(31_000)).countdown(Timestamp(now_ms));
        let shown = [
            countdown.arrives_in_p10_s,
            countdown.arrives_in_s,
            countdown.arrives_in_p90_s,
        ];
        assert_eq!(shown, expected_s.map(Some), "at {now_ms}");
        assert_eq!(countdown.is_stale, is_stale, "at {now_ms}");
    }

    #[test]
    fn it_runs_down_by_the_clock_to_the_floor_and_is_stale_after_a_silence() {
        check(1_000, [300.0, 400.0, 600.0], false);
        check(31_000, [270.0, 370.0, 570.0], false);
        check(31_001, [269.999, 369.999, 569.999], true);
        check(400_000, [10.0, 10.0, 201.0], true);
        check(9_000_000, [10.0, 10.0, 10.0], true);
    }

    #[test]
    fn a_device_whose_clock_is_ahead_is_not_farther_for_that() {
        check(-500_000, [300.0, 400.0, 600.0], false);
    }

    #[test]
    fn without_an_arrival_there_is_nothing_to_count() {
        let countdown = ride([None; 3], None).countdown(Timestamp(5_000));
        let shown = (countdown.arrives_in_s, countdown.arrives_in_p90_s);
        assert_eq!((shown, countdown.is_stale), ((None, None), false));
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        let mut json = serde_json::to_value(ride([None, Some(9_000), None], None)).unwrap();
        let fields = json.as_object_mut().unwrap();
        for name in ["eta_p10_ms", "eta_p90_ms", "stale_after_ms"] {
            assert!(fields.remove(name).is_some(), "{name}");
        }
        let back: RideProgress = serde_json::from_value(json).unwrap();
        assert_eq!(back, ride([None, Some(9_000), None], None));
    }

    #[test]
    fn an_answer_has_the_ride_and_the_countdown_side_by_side() {
        let shown = ride([None, Some(21_000), None], Some(2_000)).shown_at(Timestamp(3_000));
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["ride_id"], "r");
        assert_eq!(json["eta_ms"], 21_000);
        assert_eq!(json["arrives_in_s"], 18.0);
        assert_eq!(
            (&json["is_stale"], &json["now_ms"]),
            (&true.into(), &3_000.into())
        );
        assert_eq!(serde_json::from_value::<RideNow>(json).unwrap(), shown);
    }

    proptest! {
        #[test]
        fn the_time_left_keeps_its_order_and_only_runs_down(
            arrivals in [option::of(any::<i64>()), option::of(any::<i64>()), option::of(any::<i64>())],
            (now, later) in (any::<i64>(), 0..i64::MAX),
        ) {
            let ride = ride(arrivals, None);
            let left = |now| {
                let at = ride.countdown(Timestamp(now));
                [at.arrives_in_p10_s, at.arrives_in_s, at.arrives_in_p90_s]
            };
            let (first, then) = (left(now), left(now.saturating_add(later)));
            prop_assert_eq!(first[1].is_some(), ride.eta_ms.is_some());
            let known: Vec<f64> = first.into_iter().flatten().collect();
            prop_assert!(known.is_sorted() && known.iter().all(|left| left.is_finite()));
            prop_assert!(known.iter().all(|left| *left >= FLOOR.as_secs_f64()));
            for (first, then) in first.into_iter().zip(then) {
                prop_assert!(then <= first);
            }
        }
    }
}
