//! What the state of a shard promises, by examples of rides; its laws are in `laws` and `heirs`.

mod heirs;
mod laws;

use std::collections::BTreeMap;

use schemas::{RideProgress, Trip, TripOutcome, VehiclePosition, polyline};

use super::*;
use crate::{
    learner,
    testing::{assigned, event, ping, place, ride_event, second, take_trips},
};

const DROPPED_OFF: RideEventKind = RideEventKind::DroppedOff { fare: None };

/// A state that took records at the seconds given, counted by the stream's clock.
struct Driven {
    state: ShardState,
    trips: Vec<Trip>,
}

impl Driven {
    fn new() -> Self {
        Self {
            state: ShardState::default(),
            trips: Vec::new(),
        }
    }

    fn apply(&mut self, at_s: i64, record: &Record) -> Outcome {
        let outcome = self.state.apply(record, second(at_s).0);
        let _ = self.state.take_effects(usize::MAX);
        self.trips.extend(take_trips(&mut self.state));
        outcome
    }

    /// A ping a second, at 10 m/s to the east from its own second on.
    fn drive(&mut self, vehicle: &str, from_s: i64, to_s: i64) {
        for at_s in from_s..to_s {
            self.apply(at_s, &ping(vehicle, at_s, at_s as f64 * 10.0));
        }
    }

    fn ride(&self, ride: &str) -> RideProgress {
        live(&self.state).1.remove(ride).unwrap()
    }

    /// Assigned at 0 s, picked up at 1 km at 100 s, dropped off at 5 km at 500 s.
    fn whole_ride() -> Self {
        let mut driven = Self::new();
        driven.apply(0, &event("r", "v", 0, assigned(1_000.0, 5_000.0)));
        driven.drive("v", 0, 101);
        driven.apply(101, &event("r", "v", 100, RideEventKind::Arrived));
        driven.apply(101, &event("r", "v", 100, RideEventKind::PickedUp));
        driven.drive("v", 101, 501);
        driven.apply(501, &event("r", "v", 500, DROPPED_OFF));
        driven
    }
}

type Live = (
    BTreeMap<String, VehiclePosition>,
    BTreeMap<String, RideProgress>,
);

fn live(state: &ShardState) -> Live {
    let (mut vehicles, mut rides) = Live::default();
    for change in state.live() {
        match change {
            Change::Vehicle(vehicle) => {
                vehicles.insert(vehicle.vehicle_id.to_string(), vehicle);
            }
            Change::Ride(ride) => {
                rides.insert(ride.ride_id.to_string(), ride);
            }
            Change::RideAbandoned { .. } => panic!("it is shown: {change:?}"),
        }
    }
    (vehicles, rides)
}

#[test]
fn a_ride_along_its_route_shows_how_far_it_is() {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "v", 0, assigned(1_000.0, 5_000.0)));
    driven.drive("v", 0, 51);
    let ride = driven.ride("r");
    assert_eq!(ride.phase, Phase::ToPickup);
    assert!((ride.remaining_m.unwrap() - 500.0).abs() < 1.0, "{ride:?}");
    assert!((ride.travelled_m - 500.0).abs() <= 25.0, "{ride:?}");
    assert!(ride.eta_s.unwrap() > 100.0, "{ride:?}");

    driven.drive("v", 51, 101);
    driven.apply(101, &event("r", "v", 101, RideEventKind::PickedUp));
    driven.drive("v", 101, 301);
    let ride = driven.ride("r");
    assert_eq!((ride.phase, ride.off_route), (Phase::OnTrip, false));
    assert!(
        (ride.remaining_m.unwrap() - 2_000.0).abs() < 2.0,
        "{ride:?}"
    );
    assert!((ride.fraction.unwrap() - 0.5).abs() < 0.01, "{ride:?}");
    assert_eq!(
        live(&driven.state).0["v"].ride_id,
        Some(RideId::new("r").unwrap())
    );
}

#[test]
fn a_ride_that_ends_becomes_a_trip() {
    let driven = Driven::whole_ride();
    let [trip] = driven.trips.as_slice() else {
        panic!("{:?}", driven.trips)
    };
    assert_eq!((trip.version, trip.outcome), (1, TripOutcome::Completed));
    assert_eq!((trip.duration_s, trip.waiting_s), (400, 0));
    assert!(trip.distance_m.abs_diff(4_000) <= 10, "{trip:?}");
    assert!(trip.to_pickup_m.abs_diff(1_000) <= 10, "{trip:?}");
    assert_eq!((trip.pings, trip.largest_gap_s), (400, 1));
    assert_eq!(trip.pickup, Some(place(1_000.0, 0.0)));
    assert_eq!(trip.dropoff, Some(place(5_000.0, 0.0)));
    assert!(polyline::decode(&trip.route).unwrap().len() > 100);
    let ride = driven.ride("r");
    assert_eq!(
        (ride.phase, ride.fraction, ride.eta_ms),
        (Phase::Completed, Some(1.0), None)
    );
}

#[test]
fn a_street_hail_is_a_trip_too() {
    let mut driven = Driven::new();
    driven.drive("v", 0, 10);
    driven.apply(10, &event("r", "v", 10, RideEventKind::PickedUp));
    driven.drive("v", 10, 110);
    driven.apply(110, &event("r", "v", 109, DROPPED_OFF));
    let [trip] = driven.trips.as_slice() else {
        panic!("{:?}", driven.trips)
    };
    assert!(trip.distance_m.abs_diff(1_000) <= 10, "{trip:?}");
    assert_eq!((trip.assigned, trip.to_pickup_m), (None, 0));
}

#[test]
fn late_pings_raise_a_trip_once_half_a_minute_after_the_first_of_them() {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "v", 0, RideEventKind::PickedUp));
    for at_s in (0..=400).filter(|at_s| !(100..200).contains(at_s)) {
        driven.apply(at_s, &ping("v", at_s, at_s as f64 * 10.0));
    }
    driven.apply(401, &event("r", "v", 400, DROPPED_OFF));
    assert_eq!(
        (driven.trips[0].pings, driven.trips[0].largest_gap_s),
        (300, 101)
    );
    driven.apply(410, &ping("v", 130, 1_300.0));
    driven.apply(420, &ping("v", 160, 1_600.0));
    driven.apply(425, &ping("v", 160, 1_600.0));
    driven.apply(439, &ping("v", 439, 4_390.0));
    assert_eq!(driven.trips.len(), 1);
    driven.apply(440, &ping("w", 440, 0.0));
    assert_eq!((driven.trips[1].version, driven.trips[1].pings), (2, 302));
    assert_eq!(driven.trips[1].largest_gap_s, 40);
    driven.apply(900, &ping("v", 900, 9_000.0));
    assert_eq!(driven.trips.len(), 2);
}

#[test]
fn an_event_of_another_vehicle_takes_the_ride_along() {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "a", 0, assigned(1_000.0, 5_000.0)));
    driven.drive("a", 0, 20);
    let before = driven.ride("r").version;
    driven.apply(20, &event("r", "b", 20, assigned(1_000.0, 5_000.0)));
    let after = driven.ride("r");
    assert_eq!(after.vehicle_id.as_str(), "b");
    assert!(after.version > before);
    let cancelled = RideEventKind::Cancelled {
        by: schemas::CancelledBy::Driver,
    };
    let stale = driven.apply(21, &event("r", "a", 19, RideEventKind::Arrived));
    let foreign = driven.apply(22, &event("r", "a", 22, cancelled));
    assert_eq!(stale, Outcome::RideEvent(EventOutcome::FormerVehicle));
    assert_eq!(foreign, Outcome::RideEvent(EventOutcome::FormerVehicle));
    assert_eq!(driven.state.rides()[Phase::ToPickup as usize], 1);
    assert_eq!(live(&driven.state).0["a"].ride_id, None);
}

#[test]
fn what_is_over_is_forgotten_after_an_hour_and_does_not_begin_anew() {
    let mut driven = Driven::whole_ride();
    driven.apply(4_000, &ping("w", 4_000, 0.0));
    assert!(live(&driven.state).1.contains_key("r"));
    driven.apply(4_200, &ping("w", 4_200, 0.0));
    assert!(live(&driven.state).1.is_empty());
    for at_s in [4_300, 7 * 86_400] {
        let late = driven.apply(at_s, &event("r", "v", 100, RideEventKind::PickedUp));
        assert_eq!(late, Outcome::RideEvent(EventOutcome::TooLate));
    }
    assert_eq!(driven.state.rides(), [0; 5]);
}

#[test]
fn a_vehicle_is_forgotten_after_a_day_of_silence() {
    let mut driven = Driven::new();
    driven.apply(0, &ping("v", 0, 0.0));
    driven.apply(80_000, &ping("w", 80_000, 0.0));
    assert_eq!(driven.state.vehicles(), 2);
    driven.apply(86_500, &ping("w", 86_500, 0.0));
    assert_eq!(driven.state.vehicles(), 1);
}

#[test]
fn a_vehicle_has_so_many_rides_and_no_more() {
    let mut driven = Driven::new();
    for ride in 0..3 * crate::vehicle::MAX_RIDES as i64 {
        driven.apply(
            ride,
            &event(&format!("r{ride}"), "v", ride, RideEventKind::PickedUp),
        );
    }
    assert_eq!(
        driven.state.rides()[Phase::OnTrip as usize],
        crate::vehicle::MAX_RIDES
    );
}

#[test]
fn a_vehicle_that_jitters_where_it_stands_travels_nowhere() {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "v", 0, assigned(5_000.0, 9_000.0)));
    for at_s in 0..600 {
        driven.apply(at_s, &ping("v", at_s, f64::from(at_s as i32 % 5) * 4.0));
    }
    let ride = driven.ride("r");
    assert!(ride.travelled_m < 1.0, "{ride:?}");
    assert_eq!(ride.stalled_since_ms, Some(second(0)));
}

#[test]
fn a_repeat_from_the_former_vehicle_does_not_take_the_ride_back() {
    for aboard in [vec![], vec![(15, RideEventKind::PickedUp)]] {
        let mut driven = Driven::new();
        driven.apply(0, &event("r", "a", 0, assigned(0.0, 5_000.0)));
        for (at_s, kind) in &aboard {
            driven.apply(*at_s, &event("r", "a", *at_s, kind.clone()));
        }
        driven.apply(30, &event("r", "b", 30, RideEventKind::Arrived));
        // The assignment of the new vehicle comes late, and so do words of the former.
        driven.apply(31, &event("r", "b", 20, assigned(0.0, 5_000.0)));
        for (at_s, kind) in [(15, RideEventKind::PickedUp), (25, RideEventKind::Arrived)] {
            let stale = driven.apply(40, &event("r", "a", at_s, kind));
            assert_eq!(stale, Outcome::RideEvent(EventOutcome::FormerVehicle));
        }
        assert_eq!(driven.ride("r").vehicle_id.as_str(), "b");
    }
}

#[test]
fn a_ride_whose_trip_is_still_to_be_written_is_not_forgotten() {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "v", 0, RideEventKind::PickedUp));
    for at_s in [0, 10, 20, 40, 50] {
        driven.apply(at_s, &ping("v", at_s, at_s as f64 * 10.0));
    }
    driven.apply(51, &event("r", "v", 50, DROPPED_OFF));
    // A late ping just before the ride's hour is over, and a sweep before its trip is due.
    driven.apply(3_590, &ping("w", 3_590, 0.0));
    driven.apply(3_645, &ping("v", 30, 300.0));
    driven.apply(3_660, &ping("w", 3_660, 0.0));
    assert_eq!(driven.trips.len(), 1);
    driven.apply(3_700, &ping("w", 3_700, 0.0));
    assert_eq!((driven.trips[1].version, driven.trips[1].pings), (2, 5));
    driven.apply(3_800, &ping("w", 3_800, 0.0));
    assert!(live(&driven.state).1.is_empty());
}

#[test]
fn a_ride_that_is_abandoned_or_pushed_out_is_shown_no_more() {
    let mut state = ShardState::default();
    let abandoned = |state: &mut ShardState| -> Vec<_> {
        let changes = state.take_effects(usize::MAX).changes.into_iter();
        let ride = |change| match change {
            Change::RideAbandoned { ride, version, .. } => Some((ride.to_string(), version)),
            Change::Vehicle(_) | Change::Ride(_) => None,
        };
        changes.filter_map(ride).collect()
    };
    let picked_up = |ride: i64| event(&format!("r{ride}"), "v", ride, RideEventKind::PickedUp);
    state.apply(&picked_up(0), second(0).0);
    let version = live(&state).1["r0"].version;
    assert_eq!(abandoned(&mut state), []);
    for ride in 1..=crate::vehicle::MAX_RIDES as i64 {
        state.apply(&picked_up(ride), second(ride).0);
    }
    assert_eq!(abandoned(&mut state), [("r0".to_owned(), version)]);
    state.apply(&ping("w", 90_000, 0.0), second(90_000).0);
    assert_eq!(abandoned(&mut state).len(), crate::vehicle::MAX_RIDES);
}

#[test]
fn a_shard_has_room_for_so_many_vehicles_and_no_more() {
    let mut driven = Driven::new();
    driven.state.limit_vehicles(2);
    for (vehicle, at_s) in [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("c", 2)] {
        let outcome = driven.apply(at_s, &ping(vehicle, at_s, 0.0));
        assert_eq!(outcome == Outcome::NoRoom, vehicle == "c");
    }
    let event = event("r", "c", 3, RideEventKind::PickedUp);
    assert_eq!(driven.apply(3, &event), Outcome::NoRoom);
    assert_eq!((driven.state.vehicles(), driven.state.rides()), (2, [0; 5]));
}

#[test]
fn a_vehicle_that_jumped_is_found_on_its_route() {
    let mut driven = Driven::new();
    let way: Vec<_> = (0..=400)
        .map(|point| place(f64::from(point) * 100.0, 0.0))
        .collect();
    let rerouted = RideEventKind::Rerouted {
        dropoff: place(40_000.0, 0.0),
        route: Some(polyline::encode(way).into()),
    };
    driven.apply(0, &event("r", "v", 0, rerouted));
    driven.apply(0, &event("r", "v", 0, RideEventKind::PickedUp));
    driven.drive("v", 0, 20);
    for (at_s, east_m) in [(20, 20_000.0), (21, 20_010.0), (22, 20_020.0)] {
        driven.apply(at_s, &ping("v", at_s, east_m));
    }
    let left = driven.ride("r").remaining_m.unwrap();
    assert!((left - 19_980.0).abs() < 20.0, "{left}");
}

#[test]
fn pings_that_ran_ahead_of_the_first_event_are_a_gap_at_most() {
    let mut driven = Driven::new();
    driven.drive("v", 0, 26);
    driven.apply(26, &event("r", "v", 10, RideEventKind::PickedUp));
    driven.drive("v", 26, 110);
    driven.apply(110, &event("r", "v", 109, DROPPED_OFF));
    let [trip] = driven.trips.as_slice() else {
        panic!("{:?}", driven.trips)
    };
    assert_eq!((trip.pings, trip.largest_gap_s), (85, 15));
    assert!(trip.distance_m.abs_diff(840) <= 10, "{trip:?}");
}

#[test]
fn a_ride_event_of_a_ride_that_nobody_knows_makes_it_known() {
    let mut state = ShardState::default();
    let known = ride_event("r", "v", 0, RideEventKind::Arrived);
    let outcome = state.apply(&Record::RideEvent(Box::new(known)), second(0).0);
    assert_eq!(outcome, Outcome::RideEvent(EventOutcome::Applied));
    assert_eq!(live(&state).1["r"].phase, Phase::Waiting);
}

#[test]
fn what_is_counted_is_told_once_and_what_changed_waits_to_be_shown() {
    let mut state = ShardState::default();
    for record in learner::testing::ride("r", 0.0) {
        state.apply(&record, second(0).0);
    }
    let counted = state.take_effects(0);
    assert!(counted.changes.is_empty() && !counted.kept.is_empty());
    let shown = state.take_effects(1);
    assert!(!shown.changes.is_empty() && shown.kept.is_empty());
}
