//! Working days of cabs: what happens to their rides, and where they are when it does.
//! No device and no server has a part in it.

use std::{collections::HashMap, sync::Arc};

use super::*;
use crate::simulate::router::Router;

fn world() -> World {
    let town = Arc::new(Town::new(1));
    let router = Router::new(&town);
    World { town, router }
}

/// A working day of some cabs: every event, in order, with the cab's position.
fn day(cabs: u64) -> Vec<(RideId, RideEventKind)> {
    let mut world = world();
    let mut events = Vec::new();
    for number in 0..cabs {
        let mut cab = Cab::new(format!("cab-{number}"), &world.town, Dice::new(1, number));
        for _ in 0..8 * 3_600 {
            events.extend(cab.step(&mut world, 1.0));
            assert!(cab.speed() < 30.0);
        }
    }
    events
}

#[test]
fn every_ride_goes_through_its_events_in_a_legal_order() {
    let mut rides: HashMap<RideId, Vec<&'static str>> = HashMap::new();
    for (ride, event) in day(20) {
        rides.entry(ride).or_default().push(event.as_str());
    }
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (ride, events) in &rides {
        let mut before = "";
        for event in events {
            let legal = match *event {
                "assigned" => before.is_empty(),
                "arrived" => before == "assigned",
                "picked_up" => before == "arrived",
                "rerouted" => before == "picked_up",
                "dropped_off" => before == "picked_up" || before == "rerouted",
                "cancelled" => before == "assigned" || before == "arrived",
                _ => false,
            };
            assert!(legal, "{ride}: {event} after {before:?}");
            before = event;
            *seen.entry(event).or_default() += 1;
        }
    }
    assert!(rides.len() > 200, "{} rides", rides.len());
    for event in ["rerouted", "dropped_off", "cancelled"] {
        assert!(seen.contains_key(event), "no ride was ever {event}");
    }
}

#[test]
fn a_cab_stands_at_the_pickup_and_at_the_destination_when_it_says_so() {
    let mut world = world();
    let mut cab = Cab::new("cab".to_owned(), &world.town, Dice::new(3, 3));
    let mut places = None;
    let mut checked = 0;
    for _ in 0..8 * 3_600 {
        let event = cab.step(&mut world, 1.0).map(|(_, event)| event);
        let here = cab.position(&world.town).coordinate().unwrap();
        match event {
            Some(RideEventKind::Assigned {
                pickup, dropoff, ..
            }) => places = Some((pickup, dropoff)),
            Some(RideEventKind::Rerouted { dropoff, .. }) => {
                places = places.map(|(pickup, _)| (pickup, dropoff));
            }
            Some(RideEventKind::Arrived) => assert!(here.distance(places.unwrap().0).0 < 1.0),
            Some(RideEventKind::DroppedOff { fare }) => {
                assert!(here.distance(places.unwrap().1).0 < 1.0);
                assert!((415..20_000).contains(&fare.unwrap().minor_units));
                checked += 1;
            }
            Some(RideEventKind::PickedUp | RideEventKind::Cancelled { .. }) | None => {}
        }
    }
    assert!(checked > 3, "{checked} rides");
}

#[test]
fn every_route_begins_at_the_pickup_ends_at_the_destination_and_takes_as_long_as_a_drive() {
    for (ride, event) in day(3) {
        if let RideEventKind::Assigned {
            pickup,
            dropoff,
            route: Some(route),
        } = event
        {
            let points = schemas::polyline::decode(&route.way).unwrap();
            assert!(points[0].distance(pickup).0 < 1.0, "{ride}");
            assert!(points[points.len() - 1].distance(dropoff).0 < 1.0, "{ride}");
            let meters: f64 = points
                .windows(2)
                .map(|pair| pair[0].distance(pair[1]).0)
                .sum();
            let mps = meters / route.duration.unwrap().as_secs_f64();
            assert!((2.0..20.0).contains(&mps), "{ride}: {mps} m/s");
        }
    }
}
