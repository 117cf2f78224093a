//! Rides and vehicles as fields of a hash: named as in the live API, and written as there, texts
//! without quotes. What is not known or not so has no field; fleet and id are in the key.

use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The fields of a ride, in the order in which they are sent.
pub(super) const OF_RIDE: [&str; 15] = [
    "version",
    "vehicle_id",
    "driver_id",
    "phase",
    "phase_since_ms",
    "as_of_ms",
    "lat",
    "lng",
    "travelled_m",
    "remaining_m",
    "fraction",
    "eta_ms",
    "eta_s",
    "off_route",
    "stalled_since_ms",
];
/// The fields of a vehicle.
pub(super) const OF_VEHICLE: [&str; 10] = [
    "version",
    "driver_id",
    "ride_id",
    "time_ms",
    "lat",
    "lng",
    "speed_mps",
    "heading_deg",
    "accuracy_m",
    "state",
];
/// Those that are texts.
const TEXTS: [&str; 5] = ["vehicle_id", "driver_id", "ride_id", "phase", "state"];

/// The values of these fields, empty where there is none; None for what is no object.
pub(super) fn write(value: &impl Serialize, names: &[&str]) -> Option<Vec<String>> {
    let value = serde_json::to_value(value).ok()?;
    let object = value.as_object()?;
    let text = |name: &&str| match object.get(*name) {
        None | Some(Value::Null | Value::Bool(false)) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Some(names.iter().map(text).collect())
}

/// What these fields say of what `key` names, its fields being `key`'s as well; None if they do not
/// say it.
pub(super) fn read<Kept: DeserializeOwned>(
    key: &[(&str, &str)],
    fields: HashMap<String, String>,
) -> Option<Kept> {
    let mut object = Map::from_iter([("off_route".to_owned(), Value::Bool(false))]);
    for (name, text) in fields {
        let value = if TEXTS.contains(&&*name) {
            Value::String(text)
        } else {
            serde_json::from_str(&text).ok()?
        };
        object.insert(name, value);
    }
    for (name, text) in key {
        object.insert((*name).to_owned(), Value::String((*text).to_owned()));
    }
    serde_json::from_value(Value::Object(object)).ok()
}
