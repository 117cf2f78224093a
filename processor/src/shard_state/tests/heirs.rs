//! The law of inheriting: shards that are split and merged leave what one shard leaves that reads all.

use proptest::prelude::*;
use schemas::record::write_key;

use super::{
    laws::{Entry, entries},
    *,
};
use crate::{learner::testing as learner, snapshot::tests as snapshot, vehicle::Vehicle};

/// Trips by ride and version.
type Trips = BTreeMap<(String, u32), Trip>;

/// Whether a key's vehicle is on the left: a or b.
fn is_left(key: &[u8]) -> bool {
    matches!(key.last(), Some(b'a' | b'b' | b'y'))
}

fn is_left_record(record: &Record) -> bool {
    let (fleet, vehicle) = record.subject();
    let mut key = Vec::new();
    write_key(fleet, vehicle, &mut key);
    is_left(&key)
}

/// The entries, with rides that keep to the vehicles of one side; and pings of both at the end.
fn sided() -> impl Strategy<Value = Vec<Entry>> {
    entries().prop_map(|mut entries| {
        for entry in &mut entries {
            let is_left = is_left_record(&entry.record);
            if let Record::RideEvent(event) = &mut entry.record {
                let ride = match (is_left, event.ride.as_str()) {
                    (true, "q" | "s") => "q",
                    (true, _) => "r",
                    (false, "q" | "s") => "s",
                    (false, _) => "t",
                };
                event.ride = RideId::new(ride).unwrap();
            }
        }
        let appended_ms = entries.last().map_or(0, |last| last.appended_ms) + 100_000;
        for vehicle in ["y", "z"] {
            entries.push(Entry {
                record: ping(vehicle, 0, 0.0),
                appended_ms,
            });
        }
        entries
    })
}

/// Shards that take entries, each its own.
struct Shards {
    states: Vec<ShardState>,
    trips: Trips,
    versions: BTreeMap<String, u64>,
}

impl Shards {
    fn new(count: usize) -> Self {
        Self {
            states: (0..count).map(|_| ShardState::default()).collect(),
            trips: Trips::new(),
            versions: BTreeMap::new(),
        }
    }

    fn apply(&mut self, entries: &[Entry]) {
        for entry in entries {
            let is_right = self.states.len() > 1 && !is_left_record(&entry.record);
            let state = &mut self.states[usize::from(is_right)];
            state.apply(&entry.record, entry.appended_ms);
            let _ = state.take_effects(usize::MAX);
        }
    }

    /// Takes the trips that wait: each is written by one shard.
    fn write_trips(&mut self) {
        for trip in self.states.iter_mut().flat_map(take_trips) {
            let name = (trip.ride.to_string(), trip.version);
            assert_eq!(self.trips.insert(name, trip), None, "it is written twice");
        }
    }

    /// Goes on in two shards, or in one.
    fn reshard(&mut self) {
        let parents = || {
            self.states
                .iter()
                .map(snapshot::reloaded)
                .collect::<Vec<_>>()
        };
        let heirs = if self.states.len() == 1 {
            vec![
                ShardState::inherit(parents(), is_left),
                ShardState::inherit(parents(), |key| !is_left(key)),
            ]
        } else {
            vec![ShardState::inherit(parents(), |_| true)]
        };
        self.states = heirs;
    }

    /// Versions never go backwards.
    fn note_versions(&mut self) {
        for (ride, progress) in self.states.iter().flat_map(|state| live(state).1) {
            let before = self.versions.insert(ride, progress.version);
            assert!(before <= Some(progress.version), "{progress:?}");
        }
    }

    fn vehicles(&self) -> Vec<Vehicle> {
        let mut all: Vec<_> = self.states.iter().flat_map(snapshot::vehicles).collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    }

    fn rides(&self) -> Vec<usize> {
        let count = |phase: Phase| {
            self.states
                .iter()
                .map(move |state| state.rides()[phase as usize])
        };
        Phase::ALL.map(|phase| count(phase).sum()).to_vec()
    }
}

proptest! {
    #[test]
    fn wherever_shards_are_split_and_merged_they_leave_what_one_leaves(
        entries in sided(), cuts in proptest::collection::vec(0_usize..120, 1..4),
        begins_with in 1_usize..3, writes in any::<bool>(),
    ) {
        let mut one = Shards::new(1);
        one.apply(&entries);
        one.write_trips();

        let mut shards = Shards::new(begins_with);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(entries.len() - 2)).collect();
        cuts.sort_unstable();
        let mut done = 0;
        for cut in cuts {
            shards.apply(&entries[done..cut]);
            shards.note_versions();
            if writes {
                shards.write_trips();
            }
            shards.reshard();
            shards.note_versions();
            done = cut;
        }
        shards.apply(&entries[done..]);
        shards.note_versions();
        shards.write_trips();
        prop_assert_eq!(&shards.trips, &one.trips);
        prop_assert_eq!(shards.vehicles(), one.vehicles());
        prop_assert_eq!(shards.rides(), one.rides());
    }
}

/// The states of two shards, the ride having gone on under a vehicle of the other one.
fn contested() -> [Driven; 2] {
    let [mut former, mut latter] = [Driven::new(), Driven::new()];
    former.apply(0, &event("r", "a", 0, RideEventKind::PickedUp));
    former.drive("a", 0, 40);
    latter.apply(50, &event("r", "c", 50, RideEventKind::PickedUp));
    [former, latter]
}

#[test]
fn a_ride_that_two_shards_followed_stays_with_the_vehicle_that_is_shown() {
    for parents in [contested(), {
        let [one, other] = contested();
        [other, one]
    }] {
        let states = parents.map(|parent| parent.state).into();
        let mut heir = Driven {
            state: ShardState::inherit(states, |_| true),
            trips: Vec::new(),
        };
        assert_eq!(heir.state.rides()[Phase::OnTrip as usize], 1);
        assert_eq!(heir.ride("r").vehicle_id.as_str(), "c");
        assert_eq!(live(&heir.state).0["a"].ride_id, None);
        assert_eq!(heir.state.take_effects(usize::MAX).abandoned_rides, 1);
        heir.apply(60, &event("r", "c", 60, DROPPED_OFF));
        assert_eq!(heir.trips.len(), 1);
        assert_eq!(heir.trips[0].vehicle.as_str(), "c");
    }
}

#[test]
fn a_trip_that_was_due_is_written_where_its_ride_goes_to_another_vehicle() {
    let [mut former, latter] = contested();
    former.apply(41, &event("r", "a", 40, DROPPED_OFF));
    assert_eq!(former.trips.len(), 1);
    former.apply(42, &ping("a", 15, 155.0));
    former.apply(43, &ping("a", 39, 390.0));
    let late = former.apply(43, &Record::Ping(late_ping()));
    assert_eq!(late, Outcome::Ping(Verdict::Late));
    let mut heir = ShardState::inherit(vec![former.state, latter.state], |_| true);
    let trips = take_trips(&mut heir);
    assert_eq!(trips.len(), 1);
    assert_eq!((trips[0].vehicle.as_str(), trips[0].version), ("a", 2));
}

/// A ping of a, between two others, that has a name of its own.
fn late_ping() -> Ping {
    let Record::Ping(mut late) = ping("a", 20, 200.0) else {
        panic!("it is no ping")
    };
    late.time = schemas::Timestamp(late.time.0 + 500);
    late.name.seq = 1_000;
    late
}

#[test]
fn a_vehicle_that_two_shards_know_keeps_its_rides_and_its_version() {
    let [mut one, mut other] = [Driven::new(), Driven::new()];
    one.apply(0, &event("q", "a", 0, RideEventKind::PickedUp));
    one.drive("a", 0, 20);
    other.apply(30, &ping("a", 30, 300.0));
    let version = |driven: &Driven| live(&driven.state).0["a"].version;
    let highest = version(&one).max(version(&other));
    let heir = ShardState::inherit(vec![one.state, other.state], |_| true);
    let vehicle = &live(&heir).0["a"];
    assert_eq!((vehicle.version, vehicle.time_ms), (highest, second(30)));
    assert_eq!(vehicle.ride_id, Some(RideId::new("q").unwrap()));
    assert_eq!(heir.vehicles(), 1);
}

#[test]
fn a_vehicle_with_the_rides_of_two_shards_makes_room_for_one_more_among_as_many_as_ever() {
    let parents = ["q", "r"].map(|name| {
        let mut driven = Driven::new();
        for ride in 0..crate::vehicle::MAX_RIDES as i64 {
            let ride = format!("{name}{ride}");
            driven.apply(0, &event(&ride, "a", 0, RideEventKind::PickedUp));
        }
        driven.state
    });
    let mut heir = ShardState::inherit(parents.into(), |_| true);
    heir.apply(&event("s", "a", 1, RideEventKind::PickedUp), second(1).0);
    let on_trip = heir.rides()[Phase::OnTrip as usize];
    assert_eq!(on_trip, crate::vehicle::MAX_RIDES);
}

#[test]
fn the_clock_of_a_child_is_that_of_the_parent_that_is_farthest_and_does_not_go_back() {
    for parents in [[10, 20], [20, 10]] {
        let state = |at_s| {
            let mut driven = Driven::new();
            driven.apply(at_s, &ping("b", at_s, 0.0));
            driven.state
        };
        let mut heir = ShardState::inherit(parents.map(state).into(), |_| true);
        heir.apply(&ping("a", 5, 0.0), second(5).0);
        assert_eq!(snapshot::vehicles(&heir)[0].heard_ms, second(20).0);
    }
}

#[test]
fn what_is_old_by_the_clock_of_the_other_parent_is_forgotten_before_the_next_record() {
    let (slow, mut fast) = (Driven::whole_ride(), Driven::new());
    fast.apply(4_200, &ping("w", 4_200, 0.0));
    let mut heir = ShardState::inherit(vec![slow.state, fast.state], |_| true);
    let late = event("r", "v", 90, RideEventKind::PickedUp);
    let outcome = heir.apply(&late, second(4_201).0);
    assert_eq!(outcome, Outcome::RideEvent(EventOutcome::TooLate));
}

#[test]
fn what_is_forgotten_is_forgotten_in_every_child() {
    let mut driven = Driven::whole_ride();
    driven.apply(4_200, &ping("w", 4_200, 0.0));
    for has_it in [true, false] {
        let parents = vec![snapshot::reloaded(&driven.state)];
        let mut heir = ShardState::inherit(parents, |_| has_it);
        assert_eq!(heir.vehicles() > 0, has_it);
        let late = event("r", "v", 100, RideEventKind::PickedUp);
        let outcome = heir.apply(&late, second(4_300).0);
        assert_eq!(outcome, Outcome::RideEvent(EventOutcome::TooLate));
    }
}

#[test]
fn each_heir_teaches_what_waited_in_any_parent_once() {
    let parent = |rides: &[&str]| {
        let mut state = ShardState::default();
        for record in rides.iter().flat_map(|name| learner::ride(name, 0.0)) {
            state.apply(&record, second(0).0);
        }
        state
    };
    let count = |state: &ShardState| state.lessons().len();
    let children = [is_left, |key: &[u8]| !is_left(key)];
    let children = children.map(|has| ShardState::inherit(vec![parent(&["a", "z"])], has));
    assert_eq!(children.each_ref().map(count), [2, 2]);
    let [left, right] = children;
    let merged = ShardState::inherit(vec![left, right, parent(&["b"])], |_| true);
    assert_eq!(count(&merged), 3);
    assert_eq!(count(&snapshot::reloaded(&merged)), 3);
}
