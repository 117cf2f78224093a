//! The state that a shard begins with where shards were split or merged before it: what its parents
//! knew of the vehicles whose records come to it now.

use std::collections::BTreeSet;

use hashbrown::{HashMap, hash_map::Entry};
use schemas::{
    RideId,
    kept::{RideKey, VehicleKey},
    record::write_key,
};

use super::{Image, ShardState};
use crate::{trip, vehicle::Tracked, vehicles::Vehicles};

impl ShardState {
    /// The states of all parents in one, cut to the vehicles whose records `has` says are this
    /// shard's. Its clock is that of the parent that is farthest, and what to forget is looked for
    /// when it would be in the one where that was longest ago: by that clock much of it may be old.
    ///
    /// Which rides are forgotten tells no vehicle: every child remembers all of them. Nor do lessons:
    /// every child teaches all of them, each once, which changes nothing where a model has them.
    pub(crate) fn inherit(parents: Vec<Self>, has: impl Fn(&[u8]) -> bool) -> Self {
        let swept_ms = parents.iter().map(|parent| parent.image.swept_ms).min();
        let mut heir = Image {
            swept_ms: swept_ms.unwrap_or_default(),
            ..Image::default()
        };
        let mut lessons = BTreeSet::new();
        let mut key = Vec::new();
        for Self { image: parent, .. } in parents {
            heir.agenda.advance(parent.agenda.clock_ms());
            heir.forgotten.merge(parent.forgotten);
            heir.outbox.take_over(parent.outbox, &has);
            lessons.extend(parent.lessons);
            for vehicle in parent.vehicles.into_each() {
                key.clear();
                write_key(vehicle.key.fleet(), vehicle.key.id(), &mut key);
                if has(&key) {
                    heir.vehicles.add(vehicle);
                }
            }
        }
        heir.lessons = lessons.into_iter().collect();
        let mut former = Vec::new();
        for (vehicle, ride) in former_vehicles(&heir.vehicles) {
            former.extend(take_ride(&mut heir, &vehicle, ride));
        }
        let mut heir = Self::from(heir);
        for tracked in former {
            if tracked.ride.phase().is_over() {
                heir.effects.forgotten_rides += 1;
            } else {
                heir.effects.abandoned_rides += 1;
            }
        }
        heir
    }
}

/// Of rides that went on under a vehicle of another shard, and so have two: the former ones. A ride
/// stays where its version is higher, which is how it is shown.
fn former_vehicles(vehicles: &Vehicles) -> Vec<(VehicleKey, RideId)> {
    let mut latest = HashMap::new();
    let mut former = Vec::new();
    for vehicle in vehicles.iter() {
        for tracked in &vehicle.rides {
            let ride = tracked.ride.id();
            let claim = (tracked.ride.version, vehicle.key.clone());
            match latest.entry(RideKey::new(vehicle.key.fleet(), ride)) {
                Entry::Vacant(room) => {
                    room.insert(claim);
                }
                Entry::Occupied(mut best) if *best.get() < claim => {
                    former.push((best.insert(claim).1, ride));
                }
                Entry::Occupied(_) => former.push((claim.1, ride)),
            }
        }
    }
    former
}

/// Takes a ride from a vehicle, and writes its trip if one was due.
fn take_ride(image: &mut Image, vehicle: &VehicleKey, ride: RideId) -> Option<Tracked> {
    let (fleet, id) = (vehicle.fleet(), vehicle.id());
    let vehicle = image.vehicles.get_mut(fleet, id)?;
    vehicle.note_change();
    let tracked = vehicle.remove_ride(ride)?;
    if tracked.due_ms.is_some()
        && let Some(trip) = trip::of(&tracked.ride, fleet, id, tracked.trip_version + 1)
    {
        image.outbox.push(trip);
    }
    Some(tracked)
}
