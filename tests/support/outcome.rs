//! What a run has come to: what the live API shows, what is archived, what was acked. Compared
//! between a run in which everything failed and one in which nothing did.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{archive, program::Program, wait_for};

/// The fields of an answer that follow from its moment.
const COUNTDOWN: [&str; 5] = [
    "now_ms",
    "arrives_in_s",
    "arrives_in_p10_s",
    "arrives_in_p90_s",
    "is_stale",
];

/// Everything that a live API, read by `live`, shows of rides and of the vehicles that serve them;
/// None while it does not know one of them.
pub(crate) fn live_state(live: impl Fn(&str) -> Option<Value>) -> Option<BTreeMap<String, Value>> {
    let mut state = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = live(&format!("/v1/rides?limit=500{cursor}"))?;
        for ride in page["rides"].as_array().into_iter().flatten() {
            let vehicle = ride["vehicle_id"].as_str().unwrap();
            let position = live(&format!("/v1/vehicles/{vehicle}"))?;
            state.insert(format!("vehicle {vehicle}"), position);
            state.insert(format!("ride {}", ride["ride_id"]), without_countdown(ride));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Some(state),
        }
    }
}

/// A ride without what follows from the moment of the answer.
fn without_countdown(ride: &Value) -> Value {
    let mut ride = ride.clone();
    for (name, value) in ride.as_object_mut().into_iter().flatten() {
        if COUNTDOWN.contains(&name.as_str()) {
            *value = Value::Null;
        }
    }
    ride
}

/// A ride by its fleet and its id.
pub(crate) type Ride = (String, String);

/// Trips by ride: the versions archived.
pub(crate) fn trips(data: &Path) -> BTreeMap<Ride, Vec<u32>> {
    let mut trips = BTreeMap::<_, Vec<u32>>::new();
    for row in archive::rows(data, "trips") {
        let versions = trips.entry(ride(&row)).or_default();
        versions.push(row["version"].parse().unwrap());
        versions.sort_unstable();
    }
    trips
}

/// The first version of every trip: a function of what came before the ride's end. How the later
/// ones are cut depends on when late pings came.
pub(crate) fn first_trips(data: &Path) -> BTreeMap<Ride, BTreeMap<String, String>> {
    let rows = archive::rows(data, "trips").into_iter();
    let first = rows.filter(|row| row["version"] == "1");
    first.map(|row| (ride(&row), row)).collect()
}

fn ride(row: &BTreeMap<String, String>) -> Ride {
    (row["fleet_id"].clone(), row["ride_id"].clone())
}

/// Waits until the processor has processed as much as ingest took, and shows it.
pub(crate) fn wait_for_processor(program: &Program) {
    wait_for("the processor to catch up", || {
        let accepted = program.metric("hansom_ingest_accepted_total");
        let processed = program.metric("hansom_processor_pings_total")
            + program.metric("hansom_processor_ride_events_total");
        (accepted > 0.0 && processed >= accepted).then_some(())
    });
    wait_for("the cache to have it", || {
        let waiting = program.metric("hansom_processor_cache_waiting_vehicles");
        (waiting == 0.0).then_some(())
    });
}

/// The acked names, sorted, and checked to be named once each.
pub(crate) fn acked_names(acked: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_to_string(acked)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(before, names.len(), "the simulator names a ping twice");
    names
}

/// Where two sorted lists part, in words.
pub(crate) fn first_difference(left: &[String], right: &[String]) -> Option<String> {
    let at = (0..left.len().max(right.len())).find(|at| left.get(*at) != right.get(*at))?;
    Some(format!("{:?} and {:?}", left.get(at), right.get(at)))
}
