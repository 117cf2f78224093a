//! The vehicles of a shard by fleet and id. In which order it lists them is not said.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use schemas::{FleetId, Timestamp, VehicleId};

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
        let hash = hash(&self.hasher, fleet, id);
        self.table
            .find_mut(hash, |vehicle| vehicle.is(fleet, id))
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
                hash(hasher, fleet, id),
                |vehicle| vehicle.is(fleet, id),
                |vehicle| hash(hasher, vehicle.fleet, vehicle.id),
            )
            .or_insert_with(|| Box::new(Vehicle::new(fleet, id, first)))
            .into_mut()
    }

    /// Adds a vehicle that is not there.
    pub(crate) fn insert(&mut self, vehicle: Vehicle) {
        let hasher = &self.hasher;
        let new = hash(hasher, vehicle.fleet, vehicle.id);
        self.table.insert_unique(new, Box::new(vehicle), |vehicle| {
            hash(hasher, vehicle.fleet, vehicle.id)
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

fn hash(hasher: &DefaultHashBuilder, fleet: FleetId, id: VehicleId) -> u64 {
    hasher.hash_one((fleet, id))
}
