//! What a satellite receiver makes of where it is: errors that drift, worse between high houses.

use super::plane::Point;
use crate::dice::Dice;

/// The time over which an error forgets itself, in seconds.
const MEMORY_SECONDS: f64 = 30.0;
/// Deviation in metres of each axis, under the open sky and between high houses.
const OPEN_METERS: f64 = 3.5;
const CANYON_METERS: f64 = 11.0;
/// How many fixes enter a canyon, and how many of those inside leave it.
const ENTERS: f64 = 0.003;
const LEAVES: f64 = 0.02;
/// Below this speed in m/s a receiver knows no direction.
const STILL_MPS: f64 = 0.5;

/// A receiver and its present error.
#[derive(Debug)]
pub(super) struct Receiver {
    dice: Dice,
    /// How much of an error is left at the next fix.
    keeps: f64,
    deviation: f64,
    east: f64,
    north: f64,
}

/// Where a vehicle is and how it moves, in truth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Truth {
    pub point: Point,
    /// In m/s.
    pub speed: f64,
    pub heading_cdeg: u32,
}

/// What the receiver says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub point: Point,
    pub speed_cm_s: u32,
    pub heading_cdeg: Option<u32>,
    pub accuracy_dm: u32,
    pub altitude_dm: i32,
}

impl Receiver {
    /// A receiver that is asked every so many seconds.
    pub(super) fn new(interval_seconds: f64, dice: Dice) -> Self {
        let keeps = (-interval_seconds / MEMORY_SECONDS).exp();
        Self {
            dice,
            keeps,
            deviation: OPEN_METERS,
            east: 0.0,
            north: 0.0,
        }
    }

    pub(super) fn measure(&mut self, truth: Truth) -> Measured {
        let dice = &mut self.dice;
        if self.deviation < CANYON_METERS {
            if dice.chance(ENTERS) {
                self.deviation = CANYON_METERS;
            }
        } else if dice.chance(LEAVES) {
            self.deviation = OPEN_METERS;
        }
        let fresh = self.deviation * (1.0 - self.keeps * self.keeps).sqrt();
        self.east = self.east * self.keeps + fresh * dice.bell();
        self.north = self.north * self.keeps + fresh * dice.bell();
        let point = Point {
            east: truth.point.east + self.east,
            north: truth.point.north + self.north,
        };
        let speed = (truth.speed + 0.3 * dice.bell()).max(0.0);
        let moves = truth.speed > STILL_MPS;
        let heading = i64::from(truth.heading_cdeg) + (300.0 * dice.bell()) as i64;
        Measured {
            point,
            speed_cm_s: if moves { (speed * 100.0) as u32 } else { 0 },
            heading_cdeg: moves.then_some(heading.rem_euclid(36_000) as u32),
            accuracy_dm: (self.deviation * 10.0 * dice.between(1.1, 1.9)) as u32,
            altitude_dm: hills_dm(truth.point) + (self.deviation * 10.0 * dice.bell()) as i32,
        }
    }
}

/// The height of the ground in dm.
fn hills_dm(point: Point) -> i32 {
    (600.0 + 500.0 * (point.east / 900.0).sin() * (point.north / 1_100.0).cos()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_of_the_size_that_the_accuracy_tells_and_drift() {
        let mut receiver = Receiver::new(1.0, Dice::new(1, 1));
        let point = Point {
            east: 5_000.0,
            north: 5_000.0,
        };
        let (mut within, mut step) = (0, 0.0);
        let mut before = point;
        for _ in 0..10_000 {
            let measured = receiver.measure(Truth {
                point,
                speed: 0.0,
                heading_cdeg: 0,
            });
            let accuracy = f64::from(measured.accuracy_dm) / 10.0;
            within += u32::from(measured.point.distance(point) < accuracy);
            step += measured.point.distance(before) / 1e4;
            before = measured.point;
        }
        assert!(
            (5_500..8_500).contains(&within),
            "{within} of 10000 within their accuracy"
        );
        assert!(step < 2.5, "{step} m from fix to fix");
    }
}
