//! A cab's day: it cruises, is sent to a rider, waits, drives them, is free again.
//! The truth of where it is; what its device makes of that is `receiver`'s and `device`'s.

use schemas::{CancelledBy, RideEventKind, RideId, VehicleState};

use super::{
    drive::{Drive, Travel},
    plane::Point,
    ride::{Ride, Rider, World, draw_reroute, fare},
    town::Town,
};
use crate::dice::Dice;

/// Seconds until the first ride at most, so that a town comes to life soon.
const FIRST_RIDE_SECONDS: f64 = 120.0;
/// Mean seconds between two rides of a cab.
const FREE_SECONDS: f64 = 180.0;
/// Seconds at the kerb: until a rider is on board, or has not come; after the trip.
const WAITING_SECONDS: (f64, f64) = (15.0, 150.0);
const LEAVING_SECONDS: f64 = 20.0;
/// Seconds in a jam: longer than what counts as stalled.
const JAM_SECONDS: (f64, f64) = (200.0, 400.0);

/// A cab and its ride.
#[derive(Debug)]
pub(super) struct Cab {
    /// What the ids of its rides begin with.
    rides_name: String,
    drive: Drive,
    duty: Duty,
    rides: u32,
    dice: Dice,
}

#[derive(Debug)]
enum Duty {
    Free {
        seconds_left: f64,
    },
    ToPickup {
        ride: Box<Ride>,
        seconds: f64,
    },
    Waiting {
        ride: Box<Ride>,
        seconds_left: f64,
    },
    OnTrip {
        ride: Box<Ride>,
        seconds: f64,
        meters: f64,
    },
}

impl Cab {
    /// A cab that stands somewhere in the town; all it does follows from `dice`.
    pub(super) fn new(rides_name: String, town: &Town, mut dice: Dice) -> Self {
        let drive = Drive::start(town, &mut dice);
        let seconds_left = dice.between(0.0, FIRST_RIDE_SECONDS);
        Self {
            rides_name,
            drive,
            duty: Duty::Free { seconds_left },
            rides: 0,
            dice,
        }
    }

    pub(super) fn position(&self, town: &Town) -> Point {
        self.drive.position(town)
    }

    pub(super) fn heading_cdeg(&self, town: &Town) -> u32 {
        self.drive.heading_cdeg(town)
    }

    /// In m/s.
    pub(super) fn speed(&self) -> f64 {
        self.drive.speed()
    }

    /// The ride that the cab is on, from its assignment to its end.
    pub(super) fn ride(&self) -> Option<RideId> {
        match &self.duty {
            Duty::Free { .. } => None,
            Duty::ToPickup { ride, .. }
            | Duty::Waiting { ride, .. }
            | Duty::OnTrip { ride, .. } => Some(ride.id),
        }
    }

    pub(super) fn state(&self) -> VehicleState {
        match self.duty {
            Duty::Free { .. } => VehicleState::Available,
            Duty::ToPickup { .. } | Duty::Waiting { .. } => VehicleState::Reserved,
            Duty::OnTrip { .. } if self.drive.speed() < 0.1 => VehicleState::Stopped,
            Duty::OnTrip { .. } => VehicleState::OnTrip,
        }
    }

    /// Lives on by a step of at most a second; says what happened to a ride, if anything.
    pub(super) fn step(
        &mut self,
        world: &mut World,
        seconds: f64,
    ) -> Option<(RideId, RideEventKind)> {
        match self.duty {
            Duty::Free { .. } => {
                while self.drive.streets_ahead() < 2 {
                    self.drive.wander(&world.town, &mut self.dice);
                }
            }
            Duty::ToPickup { .. } | Duty::Waiting { .. } | Duty::OnTrip { .. } => {}
        }
        let travel = self.drive.step(&world.town, seconds, &mut self.dice);
        let before = self.ride();
        let event = self.live(travel, world, seconds)?;
        // The event that ends a ride is still of that ride.
        let ride = before.or_else(|| self.ride())?;
        Some((ride, event))
    }

    fn live(&mut self, travel: Travel, world: &mut World, step: f64) -> Option<RideEventKind> {
        let free = Duty::Free { seconds_left: 0.0 };
        let (duty, event) = match std::mem::replace(&mut self.duty, free) {
            Duty::Free { seconds_left } => self.cruise(seconds_left - step, world),
            Duty::ToPickup { ride, seconds } => self.approach(ride, seconds + step, travel),
            Duty::Waiting { ride, seconds_left } => self.wait(ride, seconds_left - step, world),
            Duty::OnTrip {
                ride,
                seconds,
                meters,
            } => {
                let meters = meters + self.drive.speed() * step;
                self.carry(
                    Trip {
                        ride,
                        seconds: seconds + step,
                        meters,
                    },
                    travel,
                    world,
                    step,
                )
            }
        };
        self.duty = duty;
        event
    }

    fn cruise(&mut self, seconds_left: f64, world: &mut World) -> (Duty, Option<RideEventKind>) {
        if seconds_left > 0.0 {
            return (Duty::Free { seconds_left }, None);
        }
        let Ok(id) = RideId::new(&format!("{}-{}", self.rides_name, self.rides)) else {
            return (self.free(), None);
        };
        let place = self.turning_place(&world.town);
        let Some(ride) = Ride::draw(id, place, world, &mut self.dice) else {
            return (self.free(), None);
        };
        self.rides += 1;
        self.drive
            .follow(ride.to_pickup.iter().copied(), &world.town);
        let assigned = ride.assigned.clone();
        (
            Duty::ToPickup {
                ride: Box::new(ride),
                seconds: 0.0,
            },
            Some(assigned),
        )
    }

    fn approach(
        &mut self,
        ride: Box<Ride>,
        seconds: f64,
        travel: Travel,
    ) -> (Duty, Option<RideEventKind>) {
        if travel == Travel::Ended {
            let seconds_left = self.dice.between(WAITING_SECONDS.0, WAITING_SECONDS.1);
            return (
                Duty::Waiting { ride, seconds_left },
                Some(RideEventKind::Arrived),
            );
        }
        if ride.cancelled_after.is_some_and(|after| seconds > after) {
            let who = [
                CancelledBy::Rider,
                CancelledBy::Driver,
                CancelledBy::Dispatch,
            ];
            let by = who[self.dice.below(who.len())];
            return (self.free(), Some(RideEventKind::Cancelled { by }));
        }
        (Duty::ToPickup { ride, seconds }, None)
    }

    fn wait(
        &mut self,
        ride: Box<Ride>,
        seconds_left: f64,
        world: &World,
    ) -> (Duty, Option<RideEventKind>) {
        if seconds_left > 0.0 {
            return (Duty::Waiting { ride, seconds_left }, None);
        }
        match ride.rider {
            Rider::Misses => {
                let by = CancelledBy::Driver;
                (self.free(), Some(RideEventKind::Cancelled { by }))
            }
            Rider::Shows => {
                self.drive.follow(ride.trip.iter().copied(), &world.town);
                let duty = Duty::OnTrip {
                    ride,
                    seconds: 0.0,
                    meters: 0.0,
                };
                (duty, Some(RideEventKind::PickedUp))
            }
        }
    }

    fn carry(
        &mut self,
        trip: Trip,
        travel: Travel,
        world: &mut World,
        step: f64,
    ) -> (Duty, Option<RideEventKind>) {
        let Trip {
            ride,
            seconds,
            meters,
        } = trip;
        if travel == Travel::Ended {
            self.drive.stand(LEAVING_SECONDS);
            let fare = fare(meters, seconds);
            return (self.free(), Some(RideEventKind::DroppedOff { fare }));
        }
        let is_now = |after: Option<f64>| {
            after.is_some_and(|after| seconds > after && seconds - step <= after)
        };
        if is_now(ride.jammed_after) {
            self.drive
                .stand(self.dice.between(JAM_SECONDS.0, JAM_SECONDS.1));
        }
        let mut event = None;
        if is_now(ride.rerouted_after) {
            let place = self.turning_place(&world.town);
            if let Some((rerouted, way)) = draw_reroute(place, world, &mut self.dice) {
                self.drive.follow(way, &world.town);
                event = Some(rerouted);
            }
        }
        (
            Duty::OnTrip {
                ride,
                seconds,
                meters,
            },
            event,
        )
    }

    fn free(&mut self) -> Duty {
        Duty::Free {
            seconds_left: LEAVING_SECONDS + self.dice.exponential(FREE_SECONDS),
        }
    }

    fn turning_place(&self, town: &Town) -> (Point, super::town::Junction) {
        (self.drive.position(town), self.drive.next_junction(town))
    }
}

/// A ride with the rider on board, and what it has come to.
struct Trip {
    ride: Box<Ride>,
    seconds: f64,
    meters: f64,
}

#[cfg(test)]
mod tests;
