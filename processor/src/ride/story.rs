//! When a ride's phases began and how it ended, as its events say. Which phase follows from that is
//! `ride`'s.

use schemas::{CancelledBy, Money, Timestamp, TripOutcome};
use serde::{Deserialize, Serialize};

/// When a ride's phases began. The first word on each stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Story {
    /// The time of the event by which the ride became known.
    pub(crate) begun: Timestamp,
    /// The latest word that made the ride its vehicle's; what another said earlier is overruled.
    pub(crate) owned_since: Timestamp,
    pub(crate) assigned: Option<Timestamp>,
    pub(crate) arrived: Option<Timestamp>,
    pub(crate) picked_up: Option<Timestamp>,
    pub(crate) end: Option<End>,
}

/// How a ride ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) time: Timestamp,
    pub(crate) outcome: TripOutcome,
    pub(crate) by: CancelledBy,
    pub(crate) fare: Option<Money>,
}

impl Story {
    /// Nothing but when the ride became known.
    pub(super) fn beginning_at(begun: Timestamp) -> Self {
        Self {
            begun,
            owned_since: begun,
            assigned: None,
            arrived: None,
            picked_up: None,
            end: None,
        }
    }

    /// The earliest time that is known of the ride.
    pub(super) fn first_word(&self) -> Timestamp {
        let times = [self.assigned, self.arrived, self.picked_up];
        times.into_iter().flatten().fold(self.begun, Timestamp::min)
    }
}

/// The first word stands.
pub(super) fn learn_time(known: &mut Option<Timestamp>, time: Timestamp) -> bool {
    if known.is_some() {
        return false;
    }
    *known = Some(time);
    true
}
