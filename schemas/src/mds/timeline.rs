//! One vehicle through the states of MDS: ride events and pings go in, in the order of their times,
//! and transitions come out, each along an edge of `machine`'s table. It knows no place, so it never
//! says that a vehicle left the jurisdiction, and no file.
//!
//! What the table asks for and nobody told is put in: a street hail (a rider on board of a vehicle
//! that was free) is a reservation that begins, stops and becomes a trip, since no edge leads from
//! available to on trip; and a trip ends where its vehicle stands, so a drop-off is a stop and an end.
//!
//! **Times.** MDS wants the order of events to be seen from their timestamps (`data-types.md`, "Event
//! Times"), so no two of a vehicle are equal: what happens at one moment is put 1 ms apart, later and
//! never earlier, since the hour before may be reported already.
//!
//! **One ride at a time.** A ride assigned while another is open waits, and begins when that one ends.
//! If it is arrived at, picked up or dropped off first, the open one must be over though nobody said
//! so: with its passenger on board it ends then, without one it is the provider's cancellation. So
//! rides that share a vehicle are told one after the other. A vehicle whose pings deny the open ride
//! for long enough ends it in the same way: its ride was given to another, or its end was lost.
//!
//! **Duty.** A vehicle begins off duty; feed it from some hours before the period that is wanted, and
//! drop what comes before. Silence counts only on duty: who is at home is not out of reach.

#[cfg(test)]
mod laws;
mod rides;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Basis::{self, Implied, Presumed, Told},
    State, Transition,
    VehicleEvent::{self, MaintenanceEnd, Recommissioned},
};
use crate::{CancelledBy, RideEvent, RideEventKind, RideId, Timestamp, VehicleState};

pub(super) use rides::Word;
use rides::{Ending, Rides, Stage, Verdict};

/// What stands between two things of one moment; MDS counts whole milliseconds.
const STEP: Duration = Duration::from_millis(1);

/// How long things may last before something follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Without a word from a vehicle on duty, until it is out of reach.
    pub silence: Duration,
    /// Of pings that deny the open ride, until it is over.
    pub denial: Duration,
    /// Of pings that say the vehicle stands with its passenger, until it has stopped: longer than
    /// at a traffic light.
    pub standing: Duration,
}

/// Where one vehicle stands. Copy it, or store it, to go on from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    limits: Limits,
    /// As it is, or was when it was last heard.
    state: State,
    contact: Contact,
    /// What brings it back from where it was removed to.
    back: VehicleEvent,
    rides: Rides,
    /// What pings say, and since when without another word.
    said: Option<(VehicleState, Timestamp)>,
    heard: Option<Timestamp>,
    last: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Contact {
    Held,
    Lost,
}

/// The time of what is told, and where what follows from it goes.
struct Moment<'out> {
    time: Timestamp,
    out: &'out mut Vec<Transition>,
}

impl Timeline {
    /// A vehicle of which nothing is known: off duty.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::NonOperational,
            contact: Contact::Held,
            back: MaintenanceEnd,
            rides: Rides::default(),
            said: None,
            heard: None,
            last: None,
        }
    }

    /// A vehicle that waits for its first ride.
    pub(super) fn on_duty(limits: Limits) -> Self {
        Self {
            state: State::Available,
            ..Self::new(limits)
        }
    }

    /// The state as an agency was told it last.
    pub fn state(&self) -> State {
        match self.contact {
            Contact::Held => self.state,
            Contact::Lost => State::NonContactable,
        }
    }

    /// The ride that is open.
    pub fn ride(&self) -> Option<RideId> {
        self.rides.open()
    }

    /// Takes an event of a ride of this vehicle. A repeat, and what contradicts what was said first,
    /// give nothing; a new way gives nothing either.
    pub fn ride_event(&mut self, event: &RideEvent, out: &mut Vec<Transition>) {
        let word = match event.kind {
            RideEventKind::Assigned { .. } => Word::Assigned,
            RideEventKind::Arrived => Word::Arrived,
            RideEventKind::PickedUp => Word::PickedUp,
            RideEventKind::DroppedOff { .. } => Word::DroppedOff,
            RideEventKind::Cancelled { by } => Word::Cancelled(by),
            RideEventKind::Rerouted { .. } => return,
        };
        self.told(event.ride, word, event.time, out);
    }

    /// Takes what a ping says of its vehicle's state, `Unspecified` being that it is heard.
    pub fn ping(&mut self, time: Timestamp, state: VehicleState, out: &mut Vec<Transition>) {
        // Somebody says it of the vehicle.
        if matches!(state, VehicleState::NonContactable | VehicleState::Missing) {
            self.pass(time, out);
            self.lose(&mut Moment { time, out }, Told);
            return;
        }
        let mut moment = self.hear(time, out);
        if state == VehicleState::Unspecified {
            return;
        }
        let since = match self.said {
            Some((said, since)) if said == state => since,
            _ => moment.time,
        };
        self.said = Some((state, since));
        let now = moment.time;
        let lasts = |limit| now >= after(since, limit);
        match self.rides.stage() {
            None => self.settle(state, &mut moment),
            Some(_) if denies_rides(state) => {
                if lasts(self.limits.denial) {
                    self.said = Some((state, moment.time));
                    self.give_up(&mut moment);
                    self.begin_next(&mut moment);
                    if self.ride().is_none() {
                        self.settle(state, &mut moment);
                    }
                }
            }
            Some(Stage::OnBoard) => match (self.state, state) {
                (State::OnTrip, VehicleState::Stopped) if lasts(self.limits.standing) => {
                    self.go(VehicleEvent::TripStop, Told, &mut moment);
                }
                (State::Stopped, VehicleState::OnTrip) => {
                    self.go(VehicleEvent::TripResume, Told, &mut moment);
                }
                // The other words say what is known, or what ride events decide.
                (_, _) => {}
            },
            Some(Stage::ToPickup | Stage::Waiting) => {}
        }
    }

    /// Says that nothing came until `now`. It only tells earlier what the next word would: whoever
    /// closes an hour calls it, and what comes after is the same.
    pub fn pass(&mut self, now: Timestamp, out: &mut Vec<Transition>) {
        let Some(heard) = self.heard.filter(|_| self.state.is_on_duty()) else {
            return;
        };
        let time = after(heard, self.limits.silence);
        if time <= now {
            self.lose(&mut Moment { time, out }, Presumed);
        }
    }

    /// Takes a word on a ride.
    pub(super) fn told(
        &mut self,
        ride: RideId,
        word: Word,
        time: Timestamp,
        out: &mut Vec<Transition>,
    ) {
        if self.rides.take(ride, word) != Verdict::News {
            return;
        }
        let moment = &mut self.hear(time, out);
        // What pings said before is no denial of what is told now.
        self.said = None;
        if self.ride().is_some_and(|open| open != ride) {
            self.give_up(moment);
        }
        match word {
            Word::Assigned => self.reserve(ride, Told, moment),
            Word::Arrived => {
                self.reserve(ride, Implied, moment);
                self.rides.reach(Stage::Waiting);
                self.go(VehicleEvent::ReservationStop, Told, moment);
            }
            Word::PickedUp => self.board(ride, Told, moment),
            Word::DroppedOff => {
                self.board(ride, Implied, moment);
                self.end(VehicleEvent::TripEnd, Told, moment);
                self.begin_next(moment);
            }
            Word::Cancelled(by) => {
                self.end(cancellation(by), Told, moment);
                self.begin_next(moment);
            }
        }
    }

    /// Brings the vehicle on duty, and sends it to a rider if it is not on the way already.
    fn reserve(&mut self, ride: RideId, basis: Basis, moment: &mut Moment) {
        if self.ride().is_none() {
            self.enter_service(Implied, moment);
            self.rides.begin(ride);
            self.go(VehicleEvent::ReservationStart, basis, moment);
        }
    }

    /// Takes the rider on board, where that has not been told.
    fn board(&mut self, ride: RideId, basis: Basis, moment: &mut Moment) {
        self.reserve(ride, Implied, moment);
        if self.rides.stage() != Some(Stage::OnBoard) {
            self.rides.reach(Stage::OnBoard);
            self.go(VehicleEvent::ReservationStop, Implied, moment);
            self.go(VehicleEvent::TripStart, basis, moment);
        }
    }

    /// Ends the open ride by `event`, where the vehicle stands.
    fn end(&mut self, event: VehicleEvent, basis: Basis, moment: &mut Moment) {
        let (stop, ending) = match (basis, self.rides.stage()) {
            (Presumed, Some(Stage::OnBoard)) => (Presumed, Ending::Final),
            (Presumed, _) => (Presumed, Ending::GivenUp),
            (Told | Implied, _) => (Implied, Ending::Final),
        };
        self.go(VehicleEvent::TripStop, stop, moment);
        self.go(event, basis, moment);
        self.rides.end(ending);
    }

    /// Ends a ride of which nothing more is heard.
    fn give_up(&mut self, moment: &mut Moment) {
        let event = match self.rides.stage() {
            Some(Stage::OnBoard) => VehicleEvent::TripEnd,
            Some(Stage::ToPickup | Stage::Waiting) | None => VehicleEvent::ProviderCancellation,
        };
        self.end(event, Presumed, moment);
    }

    fn begin_next(&mut self, moment: &mut Moment) {
        if let Some(next) = self.rides.next() {
            self.reserve(next, Implied, moment);
        }
    }

    /// Makes the vehicle without a ride what its pings say it is.
    fn settle(&mut self, said: VehicleState, moment: &mut Moment) {
        let away = match said {
            VehicleState::NonOperational => None,
            VehicleState::Removed => Some((VehicleEvent::MaintenancePickUp, MaintenanceEnd)),
            VehicleState::Decommissioned => Some((VehicleEvent::Decommissioned, Recommissioned)),
            // Of a ride that no event told it can only be said that the vehicle is on duty.
            _ => return self.enter_service(Told, moment),
        };
        match (away, self.state) {
            (None, State::Removed) => self.go(self.back, Told, moment),
            (None, _) => self.go(VehicleEvent::ServiceEnd, Told, moment),
            (Some(_), State::Removed) => {}
            (Some((event, back)), _) => {
                self.go(VehicleEvent::ServiceEnd, Implied, moment);
                self.go(event, Told, moment);
                self.back = back;
            }
        }
    }

    fn enter_service(&mut self, basis: Basis, moment: &mut Moment) {
        if self.state == State::Removed {
            self.go(self.back, Implied, moment);
        }
        self.go(VehicleEvent::ServiceStart, basis, moment);
    }

    /// Notes that the vehicle was heard; whoever was out of reach is so no longer.
    fn hear<'out>(&mut self, time: Timestamp, out: &'out mut Vec<Transition>) -> Moment<'out> {
        let time = self.heard.map_or(time, |heard| heard.max(time));
        self.pass(time, out);
        self.heard = Some(time);
        let mut moment = Moment { time, out };
        if self.contact == Contact::Lost {
            self.contact = Contact::Held;
            self.say(VehicleEvent::CommsRestored, Told, &mut moment);
        }
        moment
    }

    fn lose(&mut self, moment: &mut Moment, basis: Basis) {
        if self.contact == Contact::Held {
            self.contact = Contact::Lost;
            self.say(VehicleEvent::CommsLost, basis, moment);
        }
    }

    /// Goes along the edge of the table that `event` names here; if there is none, nothing happens.
    fn go(&mut self, event: VehicleEvent, basis: Basis, moment: &mut Moment) {
        if let Some(state) = self.state.after(event) {
            self.state = state;
            self.say(event, basis, moment);
        }
    }

    fn say(&mut self, event: VehicleEvent, basis: Basis, moment: &mut Moment) {
        let earliest = self.last.map(|last| after(last, STEP));
        let time = earliest.map_or(moment.time, |earliest| earliest.max(moment.time));
        self.last = Some(time);
        moment.out.push(Transition {
            time,
            event,
            state: self.state(),
            ride: self.ride(),
            basis,
        });
    }
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    Timestamp(time.0.saturating_add(wait))
}

/// Whether a vehicle that says this is on no ride.
fn denies_rides(said: VehicleState) -> bool {
    matches!(
        said,
        VehicleState::Available
            | VehicleState::NonOperational
            | VehicleState::Removed
            | VehicleState::Decommissioned
    )
}

/// Who called a ride off; where that is not told, it is the provider who reports it.
fn cancellation(by: CancelledBy) -> VehicleEvent {
    match by {
        CancelledBy::Rider => VehicleEvent::PassengerCancellation,
        CancelledBy::Driver => VehicleEvent::DriverCancellation,
        CancelledBy::Dispatch | CancelledBy::Unspecified => VehicleEvent::ProviderCancellation,
    }
}
