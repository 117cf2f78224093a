//! What a ride becomes when it ends: a trip, the fact for the archive. A pure function of the ride.
//! When one is due is decided in `shard_state`.

use schemas::{CancelledBy, FleetId, Meters, Timestamp, Trip, TripOutcome, VehicleId, polyline};

use crate::{
    ride::{End, Ride},
    way::Stretch,
};

/// States a ride that is over as a fact; None for one that is not.
pub(crate) fn of(ride: &Ride, fleet: FleetId, vehicle: VehicleId, version: u32) -> Option<Trip> {
    let story = &ride.story;
    let End {
        time: ended,
        outcome,
        by,
        fare,
    } = story.end?;
    let until_pickup = story.picked_up.unwrap_or(ended).min(ended);
    let approach = match story.assigned {
        Some(assigned) => ride.way.stretch(assigned, until_pickup),
        None => Stretch::default(),
    };
    let travelled = match story.picked_up {
        Some(picked_up) => ride.way.stretch(picked_up, ended),
        None => Stretch::default(),
    };
    let at = |time: Timestamp| ride.way.position_at(time);
    Some(Trip {
        fleet,
        ride: ride.id(),
        vehicle,
        driver: ride.driver(),
        version,
        outcome,
        cancelled_by: match outcome {
            TripOutcome::Completed => CancelledBy::Unspecified,
            TripOutcome::Cancelled => by,
        },
        assigned: story.assigned,
        arrived: story.arrived,
        picked_up: story.picked_up,
        ended,
        pickup: ride.plan.pickup.or_else(|| story.picked_up.and_then(at)),
        dropoff: story
            .picked_up
            .and_then(|_| at(ended))
            .or(ride.plan.dropoff),
        distance_m: whole(travelled.driven),
        to_pickup_m: whole(approach.driven),
        duration_s: seconds_between(story.picked_up, Some(ended)),
        waiting_s: seconds_between(story.arrived, story.picked_up),
        route: match travelled.points.as_slice() {
            // One point is no way.
            [] | [_] => String::new(),
            points => polyline::encode(points.iter().copied()),
        },
        fare,
        pings: travelled.pings,
        largest_gap_s: travelled.largest_gap_s,
    })
}

/// Whole seconds from one to the other; 0 if either is not known or their order is wrong.
fn seconds_between(from: Option<Timestamp>, to: Option<Timestamp>) -> u32 {
    match (from, to) {
        (Some(from), Some(to)) => to.seconds_since(from).max(0.0) as u32,
        (None, _) | (_, None) => 0,
    }
}

fn whole(length: Meters) -> u32 {
    length.0.round() as u32
}
