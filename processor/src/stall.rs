//! Whether a vehicle on its way has stopped moving. Why it stands, nobody says here.

use schemas::{Coordinate, Meters, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fix::Spot;

/// It stalls if it stays within this distance for so many seconds, by the times of its fixes.
const STALLED_WITHIN: Meters = Meters(30.0);
const STALLED_SECONDS: f64 = 180.0;
/// Nearer than this to its destination a vehicle may stand for long: it looks for the door.
const AT_DESTINATION: Meters = Meters(150.0);

/// Watches whether a vehicle moves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stall {
    /// Where it was when it last moved.
    anchor: Option<Spot>,
    newest: Timestamp,
}

impl Stall {
    /// Watches from a spot on.
    pub(crate) fn beginning_at(spot: Option<Spot>) -> Self {
        Self {
            anchor: spot,
            newest: spot.map(|spot| spot.time).unwrap_or_default(),
        }
    }

    /// Takes the vehicle's next spot.
    pub(crate) fn advance(&mut self, spot: Spot) {
        let moved = |anchor: Spot| anchor.position.distance(spot.position).0 >= STALLED_WITHIN.0;
        if self.anchor.is_none_or(moved) {
            self.anchor = Some(spot);
        }
        self.newest = spot.time;
    }

    /// Since when it has stood, if it stands for long and away from where it is to go.
    pub(crate) fn since(&self, destination: Option<Coordinate>) -> Option<Timestamp> {
        let anchor = self.anchor?;
        let away =
            destination.is_none_or(|place| anchor.position.distance(place).0 > AT_DESTINATION.0);
        let stands = self.newest.seconds_since(anchor.time) >= STALLED_SECONDS;
        (away && stands).then_some(anchor.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{place, second, spot};

    /// Checks since which second a vehicle stalls that goes 1 km to the east.
    fn check(spots: &[(i64, f64)], expected: Option<i64>) {
        let mut stall = Stall::default();
        for &(at_s, east_m) in spots {
            stall.advance(spot(at_s, east_m, 0.0));
        }
        assert_eq!(
            stall.since(Some(place(1_000.0, 0.0))),
            expected.map(second),
            "{spots:?}"
        );
    }

    #[test]
    fn a_vehicle_stalls_after_three_minutes_within_thirty_metres() {
        check(&[(0, 0.0), (90, 20.0), (179, 10.0)], None);
        check(&[(0, 0.0), (90, 20.0), (180, 10.0)], Some(0));
        check(&[(0, 0.0), (90, 31.0), (180, 31.0)], None);
        check(&[(0, 0.0), (90, 31.0), (270, 31.0)], Some(90));
        check(&[(0, 0.0), (180, 0.0), (190, 40.0)], None);
    }

    #[test]
    fn a_vehicle_at_its_destination_does_not_stall() {
        check(&[(0, 900.0), (400, 900.0)], None);
    }
}
