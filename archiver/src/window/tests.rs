//! The window's law: within its bounds every name is new once, across restarts, in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use schemas::{Coordinate, PingName, Protocol, RideEventKind, Timestamp, VehicleState};

use super::*;
use crate::dead_letters::Hex;

const DAY_MS: i64 = 24 * 3_600_000;

pub(super) fn ping(vehicle: u8, epoch: u64, seq: u64) -> Ping {
    Ping {
        fleet: FleetId::default(),
        vehicle: format!("v{vehicle}").parse().unwrap(),
        driver: None,
        ride: None,
        name: PingName { epoch, seq },
        time: Timestamp(0),
        position: Coordinate::from_e7(1, 1).unwrap(),
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        state: VehicleState::Unspecified,
        received_at: Timestamp(0),
        protocol: Protocol::Unspecified,
    }
}

pub(super) fn event(ride: u8, kind: RideEventKind, time: i64) -> RideEvent {
    RideEvent {
        fleet: FleetId::default(),
        ride: format!("r{ride}").parse().unwrap(),
        vehicle: "v".parse().unwrap(),
        driver: None,
        time: Timestamp(time),
        received_at: Timestamp(0),
        kind,
    }
}

pub(super) fn restored(window: &mut Window) -> Window {
    Window::decode(&window.encode().unwrap()).unwrap()
}

#[test]
fn a_vehicle_is_forgotten_after_eight_days_of_silence() {
    let mut window = Window::default();
    window.advance(0);
    let _ = window.see_ping(&ping(1, 0, 1));
    window.advance(8 * DAY_MS);
    let _ = window.see_ping(&ping(2, 0, 1));
    let _ = window.forget();
    assert_eq!(window.see_ping(&ping(1, 0, 1)).1, Sighting::Repeat);
    window.advance(16 * DAY_MS + 1);
    let _ = window.forget();
    assert_eq!(window.vehicles.len(), 0);
    assert_eq!(window.see_ping(&ping(1, 0, 1)).1, Sighting::New);
}

fn sized(vehicles: usize, runs: usize) -> Size {
    Size { vehicles, runs }
}

#[test]
fn the_vehicles_that_are_silent_for_longest_make_room() {
    let mut window = Window::default();
    for vehicle in [3, 1, 2, 4] {
        window.advance(i64::from(vehicle / 3));
        let _ = window.see_ping(&ping(vehicle, 0, 1));
    }
    // 3 and 4 were heard of last; of the other two, 1 is the first in order.
    assert_eq!(window.forget_beyond(sized(3, 100)), 1);
    assert_eq!(window.size().vehicles, 3);
    for vehicle in 2..=4 {
        assert_eq!(window.see_ping(&ping(vehicle, 0, 1)).1, Sighting::Repeat);
    }
    assert_eq!(window.see_ping(&ping(1, 0, 1)).1, Sighting::New);
}

#[test]
fn the_vehicles_with_most_runs_make_room() {
    let mut window = Window::default();
    for seq in 0..50 {
        for vehicle in [1, 2] {
            let _ = window.see_ping(&ping(vehicle, 0, seq * 2));
        }
        let _ = window.see_ping(&ping(3, 0, seq));
    }
    assert_eq!(window.size(), sized(3, 101));
    assert_eq!(window.forget_beyond(sized(3, 21)), 0);
    assert_eq!(window.size(), sized(3, 21));
    assert_eq!(window.see_ping(&ping(1, 0, 80)).1, Sighting::Repeat);
    assert_eq!(window.see_ping(&ping(1, 0, 78)).1, Sighting::BeyondMemory);
    assert_eq!(window.see_ping(&ping(3, 0, 0)).1, Sighting::Repeat);
}

/// What was stored once is read for ever: a new layout needs a new way to read.
const GOLDEN: &str = concat!(
    "80c0e285e368030764656661756c7402763180c0e285e36801030506000764656661756c74027632",
    "80c0e285e3680103090901010304040103020764656661756c7402763380c0e285e3680100d00fd0",
    "0f010100e807e80701000101aec85ddf6aff4014799155f68f2d8ee580c0e285e3680c010a0000",
);

#[test]
fn a_stored_window_keeps_its_layout() {
    let mut window = Window::default();
    window.advance(1_800_000_000_000);
    for (vehicle, seq) in [(1, 5), (1, 6), (2, 1), (2, 9), (2, 4)] {
        let _ = window.see_ping(&ping(vehicle, 3, seq));
    }
    for seq in 0..3 {
        let _ = window.see_ping(&ping(3, 0, seq * 1_000));
    }
    let _ = window.see_event(&event(1, RideEventKind::Arrived, 5));
    window.events.forget_before(i64::MAX);
    let _ = window.see_event(&event(2, RideEventKind::PickedUp, 6));
    let _ = window.forget_beyond(sized(3, 5));
    let plain = zstd::stream::decode_all(window.encode().unwrap().as_slice()).unwrap();
    assert_eq!(Hex(&plain).to_string(), GOLDEN);
    assert_eq!(
        restored(&mut window).encode().unwrap(),
        window.encode().unwrap()
    );
}

#[test]
fn a_vehicle_takes_72_bytes() {
    assert_eq!(size_of::<Vehicle>(), 72);
}

#[test]
fn an_event_is_named_by_ride_kind_and_time() {
    let mut window = Window::default();
    let arrived = event(1, RideEventKind::Arrived, 5);
    assert_eq!(window.see_event(&arrived), Sighting::New);
    assert_eq!(
        window.see_event(&event(1, RideEventKind::Arrived, 6)),
        Sighting::New
    );
    assert_eq!(
        window.see_event(&event(1, RideEventKind::PickedUp, 5)),
        Sighting::New
    );
    assert_eq!(
        window.see_event(&event(2, RideEventKind::Arrived, 5)),
        Sighting::New
    );
    assert_eq!(restored(&mut window).see_event(&arrived), Sighting::Repeat);
}

#[test]
fn the_clock_of_the_window_never_goes_back() {
    let mut window = Window::default();
    window.advance(9 * DAY_MS);
    let _ = window.see_ping(&ping(1, 0, 1));
    window.advance(0);
    let _ = window.see_ping(&ping(2, 0, 1));
    let _ = window.forget();
    assert_eq!(window.vehicles.len(), 2);
}

#[test]
fn bytes_that_are_no_window_are_an_error() {
    assert!(Window::decode(b"not zstd").is_err());
    let garbage = zstd::bulk::compress(&[0xff; 64], 1).unwrap();
    assert!(Window::decode(&garbage).is_err());
}

proptest! {
    #[test]
    fn shares_are_as_large_as_all_of_them_together_allow(
        counts in proptest::collection::vec(1_usize..50, 1..20), spare in 0_usize..300,
    ) {
        let max = counts.len() + spare;
        let kept = |share: usize| counts.iter().map(|count| *count.min(&share)).sum::<usize>();
        let share = fair_share(counts.clone(), max);
        prop_assert!(kept(share) <= max);
        prop_assert!(share == usize::MAX || kept(share + 1) > max);
    }

    #[test]
    fn every_name_is_new_once_also_across_restarts(
        names in proptest::collection::vec((0_u8..4, 0_u64..2, 0_u64..40), 0..200),
        restart_every in 1_usize..50,
    ) {
        let (mut window, mut model) = (Window::default(), BTreeSet::new());
        for (count, (vehicle, epoch, seq)) in names.into_iter().enumerate() {
            if count % restart_every == 0 {
                let _ = window.forget();
                window = restored(&mut window);
            }
            let is_new = model.insert((vehicle, epoch, seq));
            let expected = if is_new { Sighting::New } else { Sighting::Repeat };
            prop_assert_eq!(window.see_ping(&ping(vehicle, epoch, seq)).1, expected);
        }
    }

    #[test]
    fn equal_windows_are_equal_bytes(
        vehicles in proptest::collection::btree_set(any::<u8>(), 1..40),
    ) {
        let (mut there, mut back) = (Window::default(), Window::default());
        for vehicle in &vehicles {
            let _ = there.see_ping(&ping(*vehicle, 0, 7));
        }
        for vehicle in vehicles.iter().rev() {
            let _ = back.see_ping(&ping(*vehicle, 0, 7));
        }
        prop_assert_eq!(there.encode().unwrap(), back.encode().unwrap());
        prop_assert_eq!(restored(&mut there).encode().unwrap(), back.encode().unwrap());
    }
}
