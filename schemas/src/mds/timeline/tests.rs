//! Vehicles through days as they happen, each as the list of what an agency is told.

use super::*;
use crate::Coordinate;
use State::{Available, NonContactable, NonOperational, OnTrip, Removed, Reserved, Stopped};
use VehicleEvent::{
    CommsLost, CommsRestored, Decommissioned, DriverCancellation, MaintenancePickUp,
    PassengerCancellation, ProviderCancellation, ReservationStart, ReservationStop, ServiceEnd,
    ServiceStart, TripEnd, TripResume, TripStart, TripStop,
};

const LIMITS: Limits = Limits {
    silence: Duration::from_mins(10),
    denial: Duration::from_mins(5),
    standing: Duration::from_mins(1),
};

/// One thing that happens, at a second.
enum Input {
    Ride(&'static str, Word),
    Ping(VehicleState),
}
use Input::{Ping, Ride};
use Word::{Arrived, Assigned, Cancelled, DroppedOff, PickedUp};

fn tell(inputs: &[(i64, Input)]) -> Vec<Transition> {
    let mut vehicle = Timeline::new(LIMITS);
    let mut told = Vec::new();
    for (second, input) in inputs {
        let time = Timestamp(second * 1000);
        match input {
            Ride(ride, word) => vehicle.told(RideId::new(ride).unwrap(), *word, time, &mut told),
            Ping(state) => vehicle.ping(time, *state, &mut told),
        }
    }
    told
}

/// What is told, as milliseconds, event, state, ride and basis.
fn check(inputs: &[(i64, Input)], expected: &[(i64, VehicleEvent, State, Option<&str>, Basis)]) {
    let told = tell(inputs);
    let told: Vec<_> = told
        .iter()
        .map(|one| (one.time.0, one.event, one.state, one.ride, one.basis))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(time, event, state, ride, basis)| {
            let ride = ride.map(|ride| RideId::new(ride).unwrap());
            (*time, *event, *state, ride, *basis)
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_ride_from_the_app_goes_through_every_state() {
    check(
        &[
            (1, Ping(VehicleState::Available)),
            (2, Ride("a", Assigned)),
            (3, Ping(VehicleState::Reserved)),
            (4, Ride("a", Arrived)),
            (5, Ride("a", PickedUp)),
            (6, Ride("a", DroppedOff)),
            (7, Ping(VehicleState::NonOperational)),
        ],
        &[
            (1000, ServiceStart, Available, None, Told),
            (2000, ReservationStart, Reserved, Some("a"), Told),
            (4000, ReservationStop, Stopped, Some("a"), Told),
            (5000, TripStart, OnTrip, Some("a"), Told),
            (6000, TripStop, Stopped, Some("a"), Implied),
            (6001, TripEnd, Available, Some("a"), Told),
            (7000, ServiceEnd, NonOperational, None, Told),
        ],
    );
}

#[test]
fn a_street_hail_is_reserved_and_stops_before_it_starts() {
    check(
        &[
            (1, Ping(VehicleState::Available)),
            (5, Ride("a", PickedUp)),
            (6, Ride("a", DroppedOff)),
        ],
        &[
            (1000, ServiceStart, Available, None, Told),
            (5000, ReservationStart, Reserved, Some("a"), Implied),
            (5001, ReservationStop, Stopped, Some("a"), Implied),
            (5002, TripStart, OnTrip, Some("a"), Told),
            (6000, TripStop, Stopped, Some("a"), Implied),
            (6001, TripEnd, Available, Some("a"), Told),
        ],
    );
}

#[test]
fn whoever_calls_a_ride_off_is_named_and_the_vehicle_stands_first() {
    let cases = [
        (CancelledBy::Rider, PassengerCancellation),
        (CancelledBy::Driver, DriverCancellation),
        (CancelledBy::Dispatch, ProviderCancellation),
        (CancelledBy::Unspecified, ProviderCancellation),
    ];
    for (by, event) in cases {
        let told = tell(&[
            (1, Ride("a", Assigned)),
            (2, Ride("a", Cancelled(by))),
            (3, Ride("b", Arrived)),
            (4, Ride("b", Cancelled(by))),
            (5, Ride("c", PickedUp)),
            (6, Ride("c", Cancelled(by))),
        ]);
        let told: Vec<_> = told.iter().map(|one| one.event).collect();
        let expected = [
            ServiceStart,
            ReservationStart,
            event,
            ReservationStart,
            ReservationStop,
            event,
            ReservationStart,
            ReservationStop,
            TripStart,
            TripStop,
            event,
        ];
        assert_eq!(told, expected, "{by:?}");
    }
}

#[test]
fn repeats_and_contradictions_give_nothing() {
    check(
        &[
            (1, Ride("a", Cancelled(CancelledBy::Rider))),
            (2, Ride("a", PickedUp)),
            (3, Ride("b", Assigned)),
            (4, Ride("b", Assigned)),
            (5, Ride("b", PickedUp)),
            (6, Ride("b", Arrived)),
            (7, Ride("b", PickedUp)),
            (8, Ride("b", Cancelled(CancelledBy::Driver))),
            (9, Ride("b", DroppedOff)),
        ],
        &[
            (3000, ServiceStart, Available, None, Implied),
            (3001, ReservationStart, Reserved, Some("b"), Told),
            (5000, ReservationStop, Stopped, Some("b"), Implied),
            (5001, TripStart, OnTrip, Some("b"), Told),
            (8000, TripStop, Stopped, Some("b"), Implied),
            (8001, DriverCancellation, Available, Some("b"), Told),
        ],
    );
}

#[test]
fn a_ride_assigned_ahead_begins_when_the_open_one_ends() {
    check(
        &[
            (1, Ride("a", PickedUp)),
            (2, Ride("b", Assigned)),
            (3, Ride("c", Assigned)),
            (4, Ride("c", Cancelled(CancelledBy::Rider))),
            (9, Ride("a", DroppedOff)),
        ],
        &[
            (1000, ServiceStart, Available, None, Implied),
            (1001, ReservationStart, Reserved, Some("a"), Implied),
            (1002, ReservationStop, Stopped, Some("a"), Implied),
            (1003, TripStart, OnTrip, Some("a"), Told),
            (9000, TripStop, Stopped, Some("a"), Implied),
            (9001, TripEnd, Available, Some("a"), Told),
            (9002, ReservationStart, Reserved, Some("b"), Implied),
        ],
    );
}

#[test]
fn a_ride_that_never_ended_is_over_when_the_next_rider_is_met() {
    check(
        &[
            (1, Ride("a", Assigned)),
            (2, Ride("b", PickedUp)),
            (3, Ride("c", Arrived)),
            (4, Ride("b", DroppedOff)),
            (5, Ride("a", DroppedOff)),
        ],
        &[
            (1000, ServiceStart, Available, None, Implied),
            (1001, ReservationStart, Reserved, Some("a"), Told),
            (2000, ProviderCancellation, Available, Some("a"), Presumed),
            (2001, ReservationStart, Reserved, Some("b"), Implied),
            (2002, ReservationStop, Stopped, Some("b"), Implied),
            (2003, TripStart, OnTrip, Some("b"), Told),
            (3000, TripStop, Stopped, Some("b"), Presumed),
            (3001, TripEnd, Available, Some("b"), Presumed),
            (3002, ReservationStart, Reserved, Some("c"), Implied),
            (3003, ReservationStop, Stopped, Some("c"), Told),
            // The word on b is nothing new; that on a is: it was driven after all.
            (5000, ProviderCancellation, Available, Some("c"), Presumed),
            (5001, ReservationStart, Reserved, Some("a"), Implied),
            (5002, ReservationStop, Stopped, Some("a"), Implied),
            (5003, TripStart, OnTrip, Some("a"), Implied),
            (5004, TripStop, Stopped, Some("a"), Implied),
            (5005, TripEnd, Available, Some("a"), Told),
        ],
    );
}

#[test]
fn pings_that_deny_a_ride_for_long_end_it() {
    check(
        &[
            (100, Ride("a", Assigned)),
            (101, Ping(VehicleState::Available)),
            (200, Ping(VehicleState::Reserved)),
            (400, Ping(VehicleState::NonOperational)),
            (699, Ping(VehicleState::NonOperational)),
            (700, Ping(VehicleState::NonOperational)),
        ],
        &[
            (100_000, ServiceStart, Available, None, Implied),
            (100_001, ReservationStart, Reserved, Some("a"), Told),
            (
                700_000,
                ProviderCancellation,
                Available,
                Some("a"),
                Presumed,
            ),
            (700_001, ServiceEnd, NonOperational, None, Told),
        ],
    );
}

#[test]
fn a_traffic_light_is_no_stop() {
    check(
        &[
            (1, Ride("a", PickedUp)),
            (10, Ping(VehicleState::Stopped)),
            (69, Ping(VehicleState::Stopped)),
            (69, Ping(VehicleState::OnTrip)),
            (80, Ping(VehicleState::Stopped)),
            (140, Ping(VehicleState::Stopped)),
            (150, Ping(VehicleState::Stopped)),
            (160, Ping(VehicleState::OnTrip)),
        ],
        &[
            (1000, ServiceStart, Available, None, Implied),
            (1001, ReservationStart, Reserved, Some("a"), Implied),
            (1002, ReservationStop, Stopped, Some("a"), Implied),
            (1003, TripStart, OnTrip, Some("a"), Told),
            (140_000, TripStop, Stopped, Some("a"), Told),
            (160_000, TripResume, OnTrip, Some("a"), Told),
        ],
    );
}

#[test]
fn silence_counts_on_duty_only() {
    check(
        &[
            (0, Ping(VehicleState::Available)),
            (600, Ping(VehicleState::Unspecified)),
            (1199, Ping(VehicleState::NonOperational)),
            (9000, Ping(VehicleState::Available)),
            (9001, Ping(VehicleState::Missing)),
            (9002, Ping(VehicleState::Missing)),
            (9003, Ping(VehicleState::Available)),
        ],
        &[
            (0, ServiceStart, Available, None, Told),
            (600_000, CommsLost, NonContactable, None, Presumed),
            (600_001, CommsRestored, Available, None, Told),
            (1_199_000, ServiceEnd, NonOperational, None, Told),
            (9_000_000, ServiceStart, Available, None, Told),
            (9_001_000, CommsLost, NonContactable, None, Told),
            (9_003_000, CommsRestored, Available, None, Told),
        ],
    );
}

#[test]
fn what_was_decommissioned_comes_back_another_way_than_what_was_mended() {
    check(
        &[
            (1, Ping(VehicleState::Available)),
            (2, Ping(VehicleState::Removed)),
            (3, Ping(VehicleState::Removed)),
            (4, Ping(VehicleState::NonOperational)),
            (5, Ping(VehicleState::NonOperational)),
            (6, Ping(VehicleState::Decommissioned)),
            (7, Ride("a", Assigned)),
        ],
        &[
            (1000, ServiceStart, Available, None, Told),
            (2000, ServiceEnd, NonOperational, None, Implied),
            (2001, MaintenancePickUp, Removed, None, Told),
            (4000, MaintenanceEnd, NonOperational, None, Told),
            (6000, Decommissioned, Removed, None, Told),
            (7000, Recommissioned, NonOperational, None, Implied),
            (7001, ServiceStart, Available, None, Implied),
            (7002, ReservationStart, Reserved, Some("a"), Told),
        ],
    );
}

#[test]
fn a_new_way_is_no_news_for_the_vehicle() {
    let mut vehicle = Timeline::new(LIMITS);
    let mut told = Vec::new();
    let mut event = RideEvent {
        fleet: crate::FleetId::default(),
        ride: RideId::new("a").unwrap(),
        vehicle: crate::VehicleId::new("v").unwrap(),
        driver: None,
        time: Timestamp(1000),
        received_at: Timestamp(1000),
        kind: RideEventKind::Rerouted {
            dropoff: Coordinate::from_degrees(37.0, -122.0).unwrap(),
            route: None,
        },
    };
    vehicle.ride_event(&event, &mut told);
    assert_eq!(told, []);
    event.kind = RideEventKind::Arrived;
    vehicle.ride_event(&event, &mut told);
    assert_eq!(told.len(), 3);
    assert_eq!(
        (vehicle.state(), vehicle.ride()),
        (Stopped, Some(event.ride))
    );
}
