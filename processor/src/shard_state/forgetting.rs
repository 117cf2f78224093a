//! What the state of a shard forgets, and when: vehicles that are silent, rides that are over or
//! abandoned, and those of a vehicle that has too many.

use schemas::{FleetId, RideEvent, RideId, kept::VehicleKey};

use super::ShardState;
use crate::{cache::Change, outbox::Outbox, progress, vehicle::Tracked};

/// A ride that is over is shown and open to late pings for so long, by the stream's clock.
const KEEP_RIDE_MS: i64 = 3_600_000;
/// A vehicle without a ping, and an open ride without an event, is forgotten after so long.
const KEEP_SILENT_MS: i64 = 24 * 3_600_000;
/// What to forget is looked for once in so long, by the stream's clock.
const SWEEP_MS: i64 = 60_000;

impl ShardState {
    /// Forgets the vehicle's oldest rides, where it has too many for one more.
    pub(super) fn make_room(&mut self, event: &RideEvent) {
        while let Some(surplus) = self.vehicle_or_new(event).surplus_ride() {
            self.write_due_trip(event.fleet, surplus);
            let vehicle = self.vehicle_or_new(event);
            let key = vehicle.key.clone();
            if let Some(tracked) = vehicle.remove_ride(surplus) {
                self.forget(&key, &tracked);
            }
        }
    }

    /// Forgets the trips that are to be written, where no stream takes any.
    pub fn forget_trips(&mut self) {
        self.image.outbox = Outbox::default();
    }

    /// Forgets, once in a while, what has been silent or over for long.
    pub(super) fn sweep_at_times(&mut self) {
        let clock_ms = self.image.agenda.clock_ms();
        if clock_ms - self.image.swept_ms >= SWEEP_MS {
            self.image.swept_ms = clock_ms;
            self.sweep(clock_ms);
        }
    }

    fn sweep(&mut self, clock_ms: i64) {
        let vehicles = &mut self.image.vehicles;
        let mut gone: Vec<(VehicleKey, Tracked)> = Vec::new();
        let before = vehicles.len();
        vehicles.retain(|vehicle| {
            let is_silent = vehicle.heard_ms + KEEP_SILENT_MS <= clock_ms;
            let key = &vehicle.key;
            let old = vehicle
                .rides
                .extract_if(.., |tracked| is_old(tracked, clock_ms));
            gone.extend(old.map(|tracked| (key.clone(), tracked)));
            !is_silent || !vehicle.rides.is_empty()
        });
        self.effects.forgotten_vehicles += (before - vehicles.len()) as u64;
        for (key, tracked) in gone {
            self.forget(&key, &tracked);
        }
        self.image.forgotten.sweep(clock_ms);
    }

    fn forget(&mut self, key: &VehicleKey, tracked: &Tracked) {
        let (fleet, ride, phase) = (key.fleet(), tracked.ride.id(), tracked.ride.phase());
        self.phases[phase as usize] -= 1;
        let owner = self.owners.remove(fleet, ride);
        let clock_ms = self.image.agenda.clock_ms();
        self.image.forgotten.insert(fleet, ride, clock_ms);
        if phase.is_over() {
            self.effects.forgotten_rides += 1;
            if tracked.is_dirty {
                // Nobody has been shown how it ended.
                let ended = progress::of(&tracked.ride, key, None);
                self.effects.changes.push(Change::Ride(ended));
            }
            return;
        }
        self.effects.abandoned_rides += 1;
        let version = tracked.ride.version.number();
        self.effects.changes.push(Change::RideAbandoned {
            fleet,
            ride,
            version,
        });
        if let Some(owner) = owner {
            self.mark_changed(fleet, owner);
        }
    }

    fn write_due_trip(&mut self, fleet: FleetId, ride: RideId) {
        let Some(owner) = self.owners.get(fleet, ride) else {
            return;
        };
        let vehicle = self.image.vehicles.get_mut(fleet, owner);
        let tracked = vehicle.and_then(|vehicle| vehicle.ride_mut(ride));
        if tracked.is_some_and(|tracked| tracked.due_ms.is_some()) {
            self.write_trip(fleet, ride);
        }
    }
}

/// Whether nobody asks for a ride any more. One whose trip is still to be written stays.
fn is_old(tracked: &Tracked, clock_ms: i64) -> bool {
    let keep_ms = if tracked.ride.phase().is_over() {
        KEEP_RIDE_MS
    } else {
        KEEP_SILENT_MS
    };
    tracked.due_ms.is_none() && tracked.heard_ms + keep_ms <= clock_ms
}
