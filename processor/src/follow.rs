//! How far a vehicle has come along its route, and whether it has left it. Only so much of the
//! route is searched for each ping, whatever the route's length.

use std::ops::Range;

use schemas::{Accuracy, Meters, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    fix::{Fix, MAX_SPEED_MPS, Spot},
    route::{Route, Snap},
};

/// Segments searched at most near the vehicle and, if it has left the route, elsewhere with every
/// ping: 1 km of a city's route, a fraction of a microsecond.
const MAX_SEGMENTS: usize = 64;
/// Segments searched at most elsewhere when it is missed the first few times: 12 km where points
/// are as near as they usually may be, twice what a silence of two minutes hides. Some
/// microseconds, and seldom.
const MAX_SEGMENTS_MISSED: usize = 1_024;
/// The window reaches this far ahead of where the vehicle was, and half as far again as it drove.
const REACH: Meters = Meters(150.0);
/// A route may be longer than the crow flies between two pings.
const REACH_PER_METER: f64 = 1.5;
/// Noise moves a vehicle back by less than this, which is not believed.
const BACKWARD_NOISE: Meters = Meters(50.0);
/// A vehicle is beside its route if it is farther than this, or than its accuracy so many times.
const BESIDE: Meters = Meters(40.0);
const ACCURACIES_BESIDE: f64 = 2.5;
/// It has left the route after so many pings beside it, over at least so many seconds.
const PINGS_TO_LEAVE: u8 = 3;
const SECONDS_TO_LEAVE: f64 = 5.0;
/// It is back after so many pings on it.
const PINGS_TO_RETURN: u8 = 2;

/// Where a vehicle is on its route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Follow {
    along: Meters,
    /// Driven, by the crow from ping to ping, since it was last on the route.
    driven: Meters,
    /// When it was last on the route, or first seen.
    touched: Option<Timestamp>,
    /// At which segment the search elsewhere goes on; it begins ahead.
    search: Option<usize>,
    on: Contact,
}

/// How sure it is that the vehicle is on its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Contact {
    On,
    /// On it, with so many pings beside it since then.
    Leaving {
        pings: u8,
        since: Timestamp,
    },
    /// Off it, with so many pings on it again.
    Off {
        back: u8,
    },
}

impl Follow {
    /// Begins at the start of a route, for a vehicle that may be some way from there.
    pub(crate) fn start(route: &Route, seen: Option<Spot>) -> Self {
        let away = seen.map_or(Meters(0.0), |seen| route.begin().distance(seen.position));
        Self {
            along: Meters(0.0),
            driven: away,
            touched: seen.map(|seen| seen.time),
            search: None,
            on: Contact::On,
        }
    }

    /// Takes a newer fix of a vehicle that moved so far since the last.
    pub(crate) fn advance(&mut self, route: &Route, fix: &Fix, moved: Meters) {
        self.driven.0 += moved.0;
        let time = fix.spot.time;
        let silent = time.seconds_since(*self.touched.get_or_insert(time));
        let place = route.place(fix.spot.position);
        let tolerance = tolerance(fix.accuracy);
        let is_on = |snap: &Snap| snap.distance.0 <= tolerance.0;
        let near = self.near(route);
        let ahead = near.end;
        let snap = route.nearest(place, near).filter(is_on).or_else(|| {
            let part = self.elsewhere(route, ahead, silent);
            route.nearest(place, part).filter(is_on)
        });
        match snap {
            Some(snap) => self.touch(snap, time),
            None => self.miss(time),
        }
    }

    /// Whether the vehicle has left the route.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self.on, Contact::Off { .. })
    }

    /// How far along the route it has come.
    pub(crate) fn along(&self) -> Meters {
        self.along
    }

    /// Where it is searched first: ahead of where it was, and behind as far as noise goes.
    fn near(&self, route: &Route) -> Range<usize> {
        let reach = REACH.0 + self.driven.0 * REACH_PER_METER;
        let from = Meters(self.along.0 - BACKWARD_NOISE.0);
        let window = route.segments(from, Meters(self.along.0 + reach));
        window.start..window.end.min(window.start + MAX_SEGMENTS)
    }

    /// A further part of where it may have come to since it was on the route: first that from
    /// `ahead` on, then the next part with every call, so that all of it is searched in turn.
    fn elsewhere(&mut self, route: &Route, ahead: usize, silent_s: f64) -> Range<usize> {
        // A winding route is longer than the crow flies by more than any factor: time says more.
        let driven = (self.driven.0 * REACH_PER_METER).max(silent_s * MAX_SPEED_MPS);
        let reach = REACH.0 + driven;
        let window = route.segments(Meters(self.along.0 - reach), Meters(self.along.0 + reach));
        let most = if self.is_off() {
            MAX_SEGMENTS
        } else {
            MAX_SEGMENTS_MISSED
        };
        let start = match self.search {
            None => ahead.min(window.end),
            Some(search) if window.contains(&search) => search,
            Some(_) => window.start,
        };
        let part = start..window.end.min(start + most);
        // The window's end grows with every ping; whoever only chased it would never start again.
        self.search = Some(if part.end == window.end {
            window.start
        } else {
            part.end
        });
        part
    }

    fn touch(&mut self, snap: Snap, time: Timestamp) {
        self.driven = Meters(0.0);
        self.touched = Some(time);
        self.search = None;
        let came_back = snap.along.0 < self.along.0 - BACKWARD_NOISE.0;
        if self.is_off() || came_back || snap.along.0 > self.along.0 {
            self.along = snap.along;
        }
        self.on = match self.on {
            Contact::Off { back } if back + 1 < PINGS_TO_RETURN => Contact::Off { back: back + 1 },
            Contact::On | Contact::Leaving { .. } | Contact::Off { .. } => Contact::On,
        };
    }

    fn miss(&mut self, time: Timestamp) {
        self.on = match self.on {
            Contact::On => Contact::Leaving {
                pings: 1,
                since: time,
            },
            Contact::Leaving { pings, since }
                if pings + 1 >= PINGS_TO_LEAVE && time.seconds_since(since) >= SECONDS_TO_LEAVE =>
            {
                Contact::Off { back: 0 }
            }
            Contact::Leaving { pings, since } => Contact::Leaving {
                pings: pings.saturating_add(1),
                since,
            },
            Contact::Off { .. } => Contact::Off { back: 0 },
        };
    }
}

fn tolerance(accuracy: Option<Accuracy>) -> Meters {
    let by_accuracy = accuracy.map_or(0.0, |accuracy| accuracy.meters().0 * ACCURACIES_BESIDE);
    Meters(by_accuracy.max(BESIDE.0))
}

#[cfg(test)]
mod tests;
