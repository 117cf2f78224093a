//! One change of a vehicle's state, and a list of them as text. How it comes about is `timeline`'s.

use std::fmt::Write;

use super::{State, VehicleEvent};
use crate::{RideId, Timestamp};

/// One change of a vehicle's state: an MDS event without the ids and the place.
///
/// MDS lets an event carry several types, but each must be one that leads to the event's state; so
/// each step of ours is an event of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// When. Those of one vehicle have different times, in their order.
    pub time: Timestamp,
    /// What happened.
    pub event: VehicleEvent,
    /// The state from then on.
    pub state: State,
    /// The ride that was open.
    pub ride: Option<RideId>,
    /// How it is known.
    pub basis: Basis,
}

/// How a transition is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// A ride event or a ping said so, at this time.
    Told,
    /// Something that was told cannot be without it; its time is that of what was told.
    Implied,
    /// Nothing was told, and from silence or from a contradiction it follows that it must have been.
    Presumed,
}

/// Writes transitions as compact JSON, members in the order of their names:
/// `[{"event_types":["trip_end"],"time_ms":1700000000000,"vehicle_state":"available"}]`.
pub fn to_text(transitions: &[Transition]) -> String {
    let mut text = String::with_capacity(2 + 96 * transitions.len());
    text.push('[');
    for (at, transition) in transitions.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let event = transition.event.as_str();
        let time_ms = transition.time.0;
        let state = transition.state.as_str();
        // Writing to a String cannot fail, and names have nothing that JSON escapes.
        let _ = write!(
            text,
            r#"{comma}{{"event_types":["{event}"],"time_ms":{time_ms},"vehicle_state":"{state}"}}"#
        );
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_text_is_compact_json() {
        assert_eq!(to_text(&[]), "[]");
        let mut transition = Transition {
            time: Timestamp(1_700_000_000_000),
            event: VehicleEvent::TripStop,
            state: State::Stopped,
            ride: None,
            basis: Basis::Implied,
        };
        let first = transition;
        transition.time.0 += 1;
        transition.event = VehicleEvent::TripEnd;
        transition.state = State::Available;
        let text = to_text(&[first, transition]);
        let expected = json!([
            {"event_types": ["trip_stop"], "time_ms": 1_700_000_000_000_i64, "vehicle_state": "stopped"},
            {"event_types": ["trip_end"], "time_ms": 1_700_000_000_001_i64, "vehicle_state": "available"},
        ]);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert_eq!(text, expected.to_string());
    }
}
