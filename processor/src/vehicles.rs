//! The vehicles of a shard by fleet and id. In which order it lists them is not said.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use schemas::{FleetId, Timestamp, VehicleId, kept::VehicleKey};

use crate::vehicle::Vehicle;

/// All vehicles of a shard, one allocation each, so that a growing table moves pointers.
#[derive(Default)]
pub(crate) struct Vehicles {
    hasher: DefaultHashBuilder,
    table: HashTable<Box<Vehicle>>,
}

impl Vehicles {
    /// A vehicle; None if it is not known.
    pub(crate) fn get_mut(&mut self, fleet: FleetId, id: VehicleId) -> Option<&mut Vehicle> {
        let hash = self.hasher.hash_one((fleet, id));
        self.table
            .find_mut(hash, |vehicle| vehicle.key.is(fleet, id))
            .map(Box::as_mut)
    }

    /// A vehicle, made known at `first` if it is not.
    pub(crate) fn get_or_new(
        &mut self,
        fleet: FleetId,
        id: VehicleId,
        first: Timestamp,
    ) -> &mut Vehicle {
        let hasher = &self.hasher;
        self.table
            .entry(
                hasher.hash_one((fleet, id)),
                |vehicle| vehicle.key.is(fleet, id),
                |vehicle| hasher.hash_one(&vehicle.key),
            )
            .or_insert_with(|| Box::new(Vehicle::new(VehicleKey::new(fleet, id), first)))
            .into_mut()
    }

    /// Adds a vehicle that is not there.
    pub(crate) fn insert(&mut self, vehicle: Vehicle) {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(&vehicle.key);
        self.table
            .insert_unique(hash, Box::new(vehicle), |vehicle| {
                hasher.hash_one(&vehicle.key)
            });
    }

    /// Keeps those of which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut Vehicle) -> bool) {
        self.table.retain(|vehicle| keep(vehicle));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Vehicle> {
        self.table.iter().map(Box::as_ref)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}
