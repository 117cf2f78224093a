//! Units: what is valid, and distances against the sphere's.

use proptest::prelude::*;

use super::*;

fn at(lat: f64, lng: f64) -> Coordinate {
    Coordinate::from_degrees(lat, lng).unwrap()
}

fn check_distance(from: Coordinate, to: Coordinate, expected_m: f64) {
    for distance in [from.distance(to), to.distance(from)] {
        let error = (distance.0 - expected_m).abs() / expected_m;
        assert!(error < 1e-3, "{distance:?} is not {expected_m} m");
    }
}

#[test]
fn distances_are_those_of_the_sphere() {
    // A degree of latitude; one of longitude at 60 degrees; across the antimeridian; half around.
    check_distance(at(0.5, 7.0), at(1.5, 7.0), 111_195.0);
    check_distance(at(60.0, 10.0), at(60.0, 10.1), 5_559.7);
    check_distance(at(10.0, 179.95), at(10.0, -179.95), 10_950.5);
    check_distance(at(0.0, 1.0), at(0.0, -179.0), 20_015_115.0);
}

#[test]
fn three_hundred_and_sixty_degrees_are_north() {
    assert_eq!(Heading::from_degrees(360.0), Heading::from_degrees(0.0));
    assert_eq!(Heading::from_degrees(359.996), Heading::from_degrees(0.0));
    assert_eq!(Heading::from_degrees(360.01), None);
}

#[test]
fn what_lies_outside_its_range_is_none() {
    for outside in [-0.01, 150.01, f64::NAN, f64::INFINITY] {
        assert_eq!(Speed::from_mps(outside), None);
    }
    assert_eq!(Accuracy::from_meters(100_000.1), None);
    assert_eq!(Altitude::from_meters(-1_000.1), None);
    assert_eq!(
        Coordinate::from_degrees(90.1, 0.0),
        Err(InvalidCoordinate::OutOfRange)
    );
    assert_eq!(
        Coordinate::from_degrees(1e-9, -1e-9),
        Err(InvalidCoordinate::NullIsland)
    );
}

#[test]
fn what_is_stored_is_checked_when_it_is_read() {
    assert!(serde_json::from_str::<Speed>("15000").is_ok());
    assert!(serde_json::from_str::<Speed>("15001").is_err());
    assert!(serde_json::from_str::<Heading>("36000").is_err());
    assert!(serde_json::from_str::<Coordinate>("[2000000000,0]").is_err());
}

proptest! {
    #[test]
    fn the_plane_agrees_with_the_sphere_where_cabs_drive(
        lat in -60.0..60.0_f64, lng in -180.0..180.0_f64, north in -0.3..0.3_f64, east in -0.3..0.3_f64,
    ) {
        let here = at(lat, lng);
        let there = at(lat + north, (lng + east + 540.0).rem_euclid(360.0) - 180.0);
        let sphere = here.haversine(there).0;
        prop_assert!((here.distance(there).0 - sphere).abs() <= sphere * 1e-3 + 0.01);
    }

    #[test]
    fn who_goes_by_an_offset_has_come_that_far(
        lat in -60.0..60.0_f64, lng in -179.0..179.0_f64,
        east in -50_000.0..50_000.0_f64, north in -50_000.0..50_000.0_f64,
    ) {
        let here = at(lat, lng);
        let there = here.offset_by(Meters(east), Meters(north)).unwrap();
        let (went_east, went_north) = here.offset_to(there);
        prop_assert!((went_east.0 - east).abs() < 0.1 && (went_north.0 - north).abs() < 0.1);
    }
}
