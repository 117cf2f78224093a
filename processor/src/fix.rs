//! A fix: when a vehicle was where, taken from a ping. It has no name and belongs to no ride.

use schemas::{Accuracy, Coordinate, Heading, Meters, Ping, Speed, Timestamp};
use serde::{Deserialize, Serialize};

/// When a vehicle was where, and how well that is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fix {
    pub(crate) spot: Spot,
    pub(crate) speed: Option<Speed>,
    pub(crate) heading: Option<Heading>,
    pub(crate) accuracy: Option<Accuracy>,
}

/// When something was where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spot {
    pub(crate) time: Timestamp,
    pub(crate) position: Coordinate,
}

/// What lies between two spots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leg {
    /// Negative where the second spot is older.
    pub(crate) seconds: f64,
    /// By the crow.
    pub(crate) distance: Meters,
}

/// How a vehicle came from its last accepted fix to this one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// It drove so far, by the crow; nothing for its first fix.
    Drove(Meters),
    /// No vehicle drives so fast: the last fix was wrong, or the clock was.
    Jumped,
}

/// No road vehicle is faster, in m/s: 162 km/h.
pub(crate) const MAX_SPEED_MPS: f64 = 45.0;
/// What two bad fixes may add to the distance between them.
const JUMP_ALLOWANCE: Meters = Meters(150.0);
/// Slower than this, in cm/s, a receiver says that it stands.
const STANDING_CM_S: u32 = 50;
/// The least distance between two fixes that is movement and not noise. Fixes scatter by 5 m in
/// the open; two of them are 25 m apart once in 600 times.
const MIN_MOVE: Meters = Meters(25.0);
/// The most that a bad accuracy may ask for, and what one that says it stands has to show.
const MAX_MOVE: Meters = Meters(100.0);
/// By how many times its accuracy a fix has to move.
const ACCURACIES_TO_MOVE: f64 = 2.5;

impl Fix {
    /// How far a vehicle must be from where it stood until this fix says that it moved.
    pub(crate) fn least_move(&self) -> Meters {
        if self.speed.is_some_and(|speed| speed.cm_s() < STANDING_CM_S) {
            return MAX_MOVE;
        }
        let by_accuracy = self
            .accuracy
            .map_or(0.0, |accuracy| accuracy.meters().0 * ACCURACIES_TO_MOVE);
        Meters(by_accuracy.clamp(MIN_MOVE.0, MAX_MOVE.0))
    }
}

impl Spot {
    /// Whether a vehicle can be at both, whichever came first.
    pub(crate) fn agrees_with(self, other: Self) -> bool {
        self.leg_from(other).is_possible()
    }

    /// What lies between another spot and this one.
    pub(crate) fn leg_from(self, other: Self) -> Leg {
        Leg {
            seconds: self.time.seconds_since(other.time),
            distance: self.position.distance(other.position),
        }
    }
}

impl Leg {
    /// Whether a vehicle can drive it, forth or back.
    pub(crate) fn is_possible(&self) -> bool {
        self.distance.0 <= MAX_SPEED_MPS * self.seconds.abs() + JUMP_ALLOWANCE.0
    }
}

impl From<&Ping> for Fix {
    fn from(ping: &Ping) -> Self {
        Self {
            spot: Spot {
                time: ping.time,
                position: ping.position,
            },
            speed: ping.speed,
            heading: ping.heading,
            accuracy: ping.accuracy,
        }
    }
}
