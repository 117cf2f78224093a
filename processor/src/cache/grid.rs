//! A grid over the earth: which vehicles are in which cell, by a number for each vehicle.
//! It does not know where in its cell a vehicle is.

use hashbrown::{HashMap, HashSet};
use schemas::{Coordinate, FleetId, Meters};

/// Cells are 0.01 degree wide: 1.1 km to the north, less to the east.
const CELL_E7: i32 = 100_000;
/// Metres that a cell spans to the north, rounded down.
const CELL_M: f64 = 1_111.0;
/// Cells to the east around the whole earth.
const CELLS_AROUND: i32 = 36_000;

/// A cell, by its number to the north and to the east.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cell(i32, i32);

impl Cell {
    /// The cell of a place.
    pub(crate) fn of(place: Coordinate) -> Self {
        Self(
            place.lat_e7().div_euclid(CELL_E7),
            wrap(place.lng_e7().div_euclid(CELL_E7)),
        )
    }
}

/// Which vehicles are in which cell.
#[derive(Debug, Default)]
pub(crate) struct Grid(HashMap<(FleetId, Cell), HashSet<u64>>);

impl Grid {
    /// Puts a vehicle into a cell.
    pub(crate) fn insert(&mut self, fleet: FleetId, cell: Cell, vehicle: u64) {
        self.0.entry((fleet, cell)).or_default().insert(vehicle);
    }

    /// Takes a vehicle out of a cell.
    pub(crate) fn remove(&mut self, fleet: FleetId, cell: Cell, vehicle: u64) {
        if let Some(vehicles) = self.0.get_mut(&(fleet, cell)) {
            vehicles.remove(&vehicle);
            if vehicles.is_empty() {
                self.0.remove(&(fleet, cell));
            }
        }
    }

    /// The vehicles in all cells that a circle touches, and some beside it.
    pub(crate) fn around(&self, fleet: FleetId, place: Coordinate, radius: Meters) -> Vec<u64> {
        let reach = Reach::of(place, radius);
        let Cell(north, east) = Cell::of(place);
        if reach.cells() > self.0.len() as i64 {
            let within = |cell: Cell| {
                let away = (cell.1 - east).rem_euclid(CELLS_AROUND);
                (cell.0 - north).abs() <= reach.north && away.min(CELLS_AROUND - away) <= reach.east
            };
            let cells = self
                .0
                .iter()
                .filter(|((of, cell), _)| *of == fleet && within(*cell));
            return cells.flat_map(|(_, vehicles)| vehicles).copied().collect();
        }
        let mut found = Vec::new();
        for north in north - reach.north..=north + reach.north {
            for east in east - reach.east..=east + reach.east {
                let vehicles = self.0.get(&(fleet, Cell(north, wrap(east))));
                found.extend(vehicles.into_iter().flatten());
            }
        }
        found
    }
}

/// How many cells a circle reaches, to each side.
struct Reach {
    north: i32,
    east: i32,
}

impl Reach {
    fn of(place: Coordinate, radius: Meters) -> Self {
        let north = (radius.0 / CELL_M).ceil();
        // The parallel is shortest at the circle's end toward the pole.
        let farthest = (place.lat().abs() + north * 0.01).min(89.99);
        let east = (north / farthest.to_radians().cos()).ceil();
        Self {
            north: north as i32,
            east: east.min(f64::from(CELLS_AROUND / 2 - 1)) as i32,
        }
    }

    fn cells(&self) -> i64 {
        i64::from(2 * self.north + 1) * i64::from(2 * self.east + 1)
    }
}

/// The same cell, counted the way round on which numbers are least.
fn wrap(east: i32) -> i32 {
    (east + CELLS_AROUND / 2).rem_euclid(CELLS_AROUND) - CELLS_AROUND / 2
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
