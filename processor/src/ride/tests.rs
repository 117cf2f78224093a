//! What a ride makes of its events, in whatever order they come.

use schemas::{
    Money,
    RideEventKind::{self, Arrived, Cancelled, DroppedOff, PickedUp, Rerouted},
};

use super::*;
use crate::testing::{assigned, place, ride_event, second, spot};

const DROPPED_OFF: RideEventKind = DroppedOff { fare: None };
const CANCELLED: RideEventKind = Cancelled {
    by: CancelledBy::Rider,
};

fn ride_after(events: &[(i64, RideEventKind)]) -> Ride {
    let event = |(at_s, kind): &(i64, RideEventKind)| ride_event("r", "v", *at_s, kind.clone());
    let mut ride = Ride::known_by(&event(&events[0]), None);
    for known in events {
        ride.on_event(&event(known));
    }
    ride
}

fn check(events: &[(i64, RideEventKind)], phase: Phase, since_s: i64) {
    let ride = ride_after(events);
    assert_eq!(
        (ride.phase(), ride.phase_since()),
        (phase, second(since_s)),
        "{events:?}"
    );
}

#[test]
fn events_in_order_lead_through_the_phases() {
    let story = [
        (0, assigned(0.0, 9.0)),
        (60, Arrived),
        (90, PickedUp),
        (600, DROPPED_OFF),
    ];
    check(&story[..1], Phase::ToPickup, 0);
    check(&story[..2], Phase::Waiting, 60);
    check(&story[..3], Phase::OnTrip, 90);
    check(&story, Phase::Completed, 600);
}

#[test]
fn events_out_of_order_never_lead_back() {
    check(
        &[(90, PickedUp), (60, Arrived), (0, assigned(0.0, 9.0))],
        Phase::OnTrip,
        90,
    );
    check(
        &[(0, assigned(0.0, 9.0)), (90, PickedUp)],
        Phase::OnTrip,
        90,
    );
    check(&[(600, DROPPED_OFF), (90, PickedUp)], Phase::Completed, 600);
    let ride = ride_after(&[(90, PickedUp), (0, assigned(5.0, 9.0))]);
    assert_eq!(ride.plan.pickup, Some(place(5.0, 0.0)));
    assert_eq!(ride.story.assigned, Some(second(0)));
}

#[test]
fn the_first_end_stands() {
    check(
        &[(0, PickedUp), (60, DROPPED_OFF), (70, CANCELLED)],
        Phase::Completed,
        60,
    );
    check(
        &[(0, PickedUp), (60, CANCELLED), (50, DROPPED_OFF)],
        Phase::Cancelled,
        60,
    );
}

#[test]
fn a_repeat_changes_nothing_but_may_bring_the_fare() {
    let events = [
        (0, assigned(0.0, 9.0)),
        (60, Arrived),
        (90, PickedUp),
        (600, DROPPED_OFF),
    ];
    let mut ride = ride_after(&events);
    for (at_s, kind) in events {
        let before = ride.clone();
        let outcome = ride.on_event(&ride_event("r", "v", at_s, kind));
        assert_eq!((outcome, &ride), (EventOutcome::Repeat, &before));
    }
    let currency = schemas::ride_event::Currency::new("USD").unwrap();
    let fare = Some(Money {
        minor_units: 1_250,
        currency,
    });
    let outcome = ride.on_event(&ride_event("r", "v", 600, DroppedOff { fare }));
    assert_eq!(outcome, EventOutcome::Applied);
    assert_eq!(ride.story.end.unwrap().fare, fare);
}

#[test]
fn the_latest_word_on_the_destination_counts() {
    let rerouted = |east_m| Rerouted {
        dropoff: place(east_m, 0.0),
        route: None,
    };
    let ride = ride_after(&[
        (0, assigned(0.0, 9.0)),
        (20, rerouted(20.0)),
        (10, rerouted(10.0)),
    ]);
    assert_eq!(ride.plan.dropoff, Some(place(20.0, 0.0)));
    let ride = ride_after(&[(20, rerouted(20.0)), (0, assigned(5.0, 9.0))]);
    assert_eq!(ride.plan.dropoff, Some(place(20.0, 0.0)));
    assert_eq!(ride.plan.pickup, Some(place(5.0, 0.0)));
}

#[test]
fn a_ride_begins_where_its_vehicle_was_seen_last_unless_that_is_long_ago() {
    let event = ride_event("r", "v", 1_000, PickedUp);
    assert_eq!(
        Ride::known_by(&event, Some(spot(900, 0.0, 0.0))).here,
        Some(spot(900, 0.0, 0.0))
    );
    assert_eq!(Ride::known_by(&event, Some(spot(600, 0.0, 0.0))).here, None);
}
