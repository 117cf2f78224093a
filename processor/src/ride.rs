//! A ride: what is known of it from its events and its vehicle's pings, and its phase.
//! Where it is to go is [`plan`]'s, what is learned from its drives [`arrival`]'s; how it looks to
//! riders is `progress`'s, what it becomes when it ends `trip`'s.

mod arrival;
mod plan;
mod story;

use schemas::{
    CancelledBy, Coordinate, DriverId, Meters, Phase, RideEvent, RideEventKind, RideId, Timestamp,
    TripOutcome, id, kept::KeptId,
};
use serde::{Deserialize, Serialize};

use crate::{
    eta::drive::Drive,
    fix::{Fix, Spot, Step},
    stall::Stall,
    version::Version,
    way::{Inserted, Way},
};

pub(crate) use arrival::Arrival;
use plan::Plan;
pub(crate) use plan::Planned;
pub(crate) use story::End;
use story::{Story, learn_time};

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
            && let Some(planned) = self.plan.route.as_deref_mut()
        {
            planned.advance(fix, moved);
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
                let planned = self.learn_plan(time, *dropoff, route.as_ref());
                assigned || planned
            }
            RideEventKind::Rerouted { dropoff, route } => {
                self.learn_plan(time, *dropoff, route.as_ref())
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

    /// Does what a change of phase asks for.
    fn enter(&mut self, phase: Phase) {
        self.way.seal();
        self.stall = Stall::beginning_at(self.here);
        match phase {
            Phase::ToPickup | Phase::Waiting => self.travelled = Meters(0.0),
            Phase::OnTrip => {
                self.travelled = Meters(0.0);
                if let Some(planned) = self.plan.route.as_deref_mut() {
                    planned.begin_again(self.here);
                }
            }
            Phase::Completed | Phase::Cancelled => {
                self.plan.route = None;
                self.way.shrink();
            }
        }
    }
}

#[cfg(test)]
mod tests;
