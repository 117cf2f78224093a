//! What riders are told of arrivals, before the pickup and after it, and what drives teach that end.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use schemas::{CancelledBy, PlannedRoute};

use super::*;
use crate::eta::Stage;

const CANCELLED: RideEventKind = RideEventKind::Cancelled {
    by: CancelledBy::Rider,
};

/// Assigned at 0 s, with the vehicle at the origin, which drives 10 m/s to the east from then on.
fn approaching(pickup_east_m: f64, dropoff_east_m: f64) -> Driven {
    let mut driven = Driven::new();
    driven.apply(
        0,
        &event("r", "v", 0, assigned(pickup_east_m, dropoff_east_m)),
    );
    driven.drive("v", 0, 20);
    driven
}

fn rerouted(dropoff_east_m: f64) -> RideEventKind {
    RideEventKind::Rerouted {
        dropoff: place(dropoff_east_m, 0.0),
        route: None,
    }
}

/// An assignment whose route takes so long by its plan.
fn planned(pickup_east_m: f64, dropoff_east_m: f64, seconds: u64) -> RideEventKind {
    let mut assigned = assigned(pickup_east_m, dropoff_east_m);
    if let RideEventKind::Assigned {
        route: Some(PlannedRoute { duration, .. }),
        ..
    } = &mut assigned
    {
        *duration = Some(Duration::from_secs(seconds));
    }
    assigned
}

/// The three times of a ride's arrival, which keep their order, in seconds from when it was said.
fn arrival(driven: &Driven) -> Option<[f64; 3]> {
    let ride = driven.ride("r");
    let arrivals = [ride.eta_p10_ms, ride.eta_ms, ride.eta_p90_ms];
    assert!(arrivals.is_sorted(), "{ride:?}");
    let left = arrivals.map(|arrival| Some(arrival?.seconds_since(ride.as_of_ms)));
    assert_eq!(left[1], ride.eta_s);
    let [Some(p10), Some(p50), Some(p90)] = left else {
        assert_eq!(left, [None; 3]);
        return None;
    };
    assert!(p10 < p90 && p10 >= 10.0, "{ride:?}");
    Some([p10, p50, p90])
}

/// The middle one.
fn arrives_in(driven: &Driven) -> f64 {
    arrival(driven).unwrap()[1]
}

#[test]
fn before_the_pickup_it_is_the_pickups_and_after_it_the_drop_offs() {
    let (mut near, mut far) = (
        approaching(2_000.0, 5_000.0),
        approaching(2_000.0, 30_000.0),
    );
    assert!(arrival(&near).is_some());
    assert_eq!(arrival(&near), arrival(&far));
    for driven in [&mut near, &mut far] {
        driven.apply(30, &event("r", "v", 30, RideEventKind::Arrived));
        assert_eq!(arrival(driven), None);
        driven.drive("v", 31, 33);
        assert_eq!(arrival(driven), None);
        driven.apply(40, &event("r", "v", 40, RideEventKind::PickedUp));
    }
    assert!(arrives_in(&near) + 60.0 < arrives_in(&far));
}

#[test]
fn a_reroute_is_a_new_promise_at_once() {
    let mut driven = approaching(100.0, 5_000.0);
    driven.apply(20, &event("r", "v", 20, RideEventKind::PickedUp));
    driven.drive("v", 20, 22);
    let before = arrives_in(&driven);
    driven.apply(22, &event("r", "v", 22, rerouted(30_000.0)));
    let after = arrives_in(&driven);
    assert!(before + 60.0 < after, "{before} {after}");
    driven.apply(23, &event("r", "v", 23, rerouted(5_000.0)));
    assert!(arrives_in(&driven) < before + 10.0);
}

#[test]
fn another_vehicle_begins_anew() {
    let mut driven = approaching(2_000.0, 5_000.0);
    driven.apply(20, &ping("w", 20, -20_000.0));
    driven.apply(21, &ping("w", 21, -20_000.0));
    let before = arrives_in(&driven);
    driven.apply(22, &event("r", "w", 22, assigned(2_000.0, 5_000.0)));
    let after = arrives_in(&driven);
    assert!(before + 60.0 < after, "{before} {after}");
}

#[test]
fn another_vehicle_that_says_nothing_new_is_promised_too() {
    let mut driven = approaching(100.0, 5_000.0);
    driven.apply(20, &event("r", "v", 20, RideEventKind::PickedUp));
    driven.apply(20, &ping("w", 20, 200.0));
    driven.apply(22, &event("r", "w", 22, RideEventKind::PickedUp));
    assert_eq!(driven.ride("r").vehicle_id.as_str(), "w");
    assert!(arrival(&driven).is_some());
}

#[test]
fn what_is_over_arrives_no_more() {
    for end in [CANCELLED, DROPPED_OFF] {
        let mut driven = approaching(2_000.0, 5_000.0);
        driven.apply(20, &event("r", "v", 20, end));
        driven.drive("v", 21, 25);
        assert_eq!(arrival(&driven), None);
        assert_eq!(driven.ride("r").stale_after_ms, None);
    }
}

fn check_stale(every_s: i64, pings: i64, expected_s: Option<i64>) {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "v", 0, assigned(9_000.0, 20_000.0)));
    for number in 0..pings {
        let at_s = number * every_s;
        driven.apply(at_s, &ping("v", at_s, at_s as f64));
    }
    let last_s = (pings - 1) * every_s;
    // A word of the driver is no ping.
    driven.apply(last_s + 2, &event("r", "v", last_s + 2, rerouted(21_000.0)));
    let expected = expected_s.map(|silent_s| second(last_s + silent_s));
    assert_eq!(driven.ride("r").stale_after_ms, expected, "{every_s} s");
}

#[test]
fn a_silence_of_three_usual_intervals_makes_a_ride_stale() {
    check_stale(1, 5, Some(10));
    check_stale(20, 9, Some(60));
    check_stale(300, 5, Some(600));
    check_stale(20, 1, None);
}

/// What the whole drives of a ride were to take by plan, as its lessons say: to its pickup, to its
/// drop-off.
fn plans(assigned: RideEventKind, change: Option<RideEventKind>) -> [Option<u32>; 2] {
    let mut driven = Driven::new();
    driven.apply(0, &event("r", "v", 0, assigned));
    driven.drive("v", 0, 101);
    driven.apply(101, &event("r", "v", 100, RideEventKind::Arrived));
    driven.apply(101, &event("r", "v", 100, RideEventKind::PickedUp));
    driven.drive("v", 101, 300);
    if let Some(change) = change {
        driven.apply(300, &event("r", "v", 300, change));
    }
    driven.drive("v", 300, 501);
    driven.apply(501, &event("r", "v", 500, DROPPED_OFF));
    let lessons: Vec<_> = driven.state.lessons().collect();
    let [approach, trip] = lessons.as_slice() else {
        panic!("{lessons:?}")
    };
    assert_eq!((approach.stage, trip.stage), (Stage::Approach, Stage::Trip));
    [approach.planned_s, trip.planned_s]
}

#[test]
fn a_lesson_says_what_the_drive_was_to_take_by_a_plan_that_did_not_change() {
    let plan = planned(1_000.0, 5_000.0, 432);
    assert_eq!(plans(plan.clone(), None), [None, Some(432)]);
    assert_eq!(plans(plan, Some(rerouted(5_000.0))), [None, None]);
    assert_eq!(plans(assigned(1_000.0, 5_000.0), None), [None, None]);
}

/// All that happens to one vehicle, in its order: a ride whose drives teach something.
#[derive(Debug, Clone)]
struct Story(Vec<(i64, Record)>);

fn story(number: usize) -> impl Strategy<Value = Story> {
    let (vehicle, ride) = (["a", "b", "c"][number], ["q", "r", "s"][number]);
    (2_i64..30, 4_i64..40, 4_i64..40, 5.0..15.0).prop_map(
        move |(every_s, to_pickup, on_trip, mps)| {
            let [pickup, dropoff] = [to_pickup, to_pickup + on_trip].map(|pings| pings * 30);
            let east = |at_s: i64| at_s as f64 * mps;
            let word = |at_s, kind| (at_s, event(ride, vehicle, at_s, kind));
            let mut records = vec![
                word(0, planned(east(pickup), east(dropoff), 300)),
                word(pickup, RideEventKind::Arrived),
                word(pickup, RideEventKind::PickedUp),
                word(dropoff, DROPPED_OFF),
            ];
            let pings = (0..=dropoff).step_by(every_s as usize);
            records.extend(pings.map(|at_s| (at_s, ping(vehicle, at_s, east(at_s)))));
            records.sort_by_key(|(at_s, _)| *at_s);
            Story(records)
        },
    )
}

/// The records of all, each in the order of its own, and one of them by turns as `order` says.
fn interleaved(stories: &[Story; 3], order: &[usize]) -> Vec<Record> {
    let mut rest = stories.each_ref().map(|story| story.0.iter());
    let turns = order.iter().copied().cycle().take(10_000);
    turns
        .filter_map(|vehicle| rest[vehicle].next())
        .map(|(_, record)| record.clone())
        .collect()
}

/// What is learned of these, in the order of the lessons.
fn learned<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<Lesson> {
    let mut state = ShardState::default();
    for record in records {
        state.apply(record, second(2_500).0);
    }
    let mut lessons: Vec<_> = state.lessons().cloned().collect();
    lessons.sort();
    lessons
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_whatever_order_vehicles_are_read_their_drives_teach_the_same(
        stories in [story(0), story(1), story(2)],
        order in Just(vec![0, 0, 1, 2, 2, 2]).prop_shuffle(),
        repeats in vec(any::<bool>(), 50),
    ) {
        let one = interleaved(&stories, &[0, 1, 2]);
        let other = interleaved(&stories, &order);
        let lessons = learned(one.iter());
        prop_assert_eq!(lessons.len(), 6);
        prop_assert_eq!(&learned(other.iter()), &lessons);
        // What is said twice, at once or all over again, teaches nothing twice.
        let repeated = one.iter().zip(repeats.iter().cycle());
        let doubled = repeated.flat_map(|(record, twice)| {
            std::iter::repeat_n(record, 1 + usize::from(*twice))
        });
        prop_assert_eq!(&learned(doubled.chain(&one)), &lessons);
    }
}
