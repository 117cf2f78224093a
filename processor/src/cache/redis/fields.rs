//! Rides and vehicles as fields of a hash: named as in the live API, and written as there, texts
//! without quotes. What is not known or not so has no field; fleet and id are in the key.

use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};

/// The fields of a ride, in the order in which they are sent.
pub(super) const OF_RIDE: [&str; 18] = [
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
    "eta_p10_ms",
    "eta_p90_ms",
    "eta_s",
    "off_route",
    "stalled_since_ms",
    "stale_after_ms",
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
            of_number(&text)?
        };
        object.insert(name, value);
    }
    for (name, text) in key {
        object.insert((*name).to_owned(), Value::String((*text).to_owned()));
    }
    serde_json::from_value(Value::Object(object)).ok()
}

/// A number, or whether something is so. `serde_json` alone would be off in a number's last digit.
fn of_number(text: &str) -> Option<Value> {
    let whole = text.parse::<u64>().map(Value::from);
    let whole = whole.or_else(|_| text.parse::<i64>().map(Value::from));
    whole.ok().or_else(|| match text.parse::<f64>() {
        Ok(number) => Number::from_f64(number).map(Value::Number),
        Err(_) => text.parse::<bool>().ok().map(Value::Bool),
    })
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};
    use schemas::{
        DriverId, FleetId, Phase, RideId, RideProgress, Timestamp, VehicleId, VehiclePosition,
        VehicleState,
    };

    use super::*;

    /// Ids as ids may be, such that look like other values among them.
    const ID: &str = "(true|null|0|[A-Za-z0-9._:-]{1,64})";

    fn time() -> impl Strategy<Value = Timestamp> {
        (-1_000..4_000_000_000_000_i64).prop_map(Timestamp)
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), -1e9..1e9, (-1e9..1e9_f64).prop_map(f64::round)]
    }

    prop_compose! {
        fn rides()(
            (ride, vehicle, driver) in (ID, ID, option::of(ID)),
            (version, phase) in (any::<u64>(), 0..Phase::ALL.len()),
            (since, as_of, eta, stalled) in (time(), time(), option::of(time()), option::of(time())),
            (p10, p90, stale) in (option::of(time()), option::of(time()), option::of(time())),
            (lat, lng, travelled) in (option::of(number()), option::of(number()), number()),
            (left, fraction, eta_s) in (option::of(number()), option::of(0.0..=1.0), option::of(number())),
            off_route in any::<bool>(),
        ) -> RideProgress {
            RideProgress {
                fleet_id: FleetId::default(),
                ride_id: RideId::new(&ride).unwrap(),
                vehicle_id: VehicleId::new(&vehicle).unwrap(),
                driver_id: driver.map(|driver| DriverId::new(&driver).unwrap()),
                version,
                phase: Phase::ALL[phase],
                phase_since_ms: since,
                as_of_ms: as_of,
                lat,
                lng,
                travelled_m: travelled,
                remaining_m: left,
                fraction,
                eta_ms: eta,
                eta_p10_ms: p10,
                eta_p90_ms: p90,
                eta_s,
                off_route,
                stalled_since_ms: stalled,
                stale_after_ms: stale,
            }
        }
    }

    prop_compose! {
        fn vehicles()(
            (vehicle, driver, ride) in (ID, option::of(ID), option::of(ID)),
            (version, state, time) in (any::<u64>(), 0..VehicleState::ALL.len(), time()),
            (lat, lng) in (number(), number()),
            (speed, heading, accuracy) in
                (option::of(number()), option::of(number()), option::of(number())),
        ) -> VehiclePosition {
            VehiclePosition {
                fleet_id: FleetId::default(),
                vehicle_id: VehicleId::new(&vehicle).unwrap(),
                driver_id: driver.map(|driver| DriverId::new(&driver).unwrap()),
                ride_id: ride.map(|ride| RideId::new(&ride).unwrap()),
                version,
                time_ms: time,
                lat,
                lng,
                speed_mps: speed,
                heading_deg: heading,
                accuracy_m: accuracy,
                state: VehicleState::ALL[state],
            }
        }
    }

    /// What a hash holds that was given these fields.
    fn kept(value: &impl Serialize, names: &[&str]) -> HashMap<String, String> {
        let values = write(value, names).unwrap();
        let pairs = names.iter().map(|name| (*name).to_owned()).zip(values);
        pairs.filter(|(_, value)| !value.is_empty()).collect()
    }

    proptest! {
        #[test]
        fn a_ride_comes_back_as_it_was_written(ride in rides()) {
            let key = [("fleet_id", ride.fleet_id.as_str()), ("ride_id", ride.ride_id.as_str())];
            prop_assert_eq!(read(&key, kept(&ride, &OF_RIDE)), Some(ride));
        }

        #[test]
        fn a_vehicle_comes_back_as_it_was_written(vehicle in vehicles()) {
            let (fleet, id) = (vehicle.fleet_id, vehicle.vehicle_id);
            let key = [("fleet_id", fleet.as_str()), ("vehicle_id", id.as_str())];
            prop_assert_eq!(read(&key, kept(&vehicle, &OF_VEHICLE)), Some(vehicle));
        }
    }
}
