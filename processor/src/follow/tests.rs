//! What following a route promises: forward, windowed, with hysteresis.

use proptest::prelude::*;
use schemas::{Coordinate, polyline::MAX_POINTS};

use super::*;
use crate::testing::{place, second, spot};

/// A straight route of `length_m` to the east with a point every 50 m.
fn straight(length_m: f64) -> Route {
    let points = (length_m / 50.0) as usize;
    let way: Vec<_> = (0..=points)
        .map(|point| place(point as f64 * 50.0, 0.0))
        .collect();
    Route::new(&way).unwrap()
}

/// Begins at second 0, at the start of the route.
fn start(route: &Route) -> Follow {
    let seen = Spot {
        time: second(0),
        position: route.begin(),
    };
    Follow::start(route, Some(seen))
}

fn fix(at_s: i64, east_m: f64, north_m: f64) -> Fix {
    Fix {
        spot: spot(at_s, east_m, north_m),
        speed: None,
        heading: None,
        accuracy: None,
    }
}

/// Drives over fixes given as (second, metres east, metres north).
fn drive(follow: &mut Follow, route: &Route, fixes: &[(i64, f64, f64)]) {
    let mut before: Option<Coordinate> = None;
    for &(at_s, east_m, north_m) in fixes {
        let fix = fix(at_s, east_m, north_m);
        let moved = before.map_or(Meters(0.0), |before| before.distance(fix.spot.position));
        before = Some(fix.spot.position);
        follow.advance(route, &fix, moved);
    }
}

/// Whether a vehicle is off the route after fixes given as (second, metres beside it).
fn check(beside: &[(i64, f64)], expected_off: bool) {
    let route = straight(5_000.0);
    let mut follow = start(&route);
    let fixes: Vec<_> = beside
        .iter()
        .map(|&(at_s, north_m)| (at_s, at_s as f64 * 10.0, north_m))
        .collect();
    drive(&mut follow, &route, &fixes);
    assert_eq!(follow.is_off(), expected_off, "{beside:?}");
}

#[test]
fn a_vehicle_leaves_its_route_after_three_pings_and_five_seconds() {
    check(&[(0, 0.0), (10, 45.0), (20, 45.0)], false);
    check(&[(0, 0.0), (10, 45.0), (20, 45.0), (30, 45.0)], true);
    check(&[(0, 0.0), (1, 45.0), (2, 45.0), (3, 45.0)], false);
    check(
        &[(0, 0.0), (1, 45.0), (2, 45.0), (3, 45.0), (6, 45.0)],
        true,
    );
    check(
        &[(0, 0.0), (10, 45.0), (20, 45.0), (30, 0.0), (40, 45.0)],
        false,
    );
    check(&[(0, 0.0), (10, 35.0), (20, 35.0), (30, 35.0)], false);
}

#[test]
fn a_vehicle_is_back_after_two_pings() {
    let left = [(0, 0.0), (10, 45.0), (20, 45.0), (30, 45.0)];
    check(&[&left[..], &[(40, 0.0)]].concat(), true);
    check(&[&left[..], &[(40, 0.0), (50, 0.0)]].concat(), false);
    check(
        &[&left[..], &[(40, 0.0), (50, 45.0), (60, 0.0)]].concat(),
        true,
    );
}

#[test]
fn a_bad_accuracy_widens_the_route() {
    let route = straight(5_000.0);
    let mut follow = Follow::start(&route, None);
    for at_s in [10, 20, 30, 40] {
        let mut fix = fix(at_s, at_s as f64, 90.0);
        fix.accuracy = Accuracy::from_meters(40.0);
        follow.advance(&route, &fix, Meters(10.0));
    }
    assert!(!follow.is_off());
}

#[test]
fn a_vehicle_that_returns_far_along_a_long_route_is_found_again() {
    let route = straight((MAX_POINTS - 1) as f64 * 50.0);
    let mut follow = start(&route);
    let detour = (0..40).map(|step| (step * 10, step as f64 * 400.0, 500.0));
    let back = (40..80).map(|step| (step * 10, step as f64 * 400.0, 0.0));
    drive(&mut follow, &route, &detour.chain(back).collect::<Vec<_>>());
    assert!(!follow.is_off());
    assert!(
        (follow.along().0 - 79.0 * 400.0).abs() < 200.0,
        "{follow:?}"
    );
}

#[test]
fn a_vehicle_that_turns_round_is_followed_backward() {
    let route = straight(5_000.0);
    let mut follow = start(&route);
    let there = (0..30).map(|step| (step * 5, step as f64 * 100.0, 0.0));
    let back = (0..20).map(|step| (150 + step * 5, 2_900.0 - step as f64 * 100.0, 0.0));
    drive(&mut follow, &route, &there.chain(back).collect::<Vec<_>>());
    assert!((follow.along().0 - 1_000.0).abs() <= 201.0, "{follow:?}");
}

#[test]
fn a_route_out_and_back_is_not_cut_short() {
    let way = [
        place(0.0, 0.0),
        place(2_000.0, 0.0),
        place(2_000.0, 20.0),
        place(0.0, 20.0),
    ];
    let route = Route::new(&way).unwrap();
    let mut follow = start(&route);
    let out: Vec<_> = (0..10)
        .map(|step| (step * 10, step as f64 * 100.0, 12.0))
        .collect();
    drive(&mut follow, &route, &out);
    assert!((follow.along().0 - 900.0).abs() < 1.0, "{follow:?}");
}

#[test]
fn a_vehicle_that_jumped_is_found_where_it_is() {
    let route = straight(40_000.0);
    let mut follow = start(&route);
    drive(
        &mut follow,
        &route,
        &[(0, 0.0, 0.0), (10, 100.0, 0.0), (20, 20_000.0, 0.0)],
    );
    assert!((follow.along().0 - 20_000.0).abs() < 20.0, "{follow:?}");
}

/// A direction that leads to the east, often by little.
fn heading() -> impl Strategy<Value = f64> {
    prop_oneof![-1.2..1.2_f64, Just(1.2), Just(-1.2)]
}

/// A route to the east that winds, with a point every `spacing` metres.
fn winding(spacing: f64, headings: &[f64]) -> Vec<Coordinate> {
    let mut at = (0.0, 0.0);
    let mut way = vec![place(at.0, at.1)];
    // A heading holds for a block of 60 m, or for one segment where that is longer.
    let segments = (60.0 / spacing).ceil() as usize;
    for heading in headings
        .iter()
        .flat_map(|heading| std::iter::repeat_n(heading, segments))
    {
        at = (
            at.0 + spacing * heading.cos(),
            at.1 + spacing * heading.sin(),
        );
        way.push(place(at.0, at.1));
    }
    way
}

/// The place so far along a way; None past its end.
fn at(way: &[Coordinate], mut along: f64) -> Option<Coordinate> {
    for pair in way.windows(2) {
        let length = pair[0].distance(pair[1]).0;
        if along <= length {
            let share = if length > 0.0 { along / length } else { 0.0 };
            let (lat, lng) = (pair[1].lat() - pair[0].lat(), pair[1].lng() - pair[0].lng());
            let place = (pair[0].lat() + lat * share, pair[0].lng() + lng * share);
            return Coordinate::from_degrees(place.0, place.1).ok();
        }
        along -= length;
    }
    None
}

#[test]
fn a_long_silence_on_a_winding_route_hides_no_vehicle() {
    let way = winding(150.0, &[1.2, -1.2].repeat(30));
    let route = Route::new(&way).unwrap();
    let mut follow = start(&route);
    let mut before = way[0];
    for (at_s, along) in [(0, 0.0), (10, 100.0), (130, 3_700.0), (140, 4_000.0)] {
        let position = at(&way, along).unwrap();
        let spot = Spot {
            time: second(at_s),
            position,
        };
        let fix = Fix {
            spot,
            ..fix(0, 0.0, 0.0)
        };
        follow.advance(&route, &fix, before.distance(position));
        before = position;
        assert!(
            (follow.along().0 - along).abs() < 5.0,
            "{along} m: {follow:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_vehicle_exactly_on_its_route_is_never_off_it(
        spacing in 2.0..150.0_f64,
        headings in proptest::collection::vec(heading(), 20..150),
        drive in proptest::collection::vec((0.0..30.0_f64, 1_i64..=15), 20..120),
        gaps in proptest::collection::vec((0_usize..120, 15_i64..=120), 0..4),
    ) {
        let way = winding(spacing, &headings);
        let route = Route::new(&way).unwrap();
        let mut follow = start(&route);
        let (mut at_s, mut along, mut before) = (0, 0.0, way[0]);
        for (index, (speed, interval)) in drive.into_iter().enumerate() {
            let gap = gaps.iter().find(|(at, _)| *at == index).map(|(_, gap)| *gap);
            let interval = gap.unwrap_or(interval);
            at_s += interval;
            along += speed * interval as f64;
            let Some(position) = at(&way, along) else { break };
            let spot = Spot { time: second(at_s), position };
            let fix = Fix { spot, ..fix(0, 0.0, 0.0) };
            follow.advance(&route, &fix, before.distance(position));
            before = position;
            prop_assert!(!follow.is_off(), "at {at_s} s, {along} m: {follow:?}");
            prop_assert!((follow.along().0 - along).abs() < 150.0, "{along} m: {follow:?}");
        }
    }

    #[test]
    fn what_is_left_shrinks_along_a_straight_drive(
        steps in proptest::collection::vec(1.0..200.0, 1..60),
    ) {
        let route = straight(9_000.0);
        let mut follow = start(&route);
        let (mut east_m, mut along) = (0.0, 0.0);
        for (at_s, step) in (1..).zip(steps) {
            east_m += step;
            follow.advance(&route, &fix(at_s * 10, east_m, 0.0), Meters(step));
            prop_assert!(follow.along().0 > along || east_m > 9_000.0);
            along = follow.along().0;
        }
    }

    #[test]
    fn a_forward_drive_with_noise_is_snapped_as_by_a_full_scan(
        norths in proptest::collection::vec(-60.0..60.0_f64, 30..200),
        noise in proptest::collection::vec((-8.0..8.0_f64, -8.0..8.0_f64), 300),
        step_m in 10.0..120.0_f64,
    ) {
        let way: Vec<_> =
            norths.iter().enumerate().map(|(at, north)| place(at as f64 * 150.0, *north)).collect();
        let route = Route::new(&way).unwrap();
        let mut follow = start(&route);
        let mut farthest = 0.0_f64;
        let mut before = way[0];
        for (at, (off_east, off_north)) in noise.into_iter().enumerate() {
            let east_m = at as f64 * step_m;
            let segment = (east_m / 150.0) as usize;
            let Some(&[from, to]) = norths.get(segment..segment + 2) else { break };
            let north_m = from + (to - from) * (east_m / 150.0).fract();
            let fix = fix(at as i64 * 5, east_m + off_east, north_m + off_north);
            let moved = before.distance(fix.spot.position);
            before = fix.spot.position;
            follow.advance(&route, &fix, moved);
            let full = route.nearest(route.place(before), 0..way.len() - 1).unwrap();
            farthest = farthest.max(full.along.0);
            prop_assert!((follow.along().0 - farthest).abs() < 0.5, "{follow:?} {farthest}");
        }
        prop_assert!(!follow.is_off());
    }
}
