//! JSON Schemas of what clients send and read as JSON, generated from the types.
//! The committed copies in `json/` are compared with them by a test.

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ComponentsBuilder, RefOr, Schema},
};

use crate::{
    RideNow, VehiclePosition,
    upload::{PingUpload, RideEventUpload},
};

/// Every document: its file name without ending, and its JSON Schema (draft 2020-12).
pub fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "ping",
            document::<PingUpload>("A ping, as POST /v1/pings takes it"),
        ),
        (
            "ride_event",
            document::<RideEventUpload>(
                "A ride event, as POST /v1/rides/{ride_id}/events takes it",
            ),
        ),
        (
            "ride_progress",
            document::<RideNow>("A ride, as GET /v1/rides/{id} shows it"),
        ),
        (
            "vehicle_position",
            document::<VehiclePosition>("A vehicle, as GET /v1/vehicles/{id} shows it"),
        ),
    ]
}

fn document<Type: ToSchema + PartialSchema>(title: &str) -> Value {
    let mut parts: Vec<(String, RefOr<Schema>)> = Vec::new();
    Type::schemas(&mut parts);
    let components = ComponentsBuilder::new().schemas_from_iter(parts).build();
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
    });
    merge(&mut document, to_json(&Type::schema()));
    let definitions = to_json(&components)
        .get("schemas")
        .cloned()
        .unwrap_or_else(|| json!({}));
    merge(&mut document, json!({ "$defs": definitions }));
    repoint(&mut document);
    document
}

fn to_json(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// References point into `$defs` here, into `components` in an OpenAPI document.
fn repoint(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("#/components/schemas/") {
                *text = format!("#/$defs/{name}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(repoint),
        Value::Object(members) => members.values_mut().for_each(repoint),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
