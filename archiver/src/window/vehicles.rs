//! The vehicles of a window by number. They lie in chunks, so that more of them never move those
//! that are there, and memory is what is used. Which name has which number it does not know.

use schemas::{kept::VehicleKey, seen::Seen};
use serde::{Deserialize, Serialize};

/// Vehicles in a chunk: 72 KB.
const CHUNK: usize = 1_024;

/// A vehicle: 72 bytes, as long as its ids are short and it counts without holes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Vehicle {
    pub(super) key: VehicleKey,
    pub(super) last_ms: i64,
    pub(super) pings: Seen,
}

/// Vehicles, numbered from 0 on without holes.
#[derive(Debug, Default)]
pub(super) struct Vehicles(Vec<Vec<Vehicle>>);

impl Vehicles {
    /// Adds a vehicle under the next number.
    pub(super) fn push(&mut self, vehicle: Vehicle) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(vehicle),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(vehicle);
                self.0.push(chunk);
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> &Vehicle {
        &self.0[number as usize / CHUNK][number as usize % CHUNK]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Vehicle {
        &mut self.0[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// All of them, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Vehicle> {
        self.0.iter().flatten()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let last = self.0.last().map_or(0, Vec::len);
        self.0.len().saturating_sub(1) * CHUNK + last
    }
}

impl IntoIterator for Vehicles {
    type Item = Vehicle;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<Vehicle>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

impl FromIterator<Vehicle> for Vehicles {
    fn from_iter<Iter: IntoIterator<Item = Vehicle>>(vehicles: Iter) -> Self {
        let mut all = Self::default();
        for vehicle in vehicles {
            all.push(vehicle);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use schemas::FleetId;

    use super::*;

    #[test]
    fn a_vehicle_stays_under_its_number_across_chunks() {
        let vehicle = |number: usize| Vehicle {
            key: VehicleKey::new(FleetId::default(), format!("v{number}").parse().unwrap()),
            last_ms: number as i64,
            pings: Seen::default(),
        };
        let mut vehicles = Vehicles::default();
        for number in 0..=2 * CHUNK {
            assert_eq!(vehicles.len(), number);
            vehicles.push(vehicle(number));
        }
        let is_there = |number| vehicles.get(number).last_ms == i64::from(number);
        assert!((0..vehicles.len() as u32).all(is_there));
        assert_eq!(vehicles.iter().count(), vehicles.len());
        assert!(size_of::<Vehicle>() <= 72);
    }
}
