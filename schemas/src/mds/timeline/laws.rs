//! What holds of every vehicle, whatever comes in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{TripOutcome, mds::trip::transitions};

const LIMITS: Limits = Limits {
    silence: Duration::from_mins(1),
    denial: Duration::from_secs(40),
    standing: Duration::from_secs(15),
};
/// As many rides as a vehicle remembers.
const RIDES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[derive(Debug, Clone, Copy)]
enum Input {
    Ride(usize, Word),
    Ping(VehicleState),
}

/// Milliseconds since the last input, and the input.
fn inputs() -> impl Strategy<Value = Vec<(i64, Input)>> {
    let word = prop_oneof![
        Just(Word::Assigned),
        Just(Word::Arrived),
        Just(Word::PickedUp),
        Just(Word::DroppedOff),
        prop::sample::select(CancelledBy::ALL.as_slice()).prop_map(Word::Cancelled),
    ];
    let ride = (0..RIDES.len(), word).prop_map(|(ride, word)| Input::Ride(ride, word));
    let ping = prop::sample::select(VehicleState::ALL.as_slice()).prop_map(Input::Ping);
    let wait = prop_oneof![Just(0), 0_i64..3, 0_i64..30_000, 0_i64..90_000];
    prop::collection::vec((wait, prop_oneof![3 => ride, 2 => ping]), 0..60)
}

fn ride(at: usize) -> RideId {
    RideId::new(RIDES[at]).unwrap()
}

fn put(vehicle: &mut Timeline, time: i64, input: Input, told: &mut Vec<Transition>) {
    match input {
        Input::Ride(at, word) => vehicle.told(ride(at), word, Timestamp(time), told),
        Input::Ping(state) => vehicle.ping(Timestamp(time), state, told),
    }
}

fn tell(inputs: &[(i64, Input)]) -> Vec<Transition> {
    let mut vehicle = Timeline::new(LIMITS);
    let mut told = Vec::new();
    let mut time = 0;
    for (wait, input) in inputs {
        time += wait;
        put(&mut vehicle, time, *input, &mut told);
    }
    vehicle.pass(Timestamp(time), &mut told);
    told
}

/// Checks that each goes on from where the last led to, along an edge, and later.
fn goes_along_the_edges(from: State, told: &[Transition]) -> Result<(), TestCaseError> {
    let mut state = from;
    let mut last = None;
    for one in told {
        prop_assert!(state.leads_to(one.event, one.state), "{state:?} {one:?}");
        prop_assert!(last < Some(one.time), "{one:?} after {last:?}");
        prop_assert!(!one.event.names_a_trip() || one.ride.is_some(), "{one:?}");
        state = one.state;
        last = Some(one.time);
    }
    Ok(())
}

fn count(told: &[Transition], ride: RideId, event: VehicleEvent) -> usize {
    let is_this = |one: &&Transition| one.ride == Some(ride) && one.event == event;
    told.iter().filter(is_this).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_vehicle_goes_along_official_edges_and_time_goes_on(inputs in inputs()) {
        goes_along_the_edges(State::NonOperational, &tell(&inputs))?;
    }

    #[test]
    fn a_completed_ride_starts_once_and_ends_once(inputs in inputs()) {
        let told = tell(&inputs);
        let mut ends: BTreeMap<usize, Word> = BTreeMap::new();
        for (_, input) in &inputs {
            if let Input::Ride(at, word @ (Word::DroppedOff | Word::Cancelled(_))) = input {
                ends.entry(*at).or_insert(*word);
            }
        }
        for (at, name) in RIDES.iter().enumerate() {
            let starts = count(&told, ride(at), VehicleEvent::TripStart);
            let stops = count(&told, ride(at), VehicleEvent::TripEnd);
            prop_assert!(stops <= starts && starts <= 1, "{name}: {starts} {stops}");
            if ends.get(&at) == Some(&Word::DroppedOff) {
                prop_assert_eq!((starts, stops), (1, 1), "{}", name);
            }
        }
    }

    #[test]
    fn no_ride_whose_rider_was_met_is_lost(inputs in inputs()) {
        let told = tell(&inputs);
        for (at, name) in RIDES.iter().enumerate() {
            let words: Vec<Word> = inputs
                .iter()
                .filter_map(|(_, input)| match input {
                    Input::Ride(other, word) if *other == at => Some(*word),
                    Input::Ride(..) | Input::Ping(_) => None,
                })
                .collect();
            let begun = count(&told, ride(at), VehicleEvent::ReservationStart);
            // Whether its rider was met before anybody called it off.
            let first = words.iter().find(|word| **word != Word::Assigned);
            match first {
                None | Some(Word::Cancelled(_)) => prop_assert!(begun <= words.len()),
                Some(_) => prop_assert!(begun >= 1, "{name}"),
            }
        }
    }

    #[test]
    fn saying_everything_twice_changes_nothing(inputs in inputs()) {
        let twice: Vec<_> = inputs.iter().flat_map(|input| [*input, (0, input.1)]).collect();
        prop_assert_eq!(tell(&twice), tell(&inputs));
    }

    #[test]
    fn closing_an_hour_changes_nothing_of_what_comes(inputs in inputs(), closed in any::<prop::sample::Index>()) {
        let mut vehicle = Timeline::new(LIMITS);
        let mut told = Vec::new();
        let mut time = 0;
        let closed = closed.index(inputs.len() + 1);
        for (at, (wait, input)) in inputs.iter().enumerate() {
            if at == closed {
                vehicle.pass(Timestamp(time + wait), &mut told);
                // It is stored and read back meanwhile.
                let stored = serde_json::to_string(&vehicle).unwrap();
                vehicle = serde_json::from_str(&stored).unwrap();
            }
            time += wait;
            put(&mut vehicle, time, *input, &mut told);
        }
        vehicle.pass(Timestamp(time), &mut told);
        prop_assert_eq!(told, tell(&inputs));
    }

    #[test]
    fn a_trip_leads_from_a_free_vehicle_to_a_free_one(
        assigned in prop::option::of(0_i64..100),
        arrived in prop::option::of(0_i64..100),
        picked_up in prop::option::of(0_i64..100),
        ended in 0_i64..100,
        by in prop::option::of(prop::sample::select(CancelledBy::ALL.as_slice())),
    ) {
        let trip = crate::Trip {
            fleet: crate::FleetId::default(),
            ride: ride(0),
            vehicle: crate::VehicleId::new("v").unwrap(),
            driver: None,
            version: 1,
            outcome: if by.is_some() { TripOutcome::Cancelled } else { TripOutcome::Completed },
            cancelled_by: by.unwrap_or_default(),
            assigned: assigned.map(Timestamp),
            arrived: arrived.map(Timestamp),
            picked_up: picked_up.map(Timestamp),
            ended: Timestamp(ended),
            pickup: None,
            dropoff: None,
            distance_m: 0,
            to_pickup_m: 0,
            duration_s: 0,
            waiting_s: 0,
            route: String::new(),
            fare: None,
            pings: 0,
            largest_gap_s: 0,
        };
        let told = transitions(&trip);
        goes_along_the_edges(State::Available, &told)?;
        let was_sent = assigned.or(arrived).or(picked_up).is_some();
        let expected = usize::from(by.is_none());
        let starts = usize::from(by.is_none() || picked_up.is_some());
        prop_assert_eq!(count(&told, trip.ride, VehicleEvent::TripEnd), expected);
        prop_assert_eq!(count(&told, trip.ride, VehicleEvent::TripStart), starts);
        prop_assert_eq!(told.is_empty(), by.is_some() && !was_sent);
        if let Some(end) = told.last() {
            prop_assert_eq!(end.state, State::Available);
            // At most five steps of 1 ms are put in.
            prop_assert!((0..=5).contains(&(end.time.0 - ended)), "{:?}", end);
        }
    }
}
