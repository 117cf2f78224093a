//! The transitions of one finished ride, from its trip: what the archive's trips carry. Those of its
//! vehicle between rides are `timeline`'s.

use std::time::Duration;

use super::{Limits, Timeline, Transition, timeline::Word};
use crate::{Timestamp, Trip, TripOutcome};

/// No ping is taken here, so nothing follows from how long something lasts.
const NO_LIMITS: Limits = Limits {
    silence: Duration::MAX,
    denial: Duration::MAX,
    standing: Duration::MAX,
};

/// The transitions of the trip's vehicle, from the one that was free to the one that is free again.
///
/// They go along the official edges, so what was not told is put in where the next word is: a street
/// hail is reserved, stops and starts at its pickup, and a trip stops before it ends. Times are those
/// of the trip, put 1 ms apart where they are equal; one that is later than the trip's end, or than
/// that of a later phase, counts as that. A completed trip has one `trip_start` and one `trip_end`. One
/// that was called off before a vehicle was sent has no transitions.
pub fn transitions(trip: &Trip) -> Vec<Transition> {
    let end = match trip.outcome {
        TripOutcome::Completed => Word::DroppedOff,
        TripOutcome::Cancelled => Word::Cancelled(trip.cancelled_by),
    };
    let picked_up = earlier(trip.picked_up, Some(trip.ended));
    let arrived = earlier(trip.arrived, picked_up.or(Some(trip.ended)));
    let assigned = earlier(trip.assigned, arrived.or(picked_up).or(Some(trip.ended)));
    let words = [
        (Word::Assigned, assigned),
        (Word::Arrived, arrived),
        (Word::PickedUp, picked_up),
        (end, Some(trip.ended)),
    ];
    let mut vehicle = Timeline::on_duty(NO_LIMITS);
    let mut told = Vec::new();
    for (word, time) in words {
        if let Some(time) = time {
            vehicle.told(trip.ride, word, time, &mut told);
        }
    }
    told
}

/// A phase's time, as far as it had begun before the next.
fn earlier(time: Option<Timestamp>, next: Option<Timestamp>) -> Option<Timestamp> {
    match (time, next) {
        (Some(time), Some(next)) => Some(time.min(next)),
        (time, _) => time,
    }
}
