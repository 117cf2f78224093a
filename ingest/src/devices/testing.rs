//! What a parser made of a request, as plain numbers to compare. For tests only.

use proptest::prelude::*;
use schemas::{Rejection, Timestamp};
use serde_json::{Value, json};

use super::fix::Reading;
use crate::upload::ItemRejection;

/// When every request of these tests is received.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A fix in plain numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    pub(super) vehicle: String,
    pub(super) driver: Option<String>,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) time_ms: i64,
    pub(super) lat_e7: i32,
    pub(super) lng_e7: i32,
    pub(super) cm_s: Option<u32>,
    pub(super) cdeg: Option<u32>,
    pub(super) accuracy_dm: Option<u32>,
    pub(super) altitude_dm: Option<i32>,
}

impl Told {
    /// At this time, and named by it.
    pub(super) fn at(time: Timestamp) -> Self {
        Self {
            seq: time.0 as u64,
            time_ms: time.0,
            ..Self::default()
        }
    }
}

/// The fix that was read.
pub(super) fn told(reading: Result<Reading, ItemRejection>) -> Told {
    let Ok(Reading::Fix(fix)) = reading else {
        panic!("{reading:?}");
    };
    Told {
        vehicle: fix.vehicle.to_string(),
        driver: fix.driver.map(|driver| driver.to_string()),
        epoch: fix.name.epoch,
        seq: fix.name.seq,
        time_ms: fix.time.0,
        lat_e7: fix.position.lat_e7(),
        lng_e7: fix.position.lng_e7(),
        cm_s: fix.motion.speed.map(schemas::Speed::cm_s),
        cdeg: fix.motion.heading.map(schemas::Heading::cdeg),
        accuracy_dm: fix.motion.accuracy.map(schemas::Accuracy::dm),
        altitude_dm: fix.motion.altitude.map(schemas::Altitude::dm),
    }
}

/// Nothing was read, for this reason.
pub(super) fn rejected(reading: Result<Reading, ItemRejection>, expected: Rejection) {
    match reading {
        Err(rejection) => assert_eq!(rejection.reason(), expected, "{rejection:?}"),
        Ok(reading) => panic!("{reading:?}"),
    }
}

/// Any value that may stand where an app wrote another.
pub(super) fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9T:. +Z/-]{0,30}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(|number| json!([number, {"coords": number}])),
        any::<i64>().prop_map(|number| json!({"latitude": number, "timestamp": number})),
    ]
}
