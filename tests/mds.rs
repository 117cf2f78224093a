//! What is written for the MDS Provider API, against `schemas/json/mds`: Hansom's own reading of the
//! specification, since its publisher offers no schema that validates as it is and none as a package.
//! Here stands that these schemas are schemas, and refuse what the specification refuses.

use std::{collections::BTreeSet, fs, path::Path};

use schemas::{
    CancelledBy, FleetId, RideId, Timestamp, Trip, TripOutcome, VehicleId,
    mds::{Uuid, trip::transitions},
};
use serde_json::{Value, json};

use crate::support::tools::{Tools, passes};

const KINDS: [&str; 6] = [
    "common",
    "error",
    "events",
    "telemetry",
    "trips",
    "vehicles",
];
/// 2024-01-01 00:00 UTC.
const NEW_YEAR_MS: i64 = 1_704_067_200_000;

fn schema(kind: &str) -> String {
    format!("schemas/json/mds/{kind}.schema.json")
}

/// Which of the documents the schema refuses, by their numbers.
fn refused(tools: &Tools, kind: &str, documents: &[Value]) -> BTreeSet<usize> {
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..documents.len())
        .map(|at| directory.path().join(format!("{at}.json")))
        .collect();
    for (path, document) in paths.iter().zip(documents) {
        fs::write(path, document.to_string()).unwrap();
    }
    let mut check = tools.command("check-jsonschema");
    check.args(["--output-format", "json", "--schemafile", &schema(kind)]);
    let output = check.args(&paths).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["parse_errors"], json!([]), "{report:#}");
    let errors = report["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| Path::new(error["filename"].as_str().unwrap()))
        .map(|path| paths.iter().position(|known| known == path).unwrap())
        .collect()
}

/// Checks that the schema takes `right`, and refuses it with each of the changes: a pointer to a
/// member, and what stands there instead; null for nothing.
fn check(test: &str, kind: &str, right: &Value, wrong: &[(&str, Value)]) {
    let Some(tools) = Tools::find(test) else {
        return;
    };
    let mut documents = vec![right.clone()];
    for (pointer, value) in wrong {
        let mut document = right.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap().as_object_mut();
        let parent = parent.unwrap();
        if value.is_null() {
            assert!(parent.remove(name).is_some(), "{pointer} is not there");
        } else {
            parent.insert(name.to_owned(), value.clone());
        }
        documents.push(document);
    }
    let refused = refused(&tools, kind, &documents);
    assert!(!refused.contains(&0), "{kind}: it refuses {right:#}");
    for (at, (pointer, value)) in wrong.iter().enumerate() {
        assert!(
            refused.contains(&(at + 1)),
            "{kind}: it takes {value} at {pointer}"
        );
    }
}

fn id(kind: &str) -> Value {
    json!(Uuid::named(&[kind, "default", "1"]))
}

fn place() -> Value {
    json!({"lat": 37.779_306, "lng": -122.419_248, "speed": 4.2, "heading": 359.9})
}

#[test]
fn mds_schemas_are_schemas() {
    let Some(tools) = Tools::find("mds_schemas_are_schemas") else {
        return;
    };
    let files: BTreeSet<_> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/json/mds"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    let known = KINDS.map(|kind| format!("{kind}.schema.json"));
    assert_eq!(files, BTreeSet::from(known));
    let mut check = tools.command("check-jsonschema");
    passes(check.arg("--check-metaschema").args(KINDS.map(schema)));
}

#[test]
fn a_trip_for_an_agency_is_as_mds_has_it() {
    let right = json!({"version": "2.0.0", "trips": [{
        "provider_id": id("provider"), "device_id": id("device"), "trip_id": id("trip"),
        "trip_type": "private", "start_time": NEW_YEAR_MS, "end_time": NEW_YEAR_MS + 600_000,
        "start_location": place(), "end_location": place(), "duration": 600, "distance": 4200,
        "trip_attributes": {
            "hail_type": "app", "passenger_count": 1, "requested_time": NEW_YEAR_MS,
            "quoted_trip_start_time": NEW_YEAR_MS,
        },
        "fare_attributes": {"payment_type": "no_payment", "fare_type": "flat_rate", "tip": 0},
        "actual_cost": 1250, "currency": "USD",
    }]});
    let nothing = Value::Null;
    check(
        "a_trip_for_an_agency_is_as_mds_has_it",
        "trips",
        &right,
        &[
            ("/version", json!("2.0")),
            ("/trips", nothing.clone()),
            ("/data", json!({})),
            ("/trips/0/trip_type", json!(["private"])),
            ("/trips/0/trip_type", nothing.clone()),
            ("/trips/0/trip_id", json!("ride-1")),
            (
                "/trips/0/device_id",
                json!("9B8F1C2E-5A4D-8E3F-A1B2-C3D4E5F60718"),
            ),
            ("/trips/0/duration", json!(600.5)),
            ("/trips/0/distance", json!(-1)),
            ("/trips/0/start_time", json!(1_500_000_000_000_i64)),
            ("/trips/0/start_location/lat", json!(91)),
            ("/trips/0/end_location/lng", nothing.clone()),
            ("/trips/0/trip_attributes/hail_type", json!("whistle")),
            ("/trips/0/trip_attributes/requested_time", nothing.clone()),
            (
                "/trips/0/trip_attributes/quoted_trip_start_time",
                nothing.clone(),
            ),
            ("/trips/0/fare_attributes/payment_type", json!("no payment")),
            (
                "/trips/0/fare_attributes/fare_type",
                json!("upfront_pricing"),
            ),
            ("/trips/0/fare_attributes/tip", json!(1.5)),
            ("/trips/0/currency", json!("usd")),
            ("/trips/0/rider", json!("somebody")),
        ],
    );
}

#[test]
fn a_fix_for_an_agency_is_as_mds_has_it() {
    let right = json!({"version": "2.0.0", "telemetry": [
        {
            "provider_id": id("provider"), "device_id": id("device"),
            "telemetry_id": id("telemetry"), "timestamp": NEW_YEAR_MS, "trip_ids": [id("trip")],
            "journey_id": id("journey"), "location": place(),
        },
        {
            "provider_id": id("provider"), "device_id": id("device"),
            "telemetry_id": id("telemetry"), "timestamp": NEW_YEAR_MS, "trip_ids": null,
            "journey_id": null, "location": place(),
        },
    ]});
    check(
        "a_fix_for_an_agency_is_as_mds_has_it",
        "telemetry",
        &right,
        &[
            ("/telemetry/0/telemetry_id", Value::Null),
            ("/telemetry/0/trip_ids", Value::Null),
            ("/telemetry/0/trip_ids", json!([id("trip"), id("trip")])),
            ("/telemetry/1/journey_id", Value::Null),
            ("/telemetry/0/timestamp", json!("2024-01-01T00:00:00Z")),
            ("/telemetry/0/location/heading", json!(360)),
            ("/telemetry/0/location/satellites", json!(3.5)),
        ],
    );
}

#[test]
fn what_a_trip_makes_of_its_vehicle_is_as_mds_has_it() {
    let mut trip = Trip {
        fleet: FleetId::default(),
        ride: RideId::new("1").unwrap(),
        vehicle: VehicleId::new("1").unwrap(),
        driver: None,
        version: 1,
        outcome: TripOutcome::Completed,
        cancelled_by: CancelledBy::Unspecified,
        assigned: None,
        arrived: None,
        picked_up: Some(Timestamp(NEW_YEAR_MS)),
        ended: Timestamp(NEW_YEAR_MS + 600_000),
        pickup: None,
        dropoff: None,
        distance_m: 0,
        to_pickup_m: 0,
        duration_s: 600,
        waiting_s: 0,
        route: String::new(),
        fare: None,
        pings: 0,
        largest_gap_s: 0,
    };
    let mut steps = transitions(&trip);
    trip.outcome = TripOutcome::Cancelled;
    for by in CancelledBy::ALL {
        trip.cancelled_by = by;
        steps.extend(transitions(&trip));
    }
    let events: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({
                "provider_id": id("provider"), "device_id": id("device"), "event_id": id("event"),
                "vehicle_state": step.state, "event_types": [step.event],
                "timestamp": step.time.0, "trip_ids": [id("trip")], "location": place(),
            })
        })
        .collect();
    assert!(events.len() > 20, "{events:#?}");
    check(
        "what_a_trip_makes_of_its_vehicle_is_as_mds_has_it",
        "events",
        &json!({"version": "2.0.0", "events": events, "links": {"next": null}}),
        &[
            ("/events/0/trip_ids", Value::Null),
            ("/events/0/trip_ids", json!([])),
            ("/events/0/vehicle_state", json!("on_trip")),
            ("/events/0/vehicle_state", json!("missing")),
            ("/events/0/event_types", json!([])),
            (
                "/events/0/event_types",
                json!(["reservation_start", "trip_start"]),
            ),
            ("/events/0/location", Value::Null),
            ("/links", json!({"prev": null})),
        ],
    );
}

#[test]
fn a_vehicle_for_an_agency_is_as_mds_has_it() {
    let right = json!({
        "version": "2.0.0", "last_updated": NEW_YEAR_MS, "ttl": 0,
        "vehicles": [{
            "provider_id": id("provider"), "device_id": id("device"), "vehicle_id": "1234",
            "vehicle_type": "car", "propulsion_types": ["hybrid"],
            "vehicle_attributes": {"year": 2021, "inspection_date": "2024-01-31"},
            "accessibility_attributes": ["wheelchair_accessible"],
        }],
    });
    check(
        "a_vehicle_for_an_agency_is_as_mds_has_it",
        "vehicles",
        &right,
        &[
            ("/last_updated", Value::Null),
            ("/vehicles/0/vehicle_id", json!("7".repeat(256))),
            ("/vehicles/0/vehicle_type", json!("taxi")),
            ("/vehicles/0/propulsion_types", json!([])),
            ("/vehicles/0/propulsion_types", json!(["petrol"])),
            ("/vehicles/0/vehicle_attributes/year", json!("2021")),
            (
                "/vehicles/0/vehicle_attributes/inspection_date",
                json!("31/01/2024"),
            ),
            ("/vehicles/0/vehicle_attributes/doors", json!(4)),
        ],
    );
}

#[test]
fn what_is_wrong_is_said_as_mds_has_it() {
    let right = json!({
        "error": "bad_param", "error_description": "end_time is not an hour",
        "error_details": ["end_time"],
    });
    check(
        "what_is_wrong_is_said_as_mds_has_it",
        "error",
        &right,
        &[
            ("/error", Value::Null),
            ("/error_details", json!([])),
            ("/status", json!(400)),
        ],
    );
}
