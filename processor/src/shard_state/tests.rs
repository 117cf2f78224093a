//! What the state of a shard promises: examples of rides, and the laws of replay.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schemas::{TripOutcome, polyline};

use super::*;
use crate::{
    snapshot::tests as snapshot,
    testing::{assigned, event, ping, place, ride_event, second},
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
        self.trips.extend(self.state.take_effects().trips);
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
    let late = driven.apply(4_300, &event("r", "v", 100, RideEventKind::PickedUp));
    assert_eq!(late, Outcome::RideEvent(EventOutcome::TooLate));
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

/// One record of a shard, and when the stream took it.
#[derive(Debug, Clone)]
struct Entry {
    record: Record,
    appended_ms: i64,
}

fn kind() -> impl Strategy<Value = RideEventKind> {
    prop_oneof![
        (0.0..500.0, 500.0..3_000.0).prop_map(|(pickup, dropoff)| assigned(pickup, dropoff)),
        Just(RideEventKind::Arrived),
        Just(RideEventKind::PickedUp),
        (0.0..3_000.0).prop_map(|east_m| RideEventKind::Rerouted {
            dropoff: place(east_m, 0.0),
            route: Some(polyline::encode([place(0.0, 0.0), place(east_m, 0.0)]).into()),
        }),
        Just(DROPPED_OFF),
        Just(RideEventKind::Cancelled {
            by: schemas::CancelledBy::Rider
        }),
    ]
}

/// Pings and events of a few vehicles and rides, late, repeated, jumping, in any order.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let record = prop_oneof![
        5 => (0..3_usize, 0_i64..600, 0.0..3_000.0)
            .prop_map(|(vehicle, at_s, east_m)| ping(["a", "b", "c"][vehicle], at_s, east_m)),
        2 => (0..4_usize, 0..3_usize, 0_i64..600, kind()).prop_map(|(ride, vehicle, at_s, kind)| {
            event(["q", "r", "s", "t"][ride], ["a", "b", "c"][vehicle], at_s, kind)
        }),
    ];
    let wait_ms = prop_oneof![20 => 0_i64..5_000, 1 => Just(3_700_000_i64)];
    proptest::collection::vec((record, wait_ms), 1..120).prop_map(|steps| {
        let mut appended_ms = second(600).0;
        let step = |(record, wait_ms)| {
            appended_ms += wait_ms;
            Entry {
                record,
                appended_ms,
            }
        };
        steps.into_iter().map(step).collect()
    })
}

/// Applies all entries; stores and loads the state before each of `cuts`. Trips by their names.
fn run(entries: &[Entry], cuts: &[usize]) -> (ShardState, BTreeMap<(String, u32), Trip>) {
    let mut state = ShardState::default();
    let mut trips = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if cuts.contains(&index) {
            state = snapshot::reloaded(&state);
        }
        state.apply(&entry.record, entry.appended_ms);
        for trip in state.take_effects().trips {
            trips.insert((trip.ride.to_string(), trip.version), trip);
        }
    }
    (state, trips)
}

proptest! {
    #[test]
    fn where_it_is_stored_and_loaded_makes_no_difference(
        entries in entries(), cuts in proptest::collection::vec(0_usize..120, 0..8),
    ) {
        let (undisturbed, trips) = run(&entries, &[]);
        let (restored, trips_again) = run(&entries, &cuts);
        prop_assert_eq!(trips, trips_again);
        prop_assert_eq!(live(&undisturbed), live(&restored));
        prop_assert_eq!(undisturbed.rides(), restored.rides());
        prop_assert_eq!(snapshot::vehicles(&undisturbed), snapshot::vehicles(&restored));
    }

    #[test]
    fn how_records_are_batched_makes_no_difference_to_what_is_shown(
        entries in entries(), every in 1_usize..40,
    ) {
        let mut state = ShardState::default();
        let (mut vehicles, mut rides) = Live::default();
        let mut trips = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            state.apply(&entry.record, entry.appended_ms);
            if index % every == 0 || index + 1 == entries.len() {
                let effects = state.take_effects();
                trips.extend(effects.trips);
                for change in effects.changes {
                    match change {
                        Change::Vehicle(it) => { vehicles.insert(it.vehicle_id.to_string(), it); }
                        Change::Ride(it) => { rides.insert(it.ride_id.to_string(), it); }
                    }
                }
            }
        }
        let (undisturbed, all_trips) = run(&entries, &[]);
        prop_assert_eq!(trips.len(), all_trips.len());
        let (vehicles_now, rides_now) = live(&undisturbed);
        prop_assert_eq!(&vehicles, &vehicles_now);
        for (id, ride) in rides_now {
            prop_assert_eq!(rides.get(&id), Some(&ride));
        }
    }

    #[test]
    fn a_ping_that_comes_twice_changes_nothing(entries in entries(), twice in 0_usize..120) {
        let mut doubled = entries.clone();
        let repeat = entries[twice % entries.len()].clone();
        if matches!(repeat.record, Record::Ping(_)) {
            doubled.insert(twice % entries.len() + 1, repeat);
        }
        let (once, trips) = run(&entries, &[]);
        let (again, trips_again) = run(&doubled, &[]);
        prop_assert_eq!(trips, trips_again);
        prop_assert_eq!(live(&once), live(&again));
    }

    #[test]
    fn versions_only_grow_and_counts_are_right(entries in entries()) {
        let mut state = ShardState::default();
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        for entry in entries {
            state.apply(&entry.record, entry.appended_ms);
            let _ = state.take_effects();
            let (_, rides) = live(&state);
            for (id, ride) in &rides {
                let before = versions.insert(id.clone(), ride.version);
                prop_assert!(before.is_none_or(|before| before <= ride.version));
            }
            for phase in Phase::ALL {
                let count = rides.values().filter(|ride| ride.phase == phase).count();
                prop_assert_eq!(state.rides()[phase as usize], count);
            }
        }
    }
}

#[test]
fn a_ride_event_of_a_ride_that_nobody_knows_makes_it_known() {
    let mut state = ShardState::default();
    let known = ride_event("r", "v", 0, RideEventKind::Arrived);
    let outcome = state.apply(&Record::RideEvent(Box::new(known)), second(0).0);
    assert_eq!(outcome, Outcome::RideEvent(EventOutcome::Applied));
    assert_eq!(live(&state).1["r"].phase, Phase::Waiting);
}
