//! What the tests of this crate share: places and times on a plane, pings, events. No behaviour.

use schemas::{
    CancelledBy, Coordinate, FleetId, Ping, PingName, Protocol, Record, RideEvent, RideEventKind,
    RideId, Timestamp, Trip, TripOutcome, VehicleId, VehicleState, polyline,
};

use crate::{ShardState, fix::Spot, outbox::tests::trips};

/// Where the tests' plane has its origin, in San Francisco, and when its time begins.
const ORIGIN: (f64, f64) = (37.77, -122.42);
const START_MS: i64 = 1_800_000_000_000;
const METERS_PER_DEGREE: f64 = 111_195.08;

pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp(START_MS + second * 1_000)
}

pub(crate) fn place(east_m: f64, north_m: f64) -> Coordinate {
    let lat = ORIGIN.0 + north_m / METERS_PER_DEGREE;
    let lng = ORIGIN.1 + east_m / METERS_PER_DEGREE / ORIGIN.0.to_radians().cos();
    Coordinate::from_degrees(lat, lng).unwrap()
}

pub(crate) fn spot(at_s: i64, east_m: f64, north_m: f64) -> Spot {
    Spot {
        time: second(at_s),
        position: place(east_m, north_m),
    }
}

/// A ping of `vehicle`, named by its second.
pub(crate) fn ping(vehicle: &str, at_s: i64, east_m: f64) -> Record {
    Record::Ping(Ping {
        fleet: FleetId::default(),
        vehicle: VehicleId::new(vehicle).unwrap(),
        driver: None,
        ride: None,
        name: PingName {
            epoch: 1,
            seq: at_s as u64,
        },
        time: second(at_s),
        position: place(east_m, 0.0),
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        state: VehicleState::Unspecified,
        received_at: second(at_s),
        protocol: Protocol::HttpJson,
    })
}

pub(crate) fn event(ride: &str, vehicle: &str, at_s: i64, kind: RideEventKind) -> Record {
    Record::RideEvent(Box::new(ride_event(ride, vehicle, at_s, kind)))
}

pub(crate) fn ride_event(ride: &str, vehicle: &str, at_s: i64, kind: RideEventKind) -> RideEvent {
    RideEvent {
        fleet: FleetId::default(),
        ride: RideId::new(ride).unwrap(),
        vehicle: VehicleId::new(vehicle).unwrap(),
        driver: None,
        time: second(at_s),
        received_at: second(at_s),
        kind,
    }
}

/// An assignment with a straight route between two places on the line to the east.
pub(crate) fn assigned(pickup_east_m: f64, dropoff_east_m: f64) -> RideEventKind {
    let (pickup, dropoff) = (place(pickup_east_m, 0.0), place(dropoff_east_m, 0.0));
    let route = Some(polyline::encode([pickup, dropoff]).into());
    RideEventKind::Assigned {
        pickup,
        dropoff,
        route,
    }
}

/// A trip of a ride that nobody drove.
pub(crate) fn trip(ride: &str) -> Trip {
    Trip {
        fleet: FleetId::default(),
        ride: RideId::new(ride).unwrap(),
        vehicle: VehicleId::new("v").unwrap(),
        driver: None,
        version: 1,
        outcome: TripOutcome::Cancelled,
        cancelled_by: CancelledBy::Rider,
        assigned: None,
        arrived: None,
        picked_up: None,
        ended: second(0),
        pickup: None,
        dropoff: None,
        distance_m: 0,
        to_pickup_m: 0,
        duration_s: 0,
        waiting_s: 0,
        route: String::new(),
        fare: None,
        pings: 0,
        largest_gap_s: 0,
    }
}

/// Takes all trips that wait for the stream.
pub(crate) fn take_trips(state: &mut ShardState) -> Vec<Trip> {
    trips(&std::mem::take(state.outbox_mut()))
}
