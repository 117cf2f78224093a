//! The state of a shard: all vehicles and rides that its records tell of. A pure state machine,
//! whose every output follows from the records in their order and their append times, whatever
//! the batches, and wherever it was stored and loaded in between. It has no clock and no locks.
//!
//! A ride is followed in the shard of its vehicle. One that goes on under a vehicle of another shard
//! is two rides, one in each: the former is forgotten as abandoned after a day, and writes a trip
//! of its own only if its vehicle says how the ride ended. Versions of trips count in each alone,
//! so that the archive may then have two trips of one ride and version, told apart by vehicle. Where
//! the two shards are merged, the ride stays with the vehicle with which it is shown.

mod forgetting;
mod inheriting;
mod learning;

use std::collections::VecDeque;

use schemas::{FleetId, Phase, Ping, Record, RideEvent, RideEventKind, RideId, VehicleId};
use serde::{Deserialize, Serialize};

use crate::{
    agenda::Agenda,
    cache::Change,
    eta::{Kept, Lesson, Models},
    forgotten::ForgottenRides,
    gate::Verdict,
    outbox::Outbox,
    owners::Owners,
    progress,
    ride::EventOutcome,
    trip,
    vehicle::Vehicle,
    vehicles::Vehicles,
};

/// Vehicles at most, unless it is told otherwise: 0.3 GB without their rides.
pub(crate) const MAX_VEHICLES: usize = 1_000_000;

/// The state of one shard.
pub struct ShardState {
    image: Image,
    max_vehicles: usize,
    models: Models,
    owners: Owners,
    /// Vehicles of which something is to be shown, each once; those that wait longest come first.
    changed: VecDeque<(FleetId, VehicleId)>,
    effects: Effects,
    phases: [usize; Phase::ALL.len()],
}

/// What is stored of a shard's state; the rest follows from it.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Image {
    agenda: Agenda,
    swept_ms: i64,
    pub(crate) vehicles: Vehicles,
    pub(crate) forgotten: ForgottenRides,
    lessons: VecDeque<Lesson>,
    /// The one thing that follows from the stream's answers too, and not from its records alone.
    outbox: Outbox,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A ping, and what the gate said.
    Ping(Verdict),
    /// A ride event, and what the ride made of it.
    RideEvent(EventOutcome),
    /// A trip: the processor's own, which changes nothing.
    Trip,
    /// A ping or a ride event of a vehicle for which there is no room.
    NoRoom,
}

/// What a shard's state asks to be done, gathered over some records.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the cache: what changed, each thing once, as it is now.
    pub changes: Vec<Change>,
    /// How promises were kept by drives that ended.
    pub kept: Vec<Kept>,
    /// How many vehicles were forgotten.
    pub forgotten_vehicles: u64,
    /// How many rides were forgotten that were over.
    pub forgotten_rides: u64,
    /// How many rides were forgotten that had not ended.
    pub abandoned_rides: u64,
    /// How many drives ended that teach nothing: too short, too long, or with a gap.
    pub unfit_drives: u64,
    /// How many lessons were let go before a model had them.
    pub lost_lessons: u64,
}

impl ShardState {
    /// Takes the next record of the shard, which the stream took at `appended_ms`.
    pub fn apply(&mut self, record: &Record, appended_ms: i64) -> Outcome {
        self.advance_clock(appended_ms);
        let (fleet, vehicle) = record.subject();
        match record {
            Record::Trip(_) => Outcome::Trip,
            Record::Ping(_) | Record::RideEvent(_) if !self.has_room(fleet, vehicle) => {
                Outcome::NoRoom
            }
            Record::Ping(ping) => Outcome::Ping(self.apply_ping(ping)),
            Record::RideEvent(event) => Outcome::RideEvent(self.apply_event(event)),
        }
    }

    /// Sets how many vehicles there may be. Those that are there stay.
    pub fn limit_vehicles(&mut self, max: usize) {
        self.max_vehicles = max;
    }

    /// Hands out what is to be done, of so many vehicles at most: those that wait longest. However
    /// often a thing changed meanwhile, it is told once, as it is now.
    pub fn take_effects(&mut self, max_vehicles: usize) -> Effects {
        let mut effects = std::mem::take(&mut self.effects);
        let vehicles = self.changed.len().min(max_vehicles);
        effects.changes.reserve(vehicles);
        for (fleet, id) in self.changed.drain(..vehicles) {
            if let Some(vehicle) = self.image.vehicles.get_mut(fleet, id) {
                push_changes(vehicle, &mut effects.changes);
            }
        }
        effects
    }

    /// How many vehicles wait to be shown, with their rides.
    pub fn waiting(&self) -> usize {
        self.changed.len()
    }

    /// Has everything shown again.
    pub fn show_again(&mut self) {
        self.changed.clear();
        for vehicle in self.image.vehicles.iter_mut() {
            vehicle.is_dirty = true;
            for tracked in &mut vehicle.rides {
                tracked.is_dirty = true;
            }
            self.changed
                .push_back((vehicle.key.fleet(), vehicle.key.id()));
        }
    }

    /// Everything that the live API shows of this shard.
    pub fn live(&self) -> impl Iterator<Item = Change> {
        self.image.vehicles.iter().flat_map(|vehicle| {
            let rides = vehicle
                .rides
                .iter()
                .map(|tracked| progress::of(&tracked.ride, &vehicle.key, vehicle.motion))
                .map(Change::Ride);
            let position = vehicle.position().map(Change::Vehicle);
            position.into_iter().chain(rides)
        })
    }

    /// Number of vehicles.
    pub fn vehicles(&self) -> usize {
        self.image.vehicles.len()
    }

    /// Number of rides by phase, in the order of [`Phase::ALL`].
    pub fn rides(&self) -> [usize; Phase::ALL.len()] {
        self.phases
    }

    /// What is to be stored.
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// Trips that the stream may not have yet.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.image.outbox
    }

    /// The same, for whoever writes them.
    pub(crate) fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.image.outbox
    }

    /// Whether a vehicle is known, or may become known.
    fn has_room(&mut self, fleet: FleetId, vehicle: VehicleId) -> bool {
        let vehicles = &mut self.image.vehicles;
        vehicles.len() < self.max_vehicles || vehicles.get_mut(fleet, vehicle).is_some()
    }

    fn apply_ping(&mut self, ping: &Ping) -> Verdict {
        let vehicle = self
            .image
            .vehicles
            .get_or_new(ping.fleet, ping.vehicle, ping.time);
        vehicle.heard_ms = self.image.agenda.clock_ms();
        let verdict = vehicle.on_ping(ping, &mut self.image.agenda, &self.models);
        if matches!(verdict, Verdict::Accepted | Verdict::JumpConfirmed) && !vehicle.is_dirty {
            vehicle.is_dirty = true;
            self.changed.push_back((ping.fleet, ping.vehicle));
        }
        verdict
    }

    fn apply_event(&mut self, event: &RideEvent) -> EventOutcome {
        match self.owners.get(event.fleet, event.ride) {
            Some(owner) if owner == event.vehicle => {}
            Some(owner) => {
                if !self.reassign(owner, event) {
                    return EventOutcome::FormerVehicle;
                }
                self.apply_to_ride(event);
                // Also where the event says nothing of the ride that was not known.
                self.promise_anew(event);
                return EventOutcome::Applied;
            }
            None if self.image.forgotten.holds(event.fleet, event.ride) => {
                return EventOutcome::TooLate;
            }
            None => self.begin_ride(event),
        }
        self.apply_to_ride(event)
    }

    /// Applies an event to a ride that is its vehicle's.
    fn apply_to_ride(&mut self, event: &RideEvent) -> EventOutcome {
        let clock_ms = self.image.agenda.clock_ms();
        let Some(tracked) = self
            .image
            .vehicles
            .get_mut(event.fleet, event.vehicle)
            .and_then(|vehicle| {
                vehicle.heard_ms = clock_ms;
                vehicle.ride_mut(event.ride)
            })
        else {
            return EventOutcome::TooLate;
        };
        let before = tracked.ride.phase();
        let outcome = tracked.ride.on_event(event);
        let arrival = tracked.ride.take_arrival();
        let after = tracked.ride.phase();
        if outcome == EventOutcome::Applied {
            tracked.heard_ms = clock_ms;
            tracked.is_dirty = true;
            if before.is_over() {
                self.image.agenda.plan(event.fleet, tracked);
            }
            self.phases[before as usize] -= 1;
            self.phases[after as usize] += 1;
            if let Some(arrival) = arrival {
                self.learn(event, &arrival);
            }
            self.promise_anew(event);
            self.mark_changed(event.fleet, event.vehicle);
            if after.is_over() && !before.is_over() {
                self.write_trip(event.fleet, event.ride);
            }
        }
        outcome
    }

    /// Moves a ride to the vehicle of a later event. A former vehicle's word, and that of one that
    /// only cancels, moves nothing.
    fn reassign(&mut self, owner: VehicleId, event: &RideEvent) -> bool {
        let Some(former) = self.image.vehicles.get_mut(event.fleet, owner) else {
            return false;
        };
        let Some(tracked) = former.ride_mut(event.ride) else {
            return false;
        };
        let story = &tracked.ride.story;
        let is_later = event.time > story.owned_since && story.end.is_none();
        if !is_later || matches!(event.kind, RideEventKind::Cancelled { .. }) {
            return false;
        }
        let before = tracked.ride.phase();
        let Some(mut tracked) = former.remove_ride(event.ride) else {
            return false;
        };
        self.mark_changed(event.fleet, owner);
        self.make_room(event);
        let vehicle = self.vehicle_or_new(event);
        tracked.ride.hand_over(event, vehicle.last_seen());
        tracked.is_dirty = true;
        let after = tracked.ride.phase();
        vehicle.take_ride(tracked);
        self.mark_changed(event.fleet, event.vehicle);
        self.phases[before as usize] -= 1;
        self.phases[after as usize] += 1;
        self.owners.insert(event.fleet, event.ride, event.vehicle);
        true
    }

    fn begin_ride(&mut self, event: &RideEvent) {
        self.make_room(event);
        self.vehicle_or_new(event).begin_ride(event);
        self.owners.insert(event.fleet, event.ride, event.vehicle);
        self.phases[Phase::ToPickup as usize] += 1;
    }

    fn advance_clock(&mut self, appended_ms: i64) {
        self.image.agenda.advance(appended_ms);
        while let Some((fleet, ride)) = self.image.agenda.next_due() {
            self.write_trip(fleet, ride);
        }
        self.sweep_at_times();
    }

    /// Writes the next version of a trip.
    fn write_trip(&mut self, fleet: FleetId, ride: RideId) {
        let Some(owner) = self.owners.get(fleet, ride) else {
            return;
        };
        let Some(vehicle) = self.image.vehicles.get_mut(fleet, owner) else {
            return;
        };
        let Some(tracked) = vehicle.ride_mut(ride) else {
            return;
        };
        self.image.agenda.cancel(fleet, tracked);
        let version = tracked.trip_version + 1;
        if let Some(trip) = trip::of(&tracked.ride, fleet, owner, version) {
            tracked.trip_version = version;
            self.image.outbox.push(trip);
        }
    }

    fn mark_changed(&mut self, fleet: FleetId, id: VehicleId) {
        let Some(vehicle) = self.image.vehicles.get_mut(fleet, id) else {
            return;
        };
        vehicle.note_change();
        if !vehicle.is_dirty {
            vehicle.is_dirty = true;
            self.changed.push_back((fleet, id));
        }
    }

    fn vehicle_or_new(&mut self, event: &RideEvent) -> &mut Vehicle {
        self.image
            .vehicles
            .get_or_new(event.fleet, event.vehicle, event.time)
    }
}

impl Default for ShardState {
    fn default() -> Self {
        Image::default().into()
    }
}

impl From<Image> for ShardState {
    fn from(image: Image) -> Self {
        let mut state = Self {
            image,
            max_vehicles: MAX_VEHICLES,
            models: Models::default(),
            owners: Owners::default(),
            changed: VecDeque::new(),
            effects: Effects::default(),
            phases: [0; Phase::ALL.len()],
        };
        let Image {
            agenda, vehicles, ..
        } = &mut state.image;
        for vehicle in vehicles.iter_mut() {
            let (fleet, id) = (vehicle.key.fleet(), vehicle.key.id());
            for tracked in &mut vehicle.rides {
                state.owners.insert(fleet, tracked.ride.id(), id);
                state.phases[tracked.ride.phase() as usize] += 1;
                if tracked.due_ms.is_some() {
                    agenda.plan(fleet, tracked);
                }
            }
        }
        state
    }
}

fn push_changes(vehicle: &mut Vehicle, changes: &mut Vec<Change>) {
    vehicle.is_dirty = false;
    changes.extend(vehicle.position().map(Change::Vehicle));
    for tracked in vehicle.rides.iter_mut().filter(|tracked| tracked.is_dirty) {
        tracked.is_dirty = false;
        let ride = progress::of(&tracked.ride, &vehicle.key, vehicle.motion);
        changes.push(Change::Ride(ride));
    }
}

#[cfg(test)]
mod tests;
