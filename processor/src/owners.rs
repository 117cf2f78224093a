//! Which vehicle of a shard serves which ride. Rides themselves are their vehicles'.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use schemas::{
    FleetId, RideId, VehicleId, id,
    kept::{KeptId, RideKey},
};

/// The vehicles of rides, by fleet and ride.
#[derive(Default)]
pub(crate) struct Owners {
    hasher: DefaultHashBuilder,
    table: HashTable<Owned>,
}

struct Owned {
    ride: RideKey,
    vehicle: KeptId<id::Vehicle>,
}

impl Owners {
    /// The vehicle of a ride; None if the ride is not known.
    pub(crate) fn get(&self, fleet: FleetId, ride: RideId) -> Option<VehicleId> {
        let hash = self.hasher.hash_one((fleet, ride));
        let owned = self.table.find(hash, |owned| owned.ride.is(fleet, ride));
        owned.map(|owned| owned.vehicle.id())
    }

    /// Gives a ride to a vehicle.
    pub(crate) fn insert(&mut self, fleet: FleetId, ride: RideId, vehicle: VehicleId) {
        let hasher = &self.hasher;
        let owned = Owned {
            ride: RideKey::new(fleet, ride),
            vehicle: vehicle.into(),
        };
        self.table
            .entry(
                hasher.hash_one((fleet, ride)),
                |owned| owned.ride.is(fleet, ride),
                |owned| hasher.hash_one(&owned.ride),
            )
            .insert(owned);
    }

    /// Forgets a ride; returns the vehicle that had it.
    pub(crate) fn remove(&mut self, fleet: FleetId, ride: RideId) -> Option<VehicleId> {
        let hash = self.hasher.hash_one((fleet, ride));
        let is_it = |owned: &Owned| owned.ride.is(fleet, ride);
        let (owned, _) = self.table.find_entry(hash, is_it).ok()?.remove();
        Some(owned.vehicle.id())
    }
}
