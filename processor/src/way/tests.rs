//! What a way promises: lengths, gaps and counts, whatever the order of the pings.

use proptest::prelude::*;

use super::*;
use crate::testing::{second, spot};

/// A way of pings given as (second, metres east), none of them late.
fn driven(spots: &[(i64, f64)]) -> Way {
    let mut way = Way::beginning_at(None);
    for &(second, east) in spots {
        way.push(
            spot(second, east, 0.0),
            Meters(25.0),
            Step::Drove(Meters(0.0)),
        );
    }
    way
}

fn check(way: &Way, from_s: i64, to_s: i64, expected: (f64, u32, u32)) {
    let stretch = way.stretch(second(from_s), second(to_s));
    assert!((stretch.driven.0 - expected.0).abs() < 0.5, "{stretch:?}");
    assert_eq!(
        (stretch.pings, stretch.largest_gap_s),
        (expected.1, expected.2),
        "{stretch:?}"
    );
}

#[test]
fn standing_still_drives_nowhere() {
    let jitter: Vec<_> = (0..600)
        .map(|at_s| (at_s, f64::from(at_s as i32 % 7) * 3.0))
        .collect();
    let stretch = driven(&jitter).stretch(second(-1), second(600));
    assert!(stretch.driven.0 < 25.0, "{stretch:?}");
    assert_eq!(stretch.pings, 600);
}

#[test]
fn a_stretch_counts_what_lies_in_it() {
    let mut way = driven(&[(0, 0.0), (5, 50.0), (10, 60.0)]);
    way.seal();
    for (second, east) in [(15, 110.0), (40, 160.0), (45, 165.0)] {
        way.push(
            spot(second, east, 0.0),
            Meters(25.0),
            Step::Drove(Meters(0.0)),
        );
    }
    check(&way, -1, 10, (60.0, 3, 5));
    check(&way, 10, 60, (105.0, 3, 25));
}

#[test]
fn a_late_ping_fills_a_gap_and_bends_the_way() {
    let mut way = driven(&[(0, 0.0), (10, 200.0), (40, 800.0), (50, 1_000.0)]);
    check(&way, -1, 60, (1_000.0, 4, 30));
    assert_eq!(way.insert(spot(20, 400.0, 300.0)), Inserted::Changed);
    check(&way, -1, 60, (200.0 + 360.6 + 500.0 + 200.0, 5, 20));
}

#[test]
fn a_late_ping_that_nobody_could_drive_to_is_ignored() {
    let mut way = driven(&[(0, 0.0), (10, 200.0), (20, 400.0)]);
    let before = way.clone();
    assert_eq!(way.insert(spot(15, 5_000.0, 0.0)), Inserted::Ignored);
    assert_eq!(way.insert(spot(-15, 9_000.0, 0.0)), Inserted::Ignored);
    assert_eq!(way, before);
}

#[test]
fn a_jump_is_not_driven() {
    let mut way = driven(&[(0, 0.0), (10, 100.0)]);
    way.push(spot(20, 9_000.0, 0.0), Meters(25.0), Step::Jumped);
    way.push(
        spot(30, 9_100.0, 0.0),
        Meters(25.0),
        Step::Drove(Meters(100.0)),
    );
    check(&way, -1, 30, (200.0, 4, 10));
}

#[test]
fn a_leg_across_an_end_counts_by_its_time() {
    // Pings at 0 s and 1,000 m on, at 100 s; the rider gets in between them, and out.
    let way = driven(&[(0, 0.0), (100, 1_000.0), (110, 1_050.0)]);
    check(&way, 90, 110, (150.0, 2, 10));
    check(&way, 20, 90, (700.0, 0, 70));
    check(&way, -1, 40, (400.0, 1, 40));
    check(&way, 40, 20, (0.0, 0, 0));
}

#[test]
fn silence_at_the_ends_is_a_gap() {
    let way = driven(&[(50, 0.0), (60, 100.0)]);
    check(&way, 0, 70, (100.0, 2, 50));
    check(&way, 40, 200, (100.0, 2, 140));
    check(&way, 70, 90, (0.0, 0, 20));
    check(&Way::beginning_at(None), 0, 30, (0.0, 0, 30));
}

#[test]
fn a_late_ping_before_the_first_begins_the_way_earlier() {
    let mut way = driven(&[(20, 200.0), (30, 300.0)]);
    assert_eq!(way.insert(spot(0, 0.0, 0.0)), Inserted::Changed);
    assert_eq!(way.insert(spot(10, 100.0, 0.0)), Inserted::Changed);
    check(&way, -1, 30, (300.0, 4, 10));
    check(&way, 20, 30, (100.0, 1, 10));
    let mut empty = Way::beginning_at(None);
    assert_eq!(empty.insert(spot(5, 0.0, 0.0)), Inserted::Changed);
    check(&empty, 0, 10, (0.0, 1, 5));
}

#[test]
fn a_vehicle_whose_clock_runs_behind_goes_on_with_a_way_in_order() {
    let mut way = driven(&[(0, 0.0), (100, 1_000.0)]);
    for (at_s, east) in [(90, 900.0), (100, 1_000.0), (110, 1_100.0)] {
        let step = Step::Drove(Meters(100.0));
        way.push(spot(at_s, east, 0.0), Meters(25.0), step);
    }
    assert!(way.points.is_sorted_by_key(|point| point.at_ms));
    check(&way, -1, 110, (1_100.0, 5, 90));
}

proptest! {
    #[test]
    fn a_way_of_any_length_is_bounded_and_keeps_its_length_and_pings(count in 2_i64..6_000) {
        let spots: Vec<_> = (0..count).map(|second| (second, second as f64 * 30.0)).collect();
        let way = driven(&spots);
        prop_assert!(way.points.len() <= MAX_POINTS);
        let stretch = way.stretch(second(-1), second(count - 1));
        prop_assert_eq!(stretch.pings, count as u32);
        let length = (count - 1) as f64 * 30.0;
        prop_assert!((stretch.driven.0 - length).abs() < length * 0.001, "{:?}", stretch.driven);
        prop_assert_eq!(stretch.largest_gap_s, 1);
    }

    #[test]
    fn no_order_of_pings_breaks_a_way(
        pings in proptest::collection::vec((0_i64..500, 0.0..3_000.0), 1..200),
    ) {
        let mut way = Way::beginning_at(None);
        way.push(spot(0, 0.0, 0.0), Meters(25.0), Step::Drove(Meters(0.0)));
        for (at_s, east) in pings {
            let _ = way.insert(spot(at_s, east, 0.0));
            prop_assert!(way.points.is_sorted_by_key(|point| point.at_ms));
            let whole = way.stretch(second(-1), second(500));
            let parts = way.stretch(second(100), second(300));
            prop_assert!(parts.pings <= whole.pings && parts.driven.0 <= whole.driven.0);
        }
    }
}
