//! The laws of a shard's state: replay, batches, repeats and restarts make no difference.

use proptest::prelude::*;

use super::*;
use crate::snapshot::tests as snapshot;

/// One record of a shard, and when the stream took it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) record: Record,
    pub(super) appended_ms: i64,
}

fn kind() -> impl Strategy<Value = RideEventKind> {
    prop_oneof![
        (0.0..500.0, 500.0..3_000.0).prop_map(|(pickup, dropoff)| assigned(pickup, dropoff)),
        Just(RideEventKind::Arrived),
        Just(RideEventKind::PickedUp),
        (0.0..3_000.0).prop_map(|east_m| RideEventKind::Rerouted {
            dropoff: place(east_m, 0.0),
            route: Some(polyline::encode([place(0.0, 0.0), place(east_m, 0.0)]).into()),
        }),
        Just(DROPPED_OFF),
        Just(RideEventKind::Cancelled {
            by: schemas::CancelledBy::Rider
        }),
    ]
}

/// Pings and events of a few vehicles and rides, late, repeated, jumping, in any order.
pub(super) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let record = prop_oneof![
        5 => (0..3_usize, 0_i64..600, 0.0..3_000.0)
            .prop_map(|(vehicle, at_s, east_m)| ping(["a", "b", "c"][vehicle], at_s, east_m)),
        2 => (0..4_usize, 0..3_usize, 0_i64..600, kind()).prop_map(|(ride, vehicle, at_s, kind)| {
            event(["q", "r", "s", "t"][ride], ["a", "b", "c"][vehicle], at_s, kind)
        }),
    ];
    let wait_ms = prop_oneof![20 => 0_i64..5_000, 1 => Just(3_700_000_i64)];
    proptest::collection::vec((record, wait_ms), 1..120).prop_map(|steps| {
        let mut appended_ms = second(600).0;
        let step = |(record, wait_ms)| {
            appended_ms += wait_ms;
            Entry {
                record,
                appended_ms,
            }
        };
        steps.into_iter().map(step).collect()
    })
}

/// Applies all entries; stores and loads the state before each of `cuts`. Trips by their names.
fn run(entries: &[Entry], cuts: &[usize]) -> (ShardState, BTreeMap<(String, u32), Trip>) {
    let mut state = ShardState::default();
    let mut trips = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if cuts.contains(&index) {
            state = snapshot::reloaded(&state);
        }
        state.apply(&entry.record, entry.appended_ms);
        let _ = state.take_effects(usize::MAX);
        for trip in take_trips(&mut state) {
            trips.insert((trip.ride.to_string(), trip.version), trip);
        }
    }
    (state, trips)
}

proptest! {
    #[test]
    fn where_it_is_stored_and_loaded_makes_no_difference(
        entries in entries(), cuts in proptest::collection::vec(0_usize..120, 0..8),
    ) {
        let (undisturbed, trips) = run(&entries, &[]);
        let (restored, trips_again) = run(&entries, &cuts);
        prop_assert_eq!(trips, trips_again);
        prop_assert_eq!(live(&undisturbed), live(&restored));
        prop_assert_eq!(undisturbed.rides(), restored.rides());
        prop_assert_eq!(snapshot::vehicles(&undisturbed), snapshot::vehicles(&restored));
    }

    #[test]
    fn how_records_are_batched_makes_no_difference_to_what_is_shown(
        entries in entries(), every in 1_usize..40,
    ) {
        let mut state = ShardState::default();
        let (mut vehicles, mut rides) = Live::default();
        let mut trips = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            state.apply(&entry.record, entry.appended_ms);
            if index % every == 0 || index + 1 == entries.len() {
                let effects = state.take_effects(usize::MAX);
                trips.extend(take_trips(&mut state));
                for change in effects.changes {
                    match change {
                        Change::Vehicle(it) => { vehicles.insert(it.vehicle_id.to_string(), it); }
                        Change::Ride(it) => { rides.insert(it.ride_id.to_string(), it); }
                        Change::RideAbandoned { ride, .. } => { rides.remove(ride.as_str()); }
                    }
                }
            }
        }
        let (undisturbed, all_trips) = run(&entries, &[]);
        prop_assert_eq!(trips.len(), all_trips.len());
        let (vehicles_now, rides_now) = live(&undisturbed);
        prop_assert_eq!(&vehicles, &vehicles_now);
        for (id, ride) in rides_now {
            prop_assert_eq!(rides.get(&id), Some(&ride));
        }
    }

    #[test]
    fn a_ping_that_comes_twice_changes_nothing(entries in entries(), twice in 0_usize..120) {
        let mut doubled = entries.clone();
        let repeat = entries[twice % entries.len()].clone();
        if matches!(repeat.record, Record::Ping(_)) {
            doubled.insert(twice % entries.len() + 1, repeat);
        }
        let (once, trips) = run(&entries, &[]);
        let (again, trips_again) = run(&doubled, &[]);
        prop_assert_eq!(trips, trips_again);
        prop_assert_eq!(live(&once), live(&again));
    }

    #[test]
    fn the_arrival_that_is_shown_keeps_its_order_and_runs_down_until_something_is_said(
        entries in entries(), waits_s in [0_i64..900, 0_i64..900, 0_i64..90_000],
    ) {
        let mut state = ShardState::default();
        for entry in entries {
            state.apply(&entry.record, entry.appended_ms);
            for ride in live(&state).1.into_values() {
                let mut now = ride.as_of_ms;
                let mut before = f64::INFINITY;
                for wait_s in waits_s {
                    let shown = ride.countdown(now);
                    let known = [shown.arrives_in_p10_s, shown.arrives_in_s, shown.arrives_in_p90_s];
                    let left: Vec<f64> = known.into_iter().flatten().collect();
                    prop_assert!(left.is_empty() || left.len() == 3, "{ride:?}");
                    prop_assert!(left.is_sorted() && left.iter().all(|left| *left >= 10.0));
                    prop_assert!(left.iter().all(|left| left.is_finite() && *left < 1e6));
                    let middle = left.get(1).copied().unwrap_or(0.0);
                    prop_assert!(middle <= before);
                    before = middle;
                    now.0 += wait_s * 1_000;
                }
            }
        }
    }

    #[test]
    fn versions_only_grow_and_counts_are_right(entries in entries()) {
        let mut state = ShardState::default();
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        for entry in entries {
            state.apply(&entry.record, entry.appended_ms);
            let _ = state.take_effects(usize::MAX);
            let (_, rides) = live(&state);
            for (id, ride) in &rides {
                let before = versions.insert(id.clone(), ride.version);
                prop_assert!(before.is_none_or(|before| before <= ride.version));
            }
            for phase in Phase::ALL {
                let count = rides.values().filter(|ride| ride.phase == phase).count();
                prop_assert_eq!(state.rides()[phase as usize], count);
            }
        }
    }
}
