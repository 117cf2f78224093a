//! The state of a shard: all vehicles and rides that its records tell of. A pure state machine,
//! whose every output follows from the records in their order and their append times, whatever
//! the batches, and wherever it was stored and loaded in between. It has no clock and no locks.

use schemas::{
    FleetId, Phase, Ping, Record, RideEvent, RideEventKind, RideId, RideProgress, Trip, VehicleId,
    VehiclePosition,
};

use crate::{
    agenda::Agenda,
    forgotten::ForgottenRides,
    gate::Verdict,
    owners::Owners,
    progress,
    ride::EventOutcome,
    trip,
    vehicle::{Tracked, Vehicle},
    vehicles::Vehicles,
};

/// A ride that is over is shown and open to late pings for so long, by the stream's clock.
const KEEP_RIDE_MS: i64 = 3_600_000;
/// A vehicle without a ping, and an open ride without an event, is forgotten after so long.
const KEEP_SILENT_MS: i64 = 24 * 3_600_000;
/// What to forget is looked for once in so long, by the stream's clock.
const SWEEP_MS: i64 = 60_000;

/// The state of one shard.
#[derive(Default)]
pub struct ShardState {
    agenda: Agenda,
    swept_ms: i64,
    vehicles: Vehicles,
    owners: Owners,
    forgotten: ForgottenRides,
    changed: Vec<(FleetId, VehicleId)>,
    effects: Effects,
    phases: [usize; Phase::ALL.len()],
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
}

/// What a shard's state asks to be done, gathered over some records.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the cache: what changed, each thing once, as it is now.
    pub changes: Vec<Change>,
    /// For the stream: trips to append, in order.
    pub trips: Vec<Trip>,
    /// How many vehicles were forgotten.
    pub forgotten_vehicles: u64,
    /// How many rides were forgotten that were over.
    pub forgotten_rides: u64,
    /// How many rides were forgotten that had not ended.
    pub abandoned_rides: u64,
}

/// Something that the live API shows, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A vehicle.
    Vehicle(VehiclePosition),
    /// A ride.
    Ride(RideProgress),
}

/// What is stored of a shard's state.
pub(crate) struct Image {
    pub(crate) clock_ms: i64,
    pub(crate) swept_ms: i64,
    pub(crate) vehicles: Vec<Vehicle>,
    pub(crate) forgotten: ForgottenRides,
}

impl ShardState {
    /// Takes the next record of the shard, which the stream took at `appended_ms`.
    pub fn apply(&mut self, record: &Record, appended_ms: i64) -> Outcome {
        self.advance_clock(appended_ms);
        match record {
            Record::Ping(ping) => Outcome::Ping(self.apply_ping(ping)),
            Record::RideEvent(event) => Outcome::RideEvent(self.apply_event(event)),
            Record::Trip(_) => Outcome::Trip,
        }
    }

    /// Hands out what is to be done since the last call.
    pub fn take_effects(&mut self) -> Effects {
        let mut effects = std::mem::take(&mut self.effects);
        effects.changes.reserve(self.changed.len());
        for (fleet, id) in self.changed.drain(..) {
            if let Some(vehicle) = self.vehicles.get_mut(fleet, id) {
                push_changes(vehicle, &mut effects.changes);
            }
        }
        effects
    }

    /// Everything that the live API shows of this shard.
    pub fn live(&self) -> impl Iterator<Item = Change> {
        self.vehicles.iter().flat_map(|vehicle| {
            let rides = vehicle
                .rides
                .iter()
                .map(|tracked| Change::Ride(progress::of(&tracked.ride, &vehicle.key)));
            let position = vehicle.position().map(Change::Vehicle);
            position.into_iter().chain(rides)
        })
    }

    /// Number of vehicles.
    pub fn vehicles(&self) -> usize {
        self.vehicles.len()
    }

    /// Number of rides by phase, in the order of [`Phase::ALL`].
    pub fn rides(&self) -> [usize; Phase::ALL.len()] {
        self.phases
    }

    /// The vehicles, to be stored.
    pub(crate) fn stored_vehicles(&self) -> impl ExactSizeIterator<Item = &Vehicle> {
        self.vehicles.iter()
    }

    /// The rest, to be stored: clock, time of the last sweep, forgotten rides.
    pub(crate) fn stored_rest(&self) -> (i64, i64, &ForgottenRides) {
        (self.agenda.clock_ms(), self.swept_ms, &self.forgotten)
    }

    fn apply_ping(&mut self, ping: &Ping) -> Verdict {
        let vehicle = self
            .vehicles
            .get_or_new(ping.fleet, ping.vehicle, ping.time);
        vehicle.heard_ms = self.agenda.clock_ms();
        let verdict = vehicle.on_ping(ping, &mut self.agenda);
        if matches!(verdict, Verdict::Accepted | Verdict::JumpConfirmed) && !vehicle.is_dirty {
            vehicle.is_dirty = true;
            self.changed.push((ping.fleet, ping.vehicle));
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
                return EventOutcome::Applied;
            }
            None if self.forgotten.holds(event.fleet, event.ride) => return EventOutcome::TooLate,
            None => self.begin_ride(event),
        }
        self.apply_to_ride(event)
    }

    /// Applies an event to a ride that is its vehicle's.
    fn apply_to_ride(&mut self, event: &RideEvent) -> EventOutcome {
        let clock_ms = self.agenda.clock_ms();
        let Some(tracked) = self
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
        let after = tracked.ride.phase();
        if outcome == EventOutcome::Applied {
            tracked.heard_ms = clock_ms;
            tracked.is_dirty = true;
            if before.is_over() {
                self.agenda.plan(event.fleet, tracked);
            }
            self.phases[before as usize] -= 1;
            self.phases[after as usize] += 1;
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
        let Some(former) = self.vehicles.get_mut(event.fleet, owner) else {
            return false;
        };
        let Some(tracked) = former.ride_mut(event.ride) else {
            return false;
        };
        let story = &tracked.ride.story;
        let settled = story.assigned.unwrap_or(story.begun);
        let is_later = event.time > settled && story.end.is_none();
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

    /// Forgets the vehicle's oldest ride, where it has too many for one more.
    fn make_room(&mut self, event: &RideEvent) {
        let Some(surplus) = self.vehicle_or_new(event).surplus_ride() else {
            return;
        };
        self.write_due_trip(event.fleet, surplus);
        let Some(tracked) = self.vehicle_or_new(event).remove_ride(surplus) else {
            return;
        };
        self.forget(event.fleet, &tracked);
    }

    fn advance_clock(&mut self, appended_ms: i64) {
        self.agenda.advance(appended_ms);
        while let Some((fleet, ride)) = self.agenda.next_due() {
            self.write_trip(fleet, ride);
        }
        if self.agenda.clock_ms() - self.swept_ms >= SWEEP_MS {
            self.swept_ms = self.agenda.clock_ms();
            self.sweep();
        }
    }

    /// Forgets what has been silent or over for long.
    fn sweep(&mut self) {
        let clock_ms = self.agenda.clock_ms();
        let mut gone: Vec<(FleetId, Tracked)> = Vec::new();
        let before = self.vehicles.len();
        self.vehicles.retain(|vehicle| {
            let is_silent = vehicle.heard_ms + KEEP_SILENT_MS <= clock_ms;
            let key = &vehicle.key;
            let old = vehicle.rides.extract_if(.., |tracked| {
                let is_over = tracked.ride.phase().is_over();
                let keep_ms = if is_over {
                    KEEP_RIDE_MS
                } else {
                    KEEP_SILENT_MS
                };
                is_silent || tracked.heard_ms + keep_ms <= clock_ms
            });
            gone.extend(old.map(|tracked| (key.fleet(), tracked)));
            !is_silent
        });
        self.effects.forgotten_vehicles += (before - self.vehicles.len()) as u64;
        for (fleet, tracked) in gone {
            self.forget(fleet, &tracked);
        }
        self.forgotten.sweep(clock_ms);
    }

    fn forget(&mut self, fleet: FleetId, tracked: &Tracked) {
        let phase = tracked.ride.phase();
        self.phases[phase as usize] -= 1;
        let owner = self.owners.remove(fleet, tracked.ride.id());
        self.forgotten
            .insert(fleet, tracked.ride.id(), self.agenda.clock_ms());
        if phase.is_over() {
            self.effects.forgotten_rides += 1;
            return;
        }
        self.effects.abandoned_rides += 1;
        if let Some(owner) = owner {
            self.mark_changed(fleet, owner);
        }
    }

    fn write_due_trip(&mut self, fleet: FleetId, ride: RideId) {
        let Some(owner) = self.owners.get(fleet, ride) else {
            return;
        };
        let tracked = self
            .vehicles
            .get_mut(fleet, owner)
            .and_then(|vehicle| vehicle.ride_mut(ride));
        if tracked.is_some_and(|tracked| tracked.due_ms.is_some()) {
            self.write_trip(fleet, ride);
        }
    }

    /// Writes the next version of a trip.
    fn write_trip(&mut self, fleet: FleetId, ride: RideId) {
        let Some(owner) = self.owners.get(fleet, ride) else {
            return;
        };
        let Some(vehicle) = self.vehicles.get_mut(fleet, owner) else {
            return;
        };
        let Some(tracked) = vehicle.ride_mut(ride) else {
            return;
        };
        self.agenda.cancel(fleet, tracked);
        let version = tracked.trip_version + 1;
        if let Some(trip) = trip::of(&tracked.ride, fleet, owner, version) {
            tracked.trip_version = version;
            self.effects.trips.push(trip);
        }
    }

    fn mark_changed(&mut self, fleet: FleetId, id: VehicleId) {
        let Some(vehicle) = self.vehicles.get_mut(fleet, id) else {
            return;
        };
        vehicle.note_change();
        if !vehicle.is_dirty {
            vehicle.is_dirty = true;
            self.changed.push((fleet, id));
        }
    }

    fn vehicle_or_new(&mut self, event: &RideEvent) -> &mut Vehicle {
        self.vehicles
            .get_or_new(event.fleet, event.vehicle, event.time)
    }
}

impl From<Image> for ShardState {
    fn from(image: Image) -> Self {
        let mut state = Self {
            agenda: Agenda::beginning_at(image.clock_ms),
            swept_ms: image.swept_ms,
            forgotten: image.forgotten,
            ..Self::default()
        };
        for mut vehicle in image.vehicles {
            let (fleet, id) = (vehicle.key.fleet(), vehicle.key.id());
            for tracked in &mut vehicle.rides {
                state.owners.insert(fleet, tracked.ride.id(), id);
                state.phases[tracked.ride.phase() as usize] += 1;
                if tracked.due_ms.is_some() {
                    state.agenda.plan(fleet, tracked);
                }
            }
            state.vehicles.insert(vehicle);
        }
        state
    }
}

fn push_changes(vehicle: &mut Vehicle, changes: &mut Vec<Change>) {
    vehicle.is_dirty = false;
    changes.extend(vehicle.position().map(Change::Vehicle));
    for tracked in vehicle.rides.iter_mut().filter(|tracked| tracked.is_dirty) {
        tracked.is_dirty = false;
        changes.push(Change::Ride(progress::of(&tracked.ride, &vehicle.key)));
    }
}

#[cfg(test)]
mod tests;
