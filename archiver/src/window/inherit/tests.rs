//! The law of inheriting: nothing that a parent recognises is new to the child that has its key.

use proptest::prelude::*;
use schemas::{RideEventKind, seen::Sighting};

use super::*;
use crate::window::{
    recent::MAX_NAMES,
    tests::{event, ping, restored},
};

/// Vehicles of a window, with epoch and number of their pings.
type Names = Vec<(u8, u64, u64)>;

fn names() -> impl Strategy<Value = Names> {
    proptest::collection::vec((0_u8..8, 0_u64..2, 0_u64..30), 0..80)
}

/// A window that has seen some pings, and as many ride events.
fn window(names: &Names, begun_ms: i64) -> Window {
    let mut window = Window::default();
    for (at, (vehicle, epoch, seq)) in names.iter().enumerate() {
        window.advance(begun_ms + at as i64);
        let _ = window.see_ping(&ping(*vehicle, *epoch, *seq));
        let _ = window.see_event(&event(*vehicle, RideEventKind::Arrived, *seq as i64));
    }
    window
}

fn copy(window: &Window) -> Window {
    Window::decode(&window.encode().unwrap()).unwrap()
}

/// Whether a vehicle of [`ping`] has a number below `end`: a half of the keys.
fn is_below(end: u8) -> impl Fn(&[u8]) -> bool {
    move |key: &[u8]| key[key.len() - 1] - b'0' < end
}

fn sightings(window: &Window) -> Vec<Sighting> {
    let mut window = copy(window);
    let all = (0..8).flat_map(|vehicle| (0..2).map(move |epoch| (vehicle, epoch)));
    let all = all.flat_map(|(vehicle, epoch)| (0..31).map(move |seq| ping(vehicle, epoch, seq)));
    all.map(|ping| window.see_ping(&ping).1).collect()
}

fn vehicle_of(index: usize) -> u8 {
    (index / 62) as u8
}

proptest! {
    #[test]
    fn of_the_children_of_a_split_exactly_one_recognises_what_the_parent_did(
        names in names(), end in 0_u8..9,
    ) {
        let parent = window(&names, 0);
        let left = Window::inherit(vec![copy(&parent)], is_below(end));
        let right = Window::inherit(vec![copy(&parent)], |key| !is_below(end)(key));
        prop_assert_eq!(left.size().vehicles + right.size().vehicles, parent.size().vehicles);
        prop_assert_eq!(left.size().runs + right.size().runs, parent.size().runs);
        let (left, right) = (sightings(&left), sightings(&right));
        for (index, expected) in sightings(&parent).into_iter().enumerate() {
            let (mine, other) = if vehicle_of(index) < end {
                (left[index], right[index])
            } else {
                (right[index], left[index])
            };
            prop_assert_eq!((mine, other), (expected, Sighting::New));
        }
    }

    #[test]
    fn the_child_of_a_merge_recognises_what_either_parent_did(one in names(), other in names()) {
        let (one, other) = (window(&one, 0), window(&other, 40));
        let child = Window::inherit(vec![copy(&one), copy(&other)], |_| true);
        let (one, other) = (sightings(&one), sightings(&other));
        for (index, sighting) in sightings(&child).into_iter().enumerate() {
            let is_repeat = [one[index], other[index]].contains(&Sighting::Repeat);
            prop_assert_eq!(sighting == Sighting::Repeat, is_repeat);
        }
    }

    #[test]
    fn a_merge_is_the_same_bytes_in_either_order_and_comes_back_as_stored(
        one in names(), other in names(), end in 0_u8..9,
    ) {
        let (one, other) = (window(&one, 0), window(&other, 40));
        let mut there = Window::inherit(vec![copy(&one), copy(&other)], is_below(end));
        let back = Window::inherit(vec![copy(&other), copy(&one)], is_below(end));
        prop_assert_eq!(there.encode().unwrap(), back.encode().unwrap());
        prop_assert_eq!(restored(&mut there).encode().unwrap(), back.encode().unwrap());
        let again = Window::inherit(vec![back], is_below(end));
        prop_assert_eq!(there.encode().unwrap(), again.encode().unwrap());
    }

    #[test]
    fn ride_events_of_all_parents_are_repeats_in_every_child(one in names(), other in names()) {
        let windows = vec![window(&one, 0), window(&other, 40)];
        let mut child = Window::inherit(windows, |_| false);
        prop_assert_eq!(child.size().vehicles, 0);
        for (vehicle, _, seq) in one.iter().chain(&other) {
            let event = event(*vehicle, RideEventKind::Arrived, *seq as i64);
            prop_assert_eq!(child.see_event(&event), Sighting::Repeat);
        }
    }
}

#[test]
fn the_clock_of_a_child_is_that_of_the_parent_that_is_farther() {
    let (mut one, mut other) = (Window::default(), Window::default());
    one.advance(7);
    other.advance(5);
    let child = Window::inherit(vec![one, other], |_| true);
    assert_eq!(child.clock_ms, 7);
}

#[test]
fn a_merged_window_has_as_many_names_as_any_other_and_keeps_the_latest() {
    let mut parents = [Window::default(), Window::default()];
    for (at, parent) in parents.iter_mut().enumerate() {
        for number in 0..MAX_NAMES as i64 {
            parent.advance(number);
            let event = event(at as u8, RideEventKind::Arrived, number);
            assert_eq!(parent.see_event(&event), Sighting::New);
        }
    }
    let mut child = Window::inherit(parents.into(), |_| true);
    for vehicle in [0, 1] {
        let mut sighting = |time| child.see_event(&event(vehicle, RideEventKind::Arrived, time));
        assert_eq!(sighting(MAX_NAMES as i64 - 1), Sighting::Repeat);
        assert_eq!(sighting(0), Sighting::BeyondMemory);
    }
}
