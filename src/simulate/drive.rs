//! One vehicle's way along its streets: it speeds up, slows down for turns, waits at junctions.
//! Where it goes is decided elsewhere.

use std::collections::VecDeque;

use super::{
    plane::Point,
    town::{Junction, StreetIndex, Town},
};
use crate::dice::Dice;

/// Comfortable acceleration and braking, in m/s^2.
const ACCELERATION: f64 = 1.6;
const BRAKING: f64 = 2.2;
/// The speed through a turn, in m/s.
const TURN_MPS: f64 = 5.0;
/// Below this cosine of the angle between two streets, going on is a turn.
const STRAIGHT_ON: f64 = 0.8;
/// How slow a vehicle rolls up to where it stops, in m/s.
const CREEP_MPS: f64 = 0.8;
/// How many junctions stop a vehicle, and for how long in seconds.
const STOPS: f64 = 0.18;
const STOP_SECONDS: (f64, f64) = (3.0, 30.0);
/// The longest step in seconds; longer ones are cut, so that braking stays true.
pub(super) const MAX_STEP_SECONDS: f64 = 1.0;

/// Where a vehicle is, how fast it goes, and where it will turn.
#[derive(Debug, Clone)]
pub(super) struct Drive {
    street: StreetIndex,
    along: f64,
    speed: f64,
    /// Of the limit: a driver's habit.
    temper: f64,
    /// Speed at the street's end.
    exit_speed: f64,
    /// Standing time at the street's end; None once it is served, or if there is none.
    stop_at_end: Option<f64>,
    standing: f64,
    way: VecDeque<StreetIndex>,
}

/// What a step led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travel {
    /// The vehicle is on its way, or stands in traffic.
    UnderWay,
    /// It stands at the end of its way.
    Ended,
}

impl Drive {
    /// A vehicle that stands somewhere on a street.
    pub(super) fn start(town: &Town, dice: &mut Dice) -> Self {
        let street = town.any_street(dice);
        Self {
            street,
            along: town.street(street).length * dice.unit(),
            speed: 0.0,
            temper: dice.between(0.85, 1.1),
            exit_speed: 0.0,
            stop_at_end: None,
            standing: 0.0,
            way: VecDeque::new(),
        }
    }

    /// The junction at the end of the street that the vehicle is on.
    pub(super) fn next_junction(&self, town: &Town) -> Junction {
        town.street(self.street).to
    }

    /// Takes a new way from [`Self::next_junction`] on.
    pub(super) fn follow(&mut self, way: impl IntoIterator<Item = StreetIndex>, town: &Town) {
        self.way.clear();
        self.way.extend(way);
        self.exit_speed = self.speed_out(town);
    }

    /// Streets that are still ahead after this one.
    pub(super) fn streets_ahead(&self) -> usize {
        self.way.len()
    }

    /// Goes on at random after the present way, rather straight on and never back at once.
    pub(super) fn wander(&mut self, town: &Town, dice: &mut Dice) {
        let last = *town.street(self.way.back().copied().unwrap_or(self.street));
        let mut choices = town
            .streets_from(last.to)
            .filter(|(_, next)| next.to != last.from);
        let straight = choices
            .clone()
            .find(|(_, next)| last.east * next.east + last.north * next.north > STRAIGHT_ON);
        let count = choices.clone().count();
        let next = match straight {
            Some(straight) if dice.chance(0.6) => Some(straight),
            _ => choices.nth(dice.below(count)),
        };
        // A dead end: back.
        let next = next.or_else(|| town.streets_from(last.to).next());
        self.way.extend(next.map(|(index, _)| index));
        self.exit_speed = self.speed_out(town);
    }

    /// Stands still for so many seconds more.
    pub(super) fn stand(&mut self, seconds: f64) {
        self.standing = self.standing.max(seconds);
    }

    /// Moves on by at most [`MAX_STEP_SECONDS`].
    pub(super) fn step(&mut self, town: &Town, seconds: f64, dice: &mut Dice) -> Travel {
        if self.standing > 0.0 {
            self.standing -= seconds;
            self.speed = 0.0;
            return Travel::UnderWay;
        }
        let street = town.street(self.street);
        let left = street.length - self.along;
        let exit = if self.stop_at_end.is_some() {
            0.0
        } else {
            self.exit_speed
        };
        let can_brake_from = (exit * exit + 2.0 * BRAKING * left.max(0.0)).sqrt();
        let wanted = (self.speed + ACCELERATION * seconds)
            .min(street.class.speed_mps() * self.temper)
            .min(can_brake_from);
        // A vehicle brakes no harder than twice the comfortable, whatever the limit says.
        self.speed = wanted
            .max(self.speed - 2.0 * BRAKING * seconds)
            .max(CREEP_MPS);
        self.along += self.speed * seconds;
        if self.along < street.length {
            return Travel::UnderWay;
        }
        if let Some(standing) = self.stop_at_end.take() {
            self.along = street.length;
            self.speed = 0.0;
            self.standing = standing;
            return Travel::UnderWay;
        }
        let Some(next) = self.way.pop_front() else {
            self.along = street.length;
            self.speed = 0.0;
            return Travel::Ended;
        };
        self.along -= street.length;
        self.street = next;
        self.exit_speed = self.speed_out(town);
        self.stop_at_end = dice
            .chance(STOPS)
            .then(|| dice.between(STOP_SECONDS.0, STOP_SECONDS.1));
        Travel::UnderWay
    }

    pub(super) fn position(&self, town: &Town) -> Point {
        let street = town.street(self.street);
        let start = town.point(street.from);
        Point {
            east: start.east + street.east * self.along,
            north: start.north + street.north * self.along,
        }
    }

    pub(super) fn heading_cdeg(&self, town: &Town) -> u32 {
        town.street(self.street).heading_cdeg
    }

    /// In m/s.
    pub(super) fn speed(&self) -> f64 {
        self.speed
    }

    /// The speed at which the street's end may be passed.
    fn speed_out(&self, town: &Town) -> f64 {
        let Some(next) = self.way.front() else {
            return 0.0;
        };
        let (here, next) = (town.street(self.street), town.street(*next));
        if here.east * next.east + here.north * next.north > STRAIGHT_ON {
            next.class.speed_mps() * self.temper
        } else {
            TURN_MPS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::router::Router;

    #[test]
    fn a_drive_ends_where_its_way_ends_and_is_never_too_fast() {
        let town = Town::new(1);
        let (mut router, mut dice) = (Router::new(&town), Dice::new(1, 1));
        let mut drive = Drive::start(&town, &mut dice);
        for _ in 0..20 {
            let goal = town.any_junction(&mut dice);
            drive.follow(router.find(&town, drive.next_junction(&town), goal), &town);
            let mut seconds = 0;
            let mut before = drive.position(&town);
            while drive.step(&town, 1.0, &mut dice) == Travel::UnderWay {
                let here = drive.position(&town);
                assert!(here.distance(before) < 23.0, "{}", here.distance(before));
                assert!(drive.speed() < 23.0);
                before = here;
                seconds += 1;
                assert!(seconds < 7_200, "still under way after two hours");
            }
            assert!(drive.position(&town).distance(town.point(goal)) < 1e-6);
        }
    }

    #[test]
    fn a_vehicle_that_wanders_comes_around() {
        let town = Town::new(1);
        let mut dice = Dice::new(5, 5);
        let mut drive = Drive::start(&town, &mut dice);
        let start = drive.position(&town);
        let mut farthest: f64 = 0.0;
        for _ in 0..3_600 {
            while drive.streets_ahead() < 2 {
                drive.wander(&town, &mut dice);
            }
            assert_eq!(drive.step(&town, 1.0, &mut dice), Travel::UnderWay);
            farthest = farthest.max(drive.position(&town).distance(start));
        }
        assert!(farthest > 300.0, "{farthest}");
    }
}
