//! The vehicles of a shard by fleet and id. In which order it lists them is not said.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use schemas::{FleetId, Timestamp, VehicleId, kept::VehicleKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

    /// Adds a vehicle to what is known of it already.
    pub(crate) fn add(&mut self, vehicle: Box<Vehicle>) {
        let hasher = &self.hasher;
        let entry = self.table.entry(
            hasher.hash_one(&vehicle.key),
            |known| known.key == vehicle.key,
            |known| hasher.hash_one(&known.key),
        );
        match entry {
            Entry::Occupied(mut known) => known.get_mut().merge(*vehicle),
            Entry::Vacant(room) => {
                room.insert(vehicle);
            }
        }
    }

    /// Keeps those of which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut Vehicle) -> bool) {
        self.table.retain(|vehicle| keep(vehicle));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Vehicle> {
        self.table.iter().map(Box::as_ref)
    }

    /// All of them, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Vehicle> {
        self.table.iter_mut().map(Box::as_mut)
    }

    /// All of them, to be taken elsewhere.
    pub(crate) fn into_each(self) -> impl Iterator<Item = Box<Vehicle>> {
        self.table.into_iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

impl Serialize for Vehicles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Vehicles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let listed = Vec::<Box<Vehicle>>::deserialize(deserializer)?;
        let mut vehicles = Self::default();
        for vehicle in listed {
            let hasher = &vehicles.hasher;
            let hash = hasher.hash_one(&vehicle.key);
            vehicles
                .table
                .insert_unique(hash, vehicle, |vehicle| hasher.hash_one(&vehicle.key));
        }
        Ok(vehicles)
    }
}
