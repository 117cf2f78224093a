//! The JSON of Traccar Client 9 and of the background-geolocation plugin it is built on: one
//! location, or a batch of them. The query protocol is `osmand`'s.
//!
//! Source: <https://www.traccar.org/osmand/>, the `locationTemplate` of traccar-client's
//! `preferences.dart`, and the HTTP guide of
//! <https://transistorsoft.github.io/react-native-background-geolocation/>. Speed is in m/s, and -1
//! is unknown. The plugin deletes what a 2xx answers, so a batch is read whole or refused whole.

use schemas::{PingName, Rejection, VehicleId};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::fix::{self, Fix, Motion, Reading};
use crate::upload::ItemRejection;

/// A batch has at most this many locations: a week of a fix a minute.
const MAX_ITEMS: usize = 10_000;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    location: Option<&'a RawValue>,
    device_id: Option<Value>,
}

#[derive(Deserialize)]
struct Location {
    timestamp: Option<Value>,
    coords: Option<Coords>,
    uuid: Option<Value>,
}

/// Whatever stands there: a speed that is no number takes no position with it.
#[derive(Deserialize)]
struct Coords {
    latitude: Option<Value>,
    longitude: Option<Value>,
    accuracy: Option<Value>,
    speed: Option<Value>,
    heading: Option<Value>,
    altitude: Option<Value>,
}

/// Reads a body: its locations in their order, or the one reason why it has none. `id` is the
/// vehicle if the body names none.
pub(crate) fn readings(body: &[u8], id: Option<&str>) -> Vec<Result<Reading, ItemRejection>> {
    match items(body, id) {
        Ok((_, items)) if items.is_empty() => Vec::new(),
        Ok((vehicle, items)) => items
            .into_iter()
            .map(|item| reading(item.get(), vehicle))
            .collect(),
        Err(rejection) => vec![Err(rejection)],
    }
}

fn items<'a>(
    body: &'a [u8],
    id: Option<&str>,
) -> Result<(VehicleId, Vec<&'a RawValue>), ItemRejection> {
    let body: Body<'_> = serde_json::from_slice(body)?;
    let own = body.device_id.as_ref().and_then(text);
    let vehicle = fix::vehicle(own.as_deref().or(id))?;
    let items = match body.location {
        None => Vec::new(),
        Some(location) if location.get().starts_with('[') => serde_json::from_str(location.get())?,
        Some(location) => vec![location],
    };
    if items.len() > MAX_ITEMS {
        return Err(ItemRejection::new(
            Rejection::TooLarge,
            format!("a batch has at most {MAX_ITEMS} locations"),
        ));
    }
    Ok((vehicle, items))
}

fn reading(json: &str, vehicle: VehicleId) -> Result<Reading, ItemRejection> {
    let location: Location = serde_json::from_str(json)?;
    let Some(coords) = location.coords else {
        return Ok(Reading::NoFix);
    };
    let position = match (&coords.latitude, &coords.longitude) {
        (None, None) => return Ok(Reading::NoFix),
        (lat, lng) => match (number(lat.as_ref()), number(lng.as_ref())) {
            (Some(lat), Some(lng)) => fix::degrees(lat, lng)?,
            _ => return Err(Rejection::WrongShape.into()),
        },
    };
    // It waited in the phone: when it was received says nothing.
    let time = location.timestamp.as_ref().and_then(text);
    let time = fix::time(time.as_deref().unwrap_or_default())?;
    let name = match location.uuid.as_ref().and_then(text) {
        Some(uuid) => fix::name_by_uuid(time, &uuid),
        None => PingName::of_time(time),
    };
    Ok(Reading::Fix(Box::new(Fix {
        vehicle,
        driver: None,
        name,
        time,
        position,
        motion: Motion::new(
            number(coords.speed.as_ref()),
            number(coords.heading.as_ref()),
            number(coords.accuracy.as_ref()),
            number(coords.altitude.as_ref()),
        ),
    })))
}

pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    value?.as_f64()
}

/// A text or a number as text, unless it is empty.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::testing::{Told, rejected, told};
    use proptest::prelude::*;
    use serde_json::json;

    fn one(body: &Value) -> Result<Reading, ItemRejection> {
        let mut readings = readings(body.to_string().as_bytes(), None);
        assert_eq!(readings.len(), 1, "{body}");
        readings.remove(0)
    }

    /// As traccar-client's template renders it.
    fn traccar_client() -> Value {
        json!({
            "location": {
                "timestamp": "2023-11-14T22:13:20.250Z",
                "coords": {"latitude": 52.5163, "longitude": 13.3777, "accuracy": 4.2,
                    "speed": 12.34, "heading": 90.5, "altitude": 34.5},
                "is_moving": true, "odometer": 12.3, "event": "motionchange",
                "battery": {"level": 0.8, "is_charging": false}, "activity": {"type": "still"},
                "extras": {}, "_": "&id=48241179&lat=52.5163&lon=13.3777&"
            },
            "device_id": "48241179"
        })
    }

    fn full() -> Told {
        Told {
            vehicle: "48241179".into(),
            seq: 1_700_000_000_250,
            time_ms: 1_700_000_000_250,
            lat_e7: 525_163_000,
            lng_e7: 133_777_000,
            cm_s: Some(1_234),
            cdeg: Some(9_050),
            accuracy_dm: Some(42),
            altitude_dm: Some(345),
            ..Told::default()
        }
    }

    #[test]
    fn speed_is_in_meters_per_second() {
        assert_eq!(told(one(&traccar_client())), full());
    }

    #[test]
    fn minus_one_and_what_is_no_number_are_none() {
        let mut body = traccar_client();
        let coords = &mut body["location"]["coords"];
        (coords["speed"], coords["heading"]) = (json!(-1), json!(-1));
        (coords["accuracy"], coords["altitude"]) = (json!("fine"), json!(null));
        let expected = Told {
            cm_s: None,
            cdeg: None,
            accuracy_dm: None,
            altitude_dm: None,
            ..full()
        };
        assert_eq!(told(one(&body)), expected);
    }

    #[test]
    fn a_batch_is_read_item_by_item() {
        let item = traccar_client()["location"].clone();
        let mut second = item.clone();
        second["uuid"] = json!("b");
        let mut third = item.clone();
        third["uuid"] = json!("c");
        let batch = json!([item, {"event": "heartbeat"}, 7, second, third, {"coords": {}}]);
        let body = json!({"location": batch, "device_id": 48_241_179});
        let mut readings = readings(body.to_string().as_bytes(), None).into_iter();
        let mut next = || readings.next().unwrap();
        assert_eq!(told(next()), full());
        assert!(matches!(next(), Ok(Reading::NoFix)));
        rejected(next(), Rejection::WrongShape);
        let (second, third) = (told(next()), told(next()));
        assert!(second.epoch == 1 && third.epoch == 1 && second.seq != third.seq);
        assert_eq!(
            (second.time_ms, third.time_ms),
            (full().time_ms, full().time_ms)
        );
        assert!(matches!(next(), Ok(Reading::NoFix)));
    }

    #[test]
    fn a_uuid_names_its_fix_alike_in_every_batch() {
        let mut item = traccar_client()["location"].clone();
        item["uuid"] = json!("7E1B9F36-AE1D-4F40-AE9B-4B1C4AF2D6C1");
        let alone = told(one(&json!({"location": item, "device_id": "a"})));
        let body = json!({"location": [traccar_client()["location"], item], "device_id": "a"});
        let in_batch = readings(body.to_string().as_bytes(), None).remove(1);
        assert_eq!(told(in_batch), alone);
    }

    #[test]
    fn what_cannot_be_a_fix_says_why() {
        let broken = |pointer: &str, value: Value| {
            let mut body = traccar_client();
            *body.pointer_mut(pointer).unwrap() = value;
            one(&body)
        };
        rejected(broken("/device_id", json!(null)), Rejection::InvalidId);
        rejected(broken("/device_id", json!("a b")), Rejection::InvalidId);
        rejected(
            broken("/location/timestamp", json!(null)),
            Rejection::WrongShape,
        );
        rejected(
            broken("/location/timestamp", json!("soon")),
            Rejection::WrongShape,
        );
        rejected(
            broken("/location/coords", json!("here")),
            Rejection::WrongShape,
        );
        rejected(
            broken("/location/coords/latitude", json!("52")),
            Rejection::WrongShape,
        );
        rejected(
            broken("/location/coords/latitude", json!(null)),
            Rejection::WrongShape,
        );
        rejected(
            broken("/location/coords/latitude", json!(91)),
            Rejection::InvalidCoordinate,
        );
        rejected(broken("/location", json!(7)), Rejection::WrongShape);
        let (mut long, mut cut) = (readings(many().as_bytes(), None), readings(b"{\"loc", None));
        assert_eq!((long.len(), cut.len()), (1, 1));
        rejected(long.remove(0), Rejection::TooLarge);
        rejected(cut.remove(0), Rejection::Malformed);
    }

    fn many() -> String {
        format!(
            "{{\"device_id\":\"a\",\"location\":[{}1]}}",
            "1,".repeat(MAX_ITEMS)
        )
    }

    #[test]
    fn the_query_names_the_vehicle_if_the_body_does_not() {
        let body = json!({"location": traccar_client()["location"]}).to_string();
        let own = traccar_client().to_string();
        assert_eq!(
            told(readings(body.as_bytes(), Some("q")).remove(0)).vehicle,
            "q"
        );
        assert_eq!(
            told(readings(own.as_bytes(), Some("q")).remove(0)).vehicle,
            "48241179"
        );
    }

    #[test]
    fn nothing_to_read_is_nothing_read() {
        assert!(readings(br#"{"location":[],"device_id":"a"}"#, None).is_empty());
    }

    proptest! {
        #[test]
        fn no_value_anywhere_panics(
            pointer in proptest::sample::select(vec!["/device_id", "/location", "/location/timestamp",
                "/location/coords", "/location/coords/latitude", "/location/coords/speed",
                "/location/coords/accuracy", "/location/extras"]),
            value in crate::devices::testing::any_value(),
        ) {
            let mut body = traccar_client();
            *body.pointer_mut(pointer).unwrap() = value;
            let _ = readings(body.to_string().as_bytes(), None);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String) {
            let _ = readings(&bytes, Some("a"));
            let _ = readings(text.as_bytes(), Some(&text));
        }

        #[test]
        fn what_is_written_is_read(
            ms in 1_000_000_000_000_i64..4_000_000_000_000,
            lat_e7 in -900_000_000_i32..=900_000_000,
            lng_e7 in 1..=1_800_000_000_i32,
            cm_s in 0_u32..=15_000,
            altitude_dm in -10_000..=200_000_i32,
        ) {
            let body = json!({"device_id": "a", "location": {"timestamp": ms.to_string(), "coords": {
                "latitude": f64::from(lat_e7) / 1e7, "longitude": f64::from(lng_e7) / 1e7,
                "speed": f64::from(cm_s) / 100.0, "altitude": f64::from(altitude_dm) / 10.0,
            }}});
            let expected = Told {
                vehicle: "a".into(), seq: ms as u64, time_ms: ms, lat_e7, lng_e7,
                cm_s: Some(cm_s), altitude_dm: Some(altitude_dm), ..Told::default()
            };
            prop_assert_eq!(told(one(&body)), expected);
        }
    }
}
