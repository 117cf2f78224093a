//! A lesson: a drive that has ended, as glimpses of where it was and how long it still took. It has
//! no names of people or vehicles, and of the ride only what tells a repeat.

use schemas::{Coordinate, FleetId, Meters, RideId, Timestamp};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::motion::Motion;

/// One unit of a glimpse's offsets.
const OFFSET_M: f64 = 2.0;

/// Whose arrival a drive is waited for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// To the rider.
    Approach,
    /// With the rider.
    Trip,
}

/// A drive that has ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lesson {
    pub(crate) ended: Timestamp,
    /// Tells a repeat: a digest of the ride and the stage.
    pub(crate) name: u64,
    pub(crate) stage: Stage,
    pub(crate) began: Timestamp,
    pub(crate) from: Point,
    pub(crate) to: Point,
    /// How long the whole drive was to take by a plan that did not change while it was under way.
    pub(crate) planned_s: Option<u32>,
    /// In the order of time; at least one.
    pub(crate) glimpses: Box<[Glimpse]>,
}

/// A place, in 1e-7 degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) lat_e7: i32,
    pub(crate) lng_e7: i32,
}

/// Where a drive was, 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Glimpse {
    /// Since it began, s.
    pub(crate) after_s: u16,
    /// From there to where it ended, in units of [`OFFSET_M`].
    pub(crate) east: i16,
    pub(crate) north: i16,
    pub(crate) motion: Pace,
}

/// A [`Motion`] in 4 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// In units of 0.2 m/s.
    quick: u8,
    slow: u8,
    /// In units of 0.4 m/s.
    east: i8,
    north: i8,
}

impl Lesson {
    /// The digest by which the drive of a ride in a stage is known again, wherever.
    pub(crate) fn name(fleet: FleetId, ride: RideId, stage: Stage) -> u64 {
        let stage = match stage {
            Stage::Approach => "approach",
            Stage::Trip => "trip",
        };
        XxHash3_64::oneshot(format!("{fleet}\n{ride}\n{stage}").as_bytes())
    }

    /// Where the drive began.
    pub fn place(&self) -> Option<Coordinate> {
        self.from.coordinate()
    }

    /// How many glimpses it holds.
    pub fn len(&self) -> usize {
        self.glimpses.len()
    }

    /// Whether it holds none, which no lesson does.
    pub fn is_empty(&self) -> bool {
        self.glimpses.is_empty()
    }
}

impl Glimpse {
    /// What is seen so long after the begin, of a vehicle that still has so far to the east and to the
    /// north; None if that is too far.
    pub(crate) fn of(after_s: f64, (east, north): (Meters, Meters), motion: Pace) -> Option<Self> {
        let offset = |meters: Meters| {
            let units = (meters.0 / OFFSET_M).round();
            (units.abs() <= f64::from(i16::MAX)).then_some(units as i16)
        };
        Some(Self {
            after_s: after_s.round().clamp(0.0, f64::from(u16::MAX)) as u16,
            east: offset(east)?,
            north: offset(north)?,
            motion,
        })
    }

    /// From there to where its drive ended, east and north.
    pub(crate) fn to_goal(self) -> (Meters, Meters) {
        let meters = |units: i16| Meters(f64::from(units) * OFFSET_M);
        (meters(self.east), meters(self.north))
    }
}

/// By the crow.
pub(crate) fn crow(east: Meters, north: Meters) -> Meters {
    Meters((east.0 * east.0 + north.0 * north.0).sqrt())
}

impl Point {
    pub(crate) fn coordinate(self) -> Option<Coordinate> {
        Coordinate::from_e7(self.lat_e7, self.lng_e7).ok()
    }
}

impl From<Coordinate> for Point {
    fn from(position: Coordinate) -> Self {
        Self {
            lat_e7: position.lat_e7(),
            lng_e7: position.lng_e7(),
        }
    }
}

impl From<Motion> for Pace {
    fn from(motion: Motion) -> Self {
        // What is out of range becomes its end.
        Self {
            quick: (motion.quick * 5.0).round() as u8,
            slow: (motion.slow * 5.0).round() as u8,
            east: (motion.east * 2.5).round() as i8,
            north: (motion.north * 2.5).round() as i8,
        }
    }
}

impl Pace {
    /// Speeds over a minute and over five, and the velocity to the east and to the north, m/s.
    pub(crate) fn mps(self) -> [f32; 4] {
        [
            f32::from(self.quick) / 5.0,
            f32::from(self.slow) / 5.0,
            f32::from(self.east) / 2.5,
            f32::from(self.north) / 2.5,
        ]
    }
}
