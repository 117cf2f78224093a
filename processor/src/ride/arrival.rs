//! The drives of a ride, to its pickup and to its drop-off: what riders are told of when they end,
//! and the arrival at the end of each. What is made of both is `eta`'s.

use schemas::Phase;

use super::{Ride, plan::Planned};
use crate::{
    eta::{
        Models, Promise, Stage,
        drive::{Drive, End, Goal},
        motion::Motion,
        tempo::Tempo,
    },
    fix::Spot,
};

/// A vehicle ends its drive where it was to go if it is seen this near to it, and so much farther for
/// each second since, m and m/s.
const NEAR_GOAL_M: f64 = 300.0;
const NEAR_GOAL_MPS: f64 = 20.0;

/// A drive that has ended, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) drive: Box<Drive>,
    pub(crate) end: End,
}

impl Ride {
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

    /// Ends the drive of the phase before this one.
    pub(super) fn end_drive(&mut self, phase: Phase) {
        let Some(drive) = self.drive.take() else {
            return;
        };
        let (ended, goal, planned) = match (phase, self.story.picked_up) {
            // The planned route begins at the pickup.
            (Phase::Waiting, _) => (self.story.arrived, self.plan.pickup, None),
            (Phase::Completed, Some(begun)) => {
                let end = self.story.end.map(|end| end.time);
                (end, self.plan.dropoff, self.plan.duration_as_of(begun))
            }
            // Nobody said when it arrived at the pickup.
            (Phase::Completed, None) | (Phase::OnTrip | Phase::ToPickup | Phase::Cancelled, _) => {
                return;
            }
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
        let end = End {
            time,
            place: goal.unwrap_or(seen),
            planned,
        };
        self.arrival = Some(Arrival { drive, end });
    }

    fn goal(&self) -> Option<Goal> {
        let is_on_route = |planned: &&Planned| !planned.is_off();
        let planned = self.plan.route.as_deref().filter(is_on_route);
        let planned = planned.filter(|_| self.phase() == Phase::OnTrip);
        Some(Goal {
            place: self.destination()?,
            route: planned.map(Planned::left),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use schemas::{Meters, PlannedRoute, RideEventKind};

    use super::*;
    use crate::{
        fix::{Fix, Step},
        testing::{assigned, place, ride_event, spot},
    };

    const MINUTES_10: Duration = Duration::from_mins(10);

    /// A ride along 6 km to the east, planned to take 10 minutes.
    fn ride() -> Ride {
        let RideEventKind::Assigned {
            pickup,
            dropoff,
            route: Some(PlannedRoute { way, .. }),
        } = assigned(0.0, 6_000.0)
        else {
            panic!("it has a route")
        };
        let duration = Some(MINUTES_10);
        let route = Some(PlannedRoute { way, duration });
        let assigned = RideEventKind::Assigned {
            pickup,
            dropoff,
            route,
        };
        let event = ride_event("r", "v", 0, assigned);
        let mut ride = Ride::known_by(&event, Some(spot(0, 0.0, 0.0)));
        ride.on_event(&event);
        ride
    }

    fn drive_to(ride: &mut Ride, at_s: i64, (east_m, north_m): (f64, f64)) {
        let fix = Fix {
            spot: spot(at_s, east_m, north_m),
            speed: None,
            heading: None,
            accuracy: None,
        };
        let moved = ride.here.map_or(Meters(0.0), |here| {
            here.position.distance(fix.spot.position)
        });
        ride.on_fix(&fix, Step::Drove(moved));
    }

    /// What of the route is left in m, and by its plan in s.
    fn left(ride: &Ride) -> Option<(f64, f64)> {
        let route = ride.goal().unwrap().route?;
        Some((route.length.0, route.planned.unwrap().as_secs_f64()))
    }

    #[test]
    fn of_a_third_of_the_route_a_third_of_its_planned_duration_is_left() {
        let mut ride = ride();
        assert_eq!(left(&ride), None);
        ride.on_event(&ride_event("r", "v", 1, RideEventKind::PickedUp));
        for at_s in 1..=200 {
            drive_to(&mut ride, at_s, (at_s as f64 * 20.0, 0.0));
        }
        let (meters, seconds) = left(&ride).unwrap();
        assert!((meters - 2_000.0).abs() < 2.0, "{meters}");
        assert!((seconds - 200.0).abs() < 0.2, "{seconds}");
    }

    #[test]
    fn beside_the_route_its_plan_says_nothing() {
        let mut ride = ride();
        ride.on_event(&ride_event("r", "v", 1, RideEventKind::PickedUp));
        for at_s in 2..20 {
            drive_to(&mut ride, at_s, (20.0, at_s as f64 * 20.0));
        }
        assert_eq!(left(&ride), None);
        assert_eq!(ride.goal().unwrap().place, place(6_000.0, 0.0));
    }

    #[test]
    fn a_way_to_nowhere_has_nothing_left() {
        let mut ride = ride();
        let way: PlannedRoute = schemas::polyline::encode([place(0.0, 0.0); 2]).into();
        let duration = Some(MINUTES_10);
        let rerouted = RideEventKind::Rerouted {
            dropoff: place(0.0, 0.0),
            route: Some(PlannedRoute { duration, ..way }),
        };
        ride.on_event(&ride_event("r", "v", 1, rerouted));
        ride.on_event(&ride_event("r", "v", 2, RideEventKind::PickedUp));
        assert_eq!(left(&ride), Some((0.0, 0.0)));
    }
}
