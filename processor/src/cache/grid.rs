//! A grid over the earth: which vehicles are in which cell, by a number for each vehicle.
//! It does not know where in its cell a vehicle is.

use std::{collections::BTreeSet, hash::BuildHasher as _, ops::RangeInclusive};

use hashbrown::DefaultHashBuilder;
use schemas::{Coordinate, FleetId, Meters};

/// Cells are 0.01 degree wide: 1.1 km to the north, less to the east.
const CELL_E7: i32 = 100_000;
/// Metres that a cell spans to the north, rounded down.
const CELL_M: f64 = 1_111.0;
/// Cells to the east around the whole earth.
const CELLS_AROUND: i32 = 36_000;
/// The cells to the east of a whole row.
const ROW: RangeInclusive<i16> = -(CELLS_AROUND / 2) as i16..=(CELLS_AROUND / 2 - 1) as i16;

/// A cell, by its number to the north and to the east.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell(i16, i16);

impl Cell {
    /// The cell of a place.
    pub(crate) fn of(place: Coordinate) -> Self {
        Self(
            place.lat_e7().div_euclid(CELL_E7) as i16,
            wrap(place.lng_e7().div_euclid(CELL_E7)),
        )
    }
}

/// Which vehicles are in which cell: 16 bytes each, however they are spread.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    hasher: DefaultHashBuilder,
    /// By the fleet's hash: what it shares with another fleet is found for both.
    places: BTreeSet<(u32, Cell, u64)>,
}

impl Grid {
    /// Puts a vehicle into a cell.
    pub(crate) fn insert(&mut self, fleet: FleetId, cell: Cell, vehicle: u64) {
        let fleet = self.number(fleet);
        self.places.insert((fleet, cell, vehicle));
    }

    /// Takes a vehicle out of a cell.
    pub(crate) fn remove(&mut self, fleet: FleetId, cell: Cell, vehicle: u64) {
        let fleet = self.number(fleet);
        self.places.remove(&(fleet, cell, vehicle));
    }

    /// The vehicles in all cells that a circle touches, and some beside it.
    pub(crate) fn around(&self, fleet: FleetId, place: Coordinate, radius: Meters) -> Vec<u64> {
        let fleet = self.number(fleet);
        let reach = Reach::of(place, radius);
        let Cell(north, east) = Cell::of(place);
        let mut found = Vec::new();
        for north in north - reach.north..=north + reach.north {
            for part in parts_of_row(i32::from(east), reach.east) {
                let (from, to) = (Cell(north, *part.start()), Cell(north, *part.end()));
                let places = self.places.range((fleet, from, 0)..=(fleet, to, u64::MAX));
                found.extend(places.map(|(.., vehicle)| *vehicle));
            }
        }
        found
    }

    fn number(&self, fleet: FleetId) -> u32 {
        self.hasher.hash_one(fleet) as u32
    }
}

/// How many cells a circle reaches, to each side.
struct Reach {
    north: i16,
    east: i32,
}

impl Reach {
    fn of(place: Coordinate, radius: Meters) -> Self {
        let north = (radius.0 / CELL_M).ceil().min(180.0 / 0.01);
        // The parallel is shortest at the circle's end toward the pole.
        let farthest = (place.lat().abs() + north * 0.01).min(89.99);
        let east = (north / farthest.to_radians().cos()).ceil();
        Self {
            north: north as i16,
            east: east.min(f64::from(CELLS_AROUND / 2 - 1)) as i32,
        }
    }
}

/// The cells of a row around one: in two parts where they lie across the antimeridian.
fn parts_of_row(east: i32, reach: i32) -> impl Iterator<Item = RangeInclusive<i16>> {
    let (from, to) = (wrap(east - reach), wrap(east + reach));
    if from <= to {
        [Some(from..=to), None].into_iter().flatten()
    } else {
        let parts = [Some(from..=*ROW.end()), Some(*ROW.start()..=to)];
        parts.into_iter().flatten()
    }
}

/// The same cell, counted the way round on which numbers are least.
fn wrap(east: i32) -> i16 {
    ((east + CELLS_AROUND / 2).rem_euclid(CELLS_AROUND) - CELLS_AROUND / 2) as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whoever_is_within_the_radius_is_found(
            lat in -89.0..89.0_f64, lng in -180.0..180.0_f64,
            others in proptest::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 1..30),
            radius in 1.0..50_000.0,
        ) {
            let place = Coordinate::from_degrees(lat, lng).unwrap();
            let mut grid = Grid::default();
            let mut expected = Vec::new();
            for (number, (north, east)) in (0_u64..).zip(others) {
                let lng = (lng + east + 540.0).rem_euclid(360.0) - 180.0;
                let other = Coordinate::from_degrees((lat + north).clamp(-90.0, 90.0), lng).unwrap();
                grid.insert(FleetId::default(), Cell::of(other), number);
                if place.distance(other).0 <= radius {
                    expected.push(number);
                }
            }
            let found = grid.around(FleetId::default(), place, Meters(radius));
            for number in expected {
                prop_assert!(found.contains(&number));
            }
        }
    }
}
