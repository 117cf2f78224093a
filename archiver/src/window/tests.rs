//! The window's law: within its bounds every name is new once, across restarts, in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use schemas::{Coordinate, PingName, Protocol, RideEventKind, Timestamp, VehicleState};

use super::*;

const DAY_MS: i64 = 24 * 3_600_000;

fn ping(vehicle: u8, epoch: u64, seq: u64) -> Ping {
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

fn event(ride: u8, kind: RideEventKind, time: i64) -> RideEvent {
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

fn restored(window: &mut Window) -> Window {
    Window::decode(&window.encode().unwrap()).unwrap()
}

#[test]
fn a_vehicle_is_forgotten_after_eight_days_of_silence() {
    let mut window = Window::default();
    window.advance(0);
    let _ = window.see_ping(&ping(1, 0, 1));
    window.advance(8 * DAY_MS);
    let _ = window.see_ping(&ping(2, 0, 1));
    window.forget();
    assert_eq!(window.see_ping(&ping(1, 0, 1)).1, Sighting::Repeat);
    window.advance(16 * DAY_MS + 1);
    window.forget();
    assert_eq!(window.vehicles.len(), 0);
    assert_eq!(window.see_ping(&ping(1, 0, 1)).1, Sighting::New);
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
    window.forget();
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
    fn every_name_is_new_once_also_across_restarts(
        names in proptest::collection::vec((0_u8..4, 0_u64..2, 0_u64..40), 0..200),
        restart_every in 1_usize..50,
    ) {
        let (mut window, mut model) = (Window::default(), BTreeSet::new());
        for (count, (vehicle, epoch, seq)) in names.into_iter().enumerate() {
            if count % restart_every == 0 {
                window.forget();
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
