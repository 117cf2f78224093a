//! Where a ride is to go and which way, by the latest word on it. How its vehicle comes along is
//! `follow`'s.

use std::time::Duration;

use schemas::{Coordinate, Meters, PlannedRoute, Timestamp, polyline};
use serde::{Deserialize, Serialize};

use super::Ride;
use crate::{
    eta::drive::RouteLeft,
    fix::{Fix, Spot},
    follow::Follow,
    route::Route,
};

/// Where a ride is to go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) pickup: Option<Coordinate>,
    pub(crate) dropoff: Option<Coordinate>,
    /// When the drop-off and the route were said.
    said: Option<Timestamp>,
    pub(crate) route: Option<Box<Planned>>,
}

/// The planned way, and how far the vehicle has come on it with the rider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Planned {
    route: Route,
    follow: Follow,
    /// How long the whole takes, if the plan says.
    duration: Option<Duration>,
}

impl Plan {
    /// How long the way takes from its begin to its end by the plan that stood at `time`; None where it
    /// does not say, and where it has changed since.
    pub(super) fn duration_as_of(&self, time: Timestamp) -> Option<Duration> {
        let said = self.said.filter(|said| *said <= time);
        said.and(self.route.as_ref())?.duration
    }
}

impl Planned {
    /// The way that an event tells of, for a vehicle that was seen last at `here`; None if it is
    /// none. The text was checked at the door; one that does not decode is no route.
    fn of(planned: &PlannedRoute, here: Option<Spot>) -> Option<Self> {
        let way = polyline::decode(&planned.way).ok()?;
        let route = Route::new(&way)?;
        Some(Self {
            follow: Follow::start(&route, here),
            route,
            duration: planned.duration,
        })
    }

    /// Follows it from its start.
    pub(super) fn begin_again(&mut self, here: Option<Spot>) {
        self.follow = Follow::start(&self.route, here);
    }

    /// Takes a newer fix of a vehicle that moved so far since the last.
    pub(super) fn advance(&mut self, fix: &Fix, moved: Meters) {
        self.follow.advance(&self.route, fix, moved);
    }

    /// Whether the vehicle has left it.
    pub(crate) fn is_off(&self) -> bool {
        self.follow.is_off()
    }

    /// What of it lies behind the vehicle.
    pub(crate) fn behind(&self) -> Meters {
        self.follow.along()
    }

    /// What of it is left.
    pub(crate) fn left(&self) -> RouteLeft {
        let whole = self.route.length();
        let length = Meters((whole.0 - self.behind().0).max(0.0));
        let share = if whole.0 > 0.0 {
            (length.0 / whole.0).min(1.0)
        } else {
            0.0
        };
        RouteLeft {
            length,
            planned: self.duration.map(|duration| duration.mul_f64(share)),
        }
    }
}

impl Ride {
    /// The latest word on where to go counts. A ride that is over goes nowhere new.
    pub(super) fn learn_plan(
        &mut self,
        time: Timestamp,
        dropoff: Coordinate,
        route: Option<&PlannedRoute>,
    ) -> bool {
        let is_later = self.plan.said.is_none_or(|said| time > said);
        let is_possible = self.story.end.is_none() || self.plan.dropoff.is_none();
        if !is_later || !is_possible {
            return false;
        }
        self.plan.said = Some(time);
        self.plan.dropoff = Some(dropoff);
        self.plan.route = match (self.story.end, route) {
            (None, Some(planned)) => Planned::of(planned, self.here).map(Box::new),
            (Some(_), _) | (None, None) => None,
        };
        true
    }
}
