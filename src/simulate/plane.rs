//! The town's plane: metres east and north of its south-west corner, laid over San Francisco.

use schemas::Coordinate;

/// The south-west corner: the town covers the city's north-south and east-west grid.
const ORIGIN_LAT_E7: f64 = 377_060_000.0;
const ORIGIN_LNG_E7: f64 = -1_225_050_000.0;
/// Metres per 1e-7 degree of latitude, on the mean sphere.
const METERS_PER_LAT_E7: f64 = 0.011_119_508;
/// Metres per 1e-7 degree of longitude at 37.755 degrees north.
const METERS_PER_LNG_E7: f64 = 0.008_791_444;

/// A point of the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Metres east of the corner.
    pub east: f64,
    /// Metres north of the corner.
    pub north: f64,
}

impl Point {
    pub(super) fn distance(self, other: Self) -> f64 {
        (self.east - other.east).hypot(self.north - other.north)
    }

    /// Latitude and longitude in 1e-7 degree. Far off the town too: a device's fix may jump.
    pub(super) fn to_e7(self) -> (i32, i32) {
        (
            (ORIGIN_LAT_E7 + self.north / METERS_PER_LAT_E7) as i32,
            (ORIGIN_LNG_E7 + self.east / METERS_PER_LNG_E7) as i32,
        )
    }

    /// None far outside the town, where degrees end.
    pub(super) fn coordinate(self) -> Option<Coordinate> {
        let (lat_e7, lng_e7) = self.to_e7();
        Coordinate::from_e7(lat_e7, lng_e7).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metre_of_the_plane_is_a_metre_of_the_globe() {
        let from = Point {
            east: 2_000.0,
            north: 3_000.0,
        };
        for to in [
            Point {
                east: 5_000.0,
                ..from
            },
            Point {
                north: 8_000.0,
                ..from
            },
        ] {
            let globe = from
                .coordinate()
                .unwrap()
                .distance(to.coordinate().unwrap())
                .0;
            assert!((globe / from.distance(to) - 1.0).abs() < 1e-3, "{globe}");
        }
    }
}
