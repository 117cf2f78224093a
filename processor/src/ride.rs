//! A ride: what is known of it from its events and its vehicle's pings, and its phase.
//! How it looks to riders is `progress`'s, what it becomes when it ends `trip`'s.

use schemas::{
    CancelledBy, Coordinate, DriverId, Meters, Money, Phase, RideEvent, RideEventKind, RideId,
    Timestamp, TripOutcome, id, kept::KeptId, polyline,
};
use serde::{Deserialize, Serialize};

use crate::{
    eta::{
        Models, Promise, Stage,
        drive::{Drive, Goal, RouteLeft},
        motion::Motion,
        tempo::Tempo,
    },
    fix::{Fix, Spot, Step},
    follow::Follow,
    route::Route,
    stall::Stall,
    version::Version,
    way::{Inserted, Way},
};

/// A vehicle ends its drive where it was to go if it is seen this near to it, and so much farther for
/// each second since, m and m/s.
const NEAR_GOAL_M: f64 = 300.0;
const NEAR_GOAL_MPS: f64 = 20.0;
/// A ride begins where its vehicle was last seen, if that is not longer before or after, in seconds.
const FRESH_SECONDS: f64 = 300.0;

/// One ride, open or over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ride {
    id: KeptId<id::Ride>,
    driver: Option<KeptId<id::Driver>>,
    pub(crate) version: Version,
    pub(crate) story: Story,
    pub(crate) plan: Plan,
    pub(crate) way: Way,
    pub(crate) stall: Stall,
    /// The drive to the pickup or the drop-off, once its vehicle was seen on it.
    drive: Option<Box<Drive>>,
    /// One that has just ended.
    #[serde(skip)]
    arrival: Option<Arrival>,
    /// Where its vehicle is, or was at the end.
    pub(crate) here: Option<Spot>,
    /// Driven in this phase; of a ride that is over, in the last.
    pub(crate) travelled: Meters,
    /// The newest fix or event.
    pub(crate) as_of: Timestamp,
}

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

/// Where a ride is to go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) pickup: Option<Coordinate>,
    pub(crate) dropoff: Option<Coordinate>,
    /// When the drop-off and the route were said.
    said: Option<Timestamp>,
    /// The planned way, and how far the vehicle has come on it with the rider.
    pub(crate) route: Option<Box<(Route, Follow)>>,
}

/// A drive that has ended, when and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) drive: Box<Drive>,
    pub(crate) stage: Stage,
    pub(crate) time: Timestamp,
    pub(crate) place: Coordinate,
}

/// What a ride made of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventOutcome {
    /// It changed the ride.
    Applied,
    /// It said nothing that was not known, or contradicted what was said first.
    Repeat,
    /// It came from a vehicle that the ride was taken from.
    FormerVehicle,
    /// The ride is over for so long that it is forgotten.
    TooLate,
}

impl Ride {
    /// Begins a ride that `event` makes known; the event is still to be applied.
    ///
    /// Its vehicle may have been seen after the event, which was longer under way than the ping.
    /// The way begins there then: what was driven in between nobody kept, and it counts as a gap.
    pub(crate) fn known_by(event: &RideEvent, last_seen: Option<Spot>) -> Self {
        let fresh = |spot: &Spot| event.time.seconds_since(spot.time).abs() <= FRESH_SECONDS;
        let here = last_seen.filter(fresh);
        Self {
            id: event.ride.into(),
            driver: event.driver.map(KeptId::from),
            version: Version::beginning_at(event.time),
            story: Story::beginning_at(event.time),
            plan: Plan::default(),
            way: Way::beginning_at(here),
            stall: Stall::default(),
            drive: None,
            arrival: None,
            here,
            travelled: Meters(0.0),
            as_of: event.time,
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> RideId {
        self.id.id()
    }

    /// Whether it has this id.
    pub(crate) fn is(&self, id: RideId) -> bool {
        self.id.as_str() == id.as_str()
    }

    /// Who drives, if known.
    pub(crate) fn driver(&self) -> Option<DriverId> {
        self.driver.as_ref().map(KeptId::id)
    }

    /// Gives the ride to another vehicle. A rider who is on board goes on from there.
    pub(crate) fn hand_over(&mut self, event: &RideEvent, last_seen: Option<Spot>) {
        let begun = Self::known_by(event, last_seen);
        self.version.advance_to(event.time);
        self.version.advance();
        KeptId::replace(&mut self.driver, event.driver);
        self.here = begun.here;
        self.drive = None;
        self.story.owned_since = event.time;
        if self.story.picked_up.is_none() {
            self.story = begun.story;
            self.way = begun.way;
            self.stall = begun.stall;
            self.travelled = begun.travelled;
        }
    }

    /// Takes an event of its own vehicle.
    pub(crate) fn on_event(&mut self, event: &RideEvent) -> EventOutcome {
        let before = self.phase();
        let learned_driver = self.driver.is_none() && event.driver.is_some();
        let learned = self.learn(event);
        if !learned && !learned_driver {
            return EventOutcome::Repeat;
        }
        if event.driver.is_some() {
            KeptId::replace(&mut self.driver, event.driver);
        }
        self.as_of = self.as_of.max(event.time);
        self.version.advance();
        let after = self.phase();
        if before != after {
            self.end_drive(after);
            self.enter(after);
        }
        if let Some(drive) = &mut self.drive {
            drive.forget_promise();
        }
        EventOutcome::Applied
    }

    /// Renews what riders are told of the arrival, after a fix or an event.
    pub(crate) fn promise(&mut self, motion: Option<Motion>, tempo: Tempo, models: &Models) {
        let stage = match self.phase() {
            Phase::ToPickup => Stage::Approach,
            Phase::OnTrip => Stage::Trip,
            Phase::Waiting | Phase::Completed | Phase::Cancelled => return,
        };
        let (Some(here), Some(goal)) = (self.here, self.goal()) else {
            return;
        };
        let begin = Spot {
            time: self.phase_since(),
            position: match stage {
                Stage::Approach => here.position,
                Stage::Trip => self.plan.pickup.unwrap_or(here.position),
            },
        };
        let drive = self
            .drive
            .get_or_insert_with(|| Box::new(Drive::begin(stage, begin, tempo)));
        drive.advance(here, motion.unwrap_or_default(), goal, models);
    }

    /// What riders are told of the arrival in this phase.
    pub(crate) fn promised(&self) -> Option<&Promise> {
        self.drive.as_ref().and_then(|drive| drive.promise())
    }

    /// The drive that has just ended, once.
    pub(crate) fn take_arrival(&mut self) -> Option<Arrival> {
        self.arrival.take()
    }

    fn goal(&self) -> Option<Goal> {
        let place = self.destination()?;
        let route = match self.plan.route.as_deref() {
            Some((route, follow)) if self.phase() == Phase::OnTrip && !follow.is_off() => {
                Some(RouteLeft {
                    length: Meters(route.length().0 - follow.along().0),
                    planned: None,
                })
            }
            Some(_) | None => None,
        };
        Some(Goal { place, route })
    }

    /// Ends the drive of the phase before this one.
    fn end_drive(&mut self, phase: Phase) {
        let Some(drive) = self.drive.take() else {
            return;
        };
        let (stage, ended, goal) = match phase {
            Phase::Waiting => (Stage::Approach, self.story.arrived, self.plan.pickup),
            Phase::Completed if self.story.picked_up.is_some() => {
                let end = self.story.end.map(|end| end.time);
                (Stage::Trip, end, self.plan.dropoff)
            }
            // Nobody said when it arrived at the pickup.
            Phase::OnTrip | Phase::ToPickup | Phase::Completed | Phase::Cancelled => return,
        };
        let Some(time) = ended else {
            return;
        };
        let (Some(here), Some(seen)) = (self.here, self.way.position_at(time)) else {
            return;
        };
        let age_s = time.seconds_since(here.time).max(0.0);
        let near = NEAR_GOAL_M + NEAR_GOAL_MPS * age_s;
        let goal = goal.filter(|goal| goal.distance(seen).0 <= near);
        self.arrival = Some(Arrival {
            drive,
            stage,
            time,
            place: goal.unwrap_or(seen),
        });
    }

    /// Takes a fix that is newer than all before, while the ride is open.
    pub(crate) fn on_fix(&mut self, fix: &Fix, step: Step) {
        let moved = match (step, self.here) {
            (Step::Drove(moved), _) => moved,
            (Step::Jumped, Some(here)) => here.position.distance(fix.spot.position),
            (Step::Jumped, None) => Meters(0.0),
        };
        self.travelled.0 += self.way.push(fix.spot, fix.least_move(), step).0;
        self.here = Some(fix.spot);
        self.as_of = self.as_of.max(fix.spot.time);
        self.stall.advance(fix.spot);
        if self.phase() == Phase::OnTrip
            && let Some((route, follow)) = self.plan.route.as_deref_mut()
        {
            follow.advance(route, fix, moved);
        }
        self.version.advance();
    }

    /// Takes a fix that came late: it changes the trip, not what riders see.
    pub(crate) fn on_late_fix(&mut self, spot: Spot) -> Inserted {
        let is_after = self.story.end.is_some_and(|end| spot.time > end.time);
        if is_after || spot.time < self.story.first_word() {
            return Inserted::Ignored;
        }
        self.way.insert(spot)
    }

    /// Where the ride stands: it follows from what has been said, in whatever order.
    pub(crate) fn phase(&self) -> Phase {
        match &self.story {
            Story {
                end:
                    Some(End {
                        outcome: TripOutcome::Completed,
                        ..
                    }),
                ..
            } => Phase::Completed,
            Story {
                end:
                    Some(End {
                        outcome: TripOutcome::Cancelled,
                        ..
                    }),
                ..
            } => Phase::Cancelled,
            Story {
                picked_up: Some(_), ..
            } => Phase::OnTrip,
            Story {
                arrived: Some(_), ..
            } => Phase::Waiting,
            Story { .. } => Phase::ToPickup,
        }
    }

    /// When the phase began.
    pub(crate) fn phase_since(&self) -> Timestamp {
        let story = &self.story;
        let end = story.end.map(|end| end.time);
        end.or(story.picked_up)
            .or(story.arrived)
            .or(story.assigned)
            .unwrap_or(story.begun)
    }

    /// Where the vehicle is to drive in this phase.
    pub(crate) fn destination(&self) -> Option<Coordinate> {
        match self.phase() {
            Phase::ToPickup => self.plan.pickup,
            Phase::OnTrip => self.plan.dropoff,
            Phase::Waiting | Phase::Completed | Phase::Cancelled => None,
        }
    }

    /// Takes in what the event says; tells whether any of it was new.
    fn learn(&mut self, event: &RideEvent) -> bool {
        let time = event.time;
        match &event.kind {
            RideEventKind::Assigned {
                pickup,
                dropoff,
                route,
            } => {
                let assigned = self.learn_assignment(time, *pickup);
                let planned = self.learn_plan(time, *dropoff, route.as_deref());
                assigned || planned
            }
            RideEventKind::Rerouted { dropoff, route } => {
                self.learn_plan(time, *dropoff, route.as_deref())
            }
            RideEventKind::Arrived => learn_time(&mut self.story.arrived, time),
            RideEventKind::PickedUp => learn_time(&mut self.story.picked_up, time),
            RideEventKind::DroppedOff { fare } => {
                let outcome = TripOutcome::Completed;
                self.learn_end(End {
                    time,
                    outcome,
                    by: CancelledBy::Unspecified,
                    fare: *fare,
                })
            }
            RideEventKind::Cancelled { by } => {
                let outcome = TripOutcome::Cancelled;
                self.learn_end(End {
                    time,
                    outcome,
                    by: *by,
                    fare: None,
                })
            }
        }
    }

    /// A later assignment replaces an earlier one until the rider is on board.
    fn learn_assignment(&mut self, time: Timestamp, pickup: Coordinate) -> bool {
        let Story {
            owned_since,
            assigned,
            picked_up,
            end,
            ..
        } = &mut self.story;
        let settled = picked_up.is_some() || end.is_some();
        match *assigned {
            Some(before) if settled || time <= before => return false,
            _ => *assigned = Some(time),
        }
        *owned_since = time.max(*owned_since);
        self.plan.pickup = Some(pickup);
        true
    }

    /// The latest word on where to go counts. A ride that is over goes nowhere new.
    fn learn_plan(&mut self, time: Timestamp, dropoff: Coordinate, route: Option<&str>) -> bool {
        let is_later = self.plan.said.is_none_or(|said| time > said);
        let is_possible = self.story.end.is_none() || self.plan.dropoff.is_none();
        if !is_later || !is_possible {
            return false;
        }
        self.plan.said = Some(time);
        self.plan.dropoff = Some(dropoff);
        self.plan.route = match (self.story.end, route) {
            // The text was checked at the door; one that does not decode is no route.
            (None, Some(text)) => polyline::decode(text)
                .ok()
                .and_then(|way| Route::new(&way))
                .map(|route| Box::new(self.follow(route))),
            (Some(_), _) | (None, None) => None,
        };
        true
    }

    fn learn_end(&mut self, end: End) -> bool {
        let Some(known) = &mut self.story.end else {
            self.story.end = Some(end);
            return true;
        };
        if known.outcome == end.outcome && known.fare.is_none() && end.fare.is_some() {
            known.fare = end.fare;
            return true;
        }
        false
    }

    fn follow(&self, route: Route) -> (Route, Follow) {
        let follow = Follow::start(&route, self.here);
        (route, follow)
    }

    /// Does what a change of phase asks for.
    fn enter(&mut self, phase: Phase) {
        self.way.seal();
        self.stall = Stall::beginning_at(self.here);
        match phase {
            Phase::ToPickup | Phase::Waiting => self.travelled = Meters(0.0),
            Phase::OnTrip => {
                self.travelled = Meters(0.0);
                if let Some(planned) = self.plan.route.take() {
                    self.plan.route = Some(Box::new(self.follow(planned.0)));
                }
            }
            Phase::Completed | Phase::Cancelled => {
                self.plan.route = None;
                self.way.shrink();
            }
        }
    }
}

impl Story {
    fn beginning_at(begun: Timestamp) -> Self {
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
    fn first_word(&self) -> Timestamp {
        let times = [self.assigned, self.arrived, self.picked_up];
        times.into_iter().flatten().fold(self.begun, Timestamp::min)
    }
}

/// The first word stands.
fn learn_time(known: &mut Option<Timestamp>, time: Timestamp) -> bool {
    if known.is_some() {
        return false;
    }
    *known = Some(time);
    true
}

#[cfg(test)]
mod tests;
