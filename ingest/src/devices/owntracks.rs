//! The JSON messages of OwnTracks, and which vehicle sends them. They are the same over HTTP and
//! over MQTT; how they arrive is not decided here.
//!
//! Source: <https://owntracks.org/booklet/tech/json/> and `/tech/http/`. Speed is in km/h. A sender
//! is a user's device, so the vehicle is `user:device`: the app's usual device ids (`phone`, the
//! model) are the same all over a fleet, and no HTTP Basic user has a colon in its name. A fleet that
//! has its own ids for vehicles gives a device without a user: then the device is the vehicle.

use schemas::{PingName, Rejection};
use serde::Deserialize;
use serde_json::Value;

use super::{
    fix::{self, Fix, Motion, Reading},
    traccar::{number, text},
};
use crate::upload::ItemRejection;

/// Where apps publish unless they are told otherwise: `owntracks/<user>/<device>`.
const TOPIC_BASE: &str = "owntracks/";

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "_type")]
    kind: Option<Value>,
    topic: Option<Value>,
    lat: Option<Value>,
    lon: Option<Value>,
    tst: Option<Value>,
    acc: Option<Value>,
    vel: Option<Value>,
    cog: Option<Value>,
    alt: Option<Value>,
}

/// Reads a message of a vehicle; without one, the message's own topic may tell it. Every message
/// but a location is no fix, and so is an empty one.
///
/// # Errors
/// [`Rejection`] for no vehicle, and for a location that cannot be read.
pub(crate) fn location(payload: &[u8], vehicle: Option<&str>) -> Result<Reading, ItemRejection> {
    if payload.trim_ascii().is_empty() {
        return Ok(Reading::NoFix);
    }
    let message: Message = serde_json::from_slice(payload)?;
    match message.kind.as_ref().and_then(Value::as_str) {
        None => return Err(Rejection::WrongShape.into()),
        Some("location") => {}
        Some(_) => return Ok(Reading::NoFix),
    }
    let topic = message.topic.as_ref().and_then(text);
    let topics_vehicle = topic.as_deref().and_then(vehicle_of_topic);
    let vehicle = fix::vehicle(vehicle.or(topics_vehicle.as_deref()))?;
    let position = match (number(message.lat.as_ref()), number(message.lon.as_ref())) {
        (Some(lat), Some(lng)) => fix::degrees(lat, lng)?,
        (None, None) if message.lat.is_none() && message.lon.is_none() => {
            return Ok(Reading::NoFix);
        }
        _ => return Err(Rejection::WrongShape.into()),
    };
    let time = message.tst.as_ref().and_then(text);
    let time = fix::time(time.as_deref().unwrap_or_default())?;
    Ok(Reading::Fix(Box::new(Fix {
        vehicle,
        driver: None,
        name: PingName::of_time(time),
        time,
        position,
        motion: Motion::new(
            number(message.vel.as_ref()).map(|km_h| km_h / 3.6),
            number(message.cog.as_ref()),
            number(message.acc.as_ref()),
            number(message.alt.as_ref()),
        ),
    })))
}

/// The vehicle of a user's device; None without a device.
pub(crate) fn vehicle_of(user: Option<&str>, device: Option<&str>) -> Option<String> {
    match (user, device) {
        (Some(user), Some(device)) => Some(format!("{user}:{device}")),
        (None, Some(device)) => Some(device.to_owned()),
        (_, None) => None,
    }
}

/// The vehicle that publishes to `owntracks/<user>/<device>`, or to a topic below it.
pub(crate) fn vehicle_of_topic(topic: &str) -> Option<String> {
    let mut levels = topic.strip_prefix(TOPIC_BASE)?.split('/');
    let mut named = || levels.next().filter(|level| !level.is_empty());
    let (user, device) = (named()?, named()?);
    vehicle_of(Some(user), Some(device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::testing::{Told, rejected, told};
    use proptest::prelude::*;
    use serde_json::json;

    fn read(message: &Value) -> Result<Reading, ItemRejection> {
        location(message.to_string().as_bytes(), None)
    }

    /// In the form of the booklet's `_type=location`.
    fn full() -> Value {
        json!({"_type": "location", "lat": 52.5163, "lon": 13.3777, "tst": 1_700_000_000, "acc": 4,
            "vel": 36, "cog": 271, "alt": 34, "batt": 41, "tid": "jj", "t": "u", "conn": "m",
            "topic": "owntracks/jane/phone"})
    }

    #[test]
    fn speed_is_in_kilometers_per_hour() {
        let expected = Told {
            vehicle: "jane:phone".into(),
            seq: 1_700_000_000_000,
            time_ms: 1_700_000_000_000,
            lat_e7: 525_163_000,
            lng_e7: 133_777_000,
            cm_s: Some(1_000),
            cdeg: Some(27_100),
            accuracy_dm: Some(40),
            altitude_dm: Some(340),
            ..Told::default()
        };
        assert_eq!(told(read(&full())), expected);
    }

    #[test]
    fn a_fix_needs_no_more_than_a_place_and_a_time() {
        let least = json!({"_type": "location", "lat": 52.5, "lon": 13.3, "tst": 1_700_000_000});
        let payload = least.to_string();
        let fix = told(location(payload.as_bytes(), Some("cab-1")));
        assert_eq!(
            (fix.vehicle.as_str(), fix.cm_s, fix.accuracy_dm),
            ("cab-1", None, None)
        );
        let mut unknown = full();
        (unknown["vel"], unknown["cog"], unknown["acc"]) = (json!(-1), json!(-1), json!(-1));
        let fix = told(read(&unknown));
        assert_eq!((fix.cm_s, fix.cdeg, fix.accuracy_dm), (None, None, None));
    }

    #[test]
    fn every_other_message_is_no_fix() {
        for kind in [
            "waypoint",
            "transition",
            "lwt",
            "encrypted",
            "dump",
            "card",
            "steps",
        ] {
            let message = json!({"_type": kind, "lat": 1, "lon": 2, "data": "c2VjcmV0"});
            assert!(matches!(read(&message), Ok(Reading::NoFix)), "{kind}");
        }
        for payload in ["", " \n", r#"{"_type":"location","topic":"owntracks/a/b"}"#] {
            assert!(
                matches!(location(payload.as_bytes(), None), Ok(Reading::NoFix)),
                "{payload}"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_fix_says_why() {
        let broken = |name: &str, value: Value| {
            let mut message = full();
            message[name] = value;
            read(&message)
        };
        rejected(broken("topic", json!(null)), Rejection::InvalidId);
        rejected(
            broken("topic", json!("owntracks/jane/my phone")),
            Rejection::InvalidId,
        );
        rejected(broken("tst", json!(null)), Rejection::WrongShape);
        rejected(broken("lat", json!("52")), Rejection::WrongShape);
        rejected(broken("lat", json!(null)), Rejection::WrongShape);
        rejected(broken("lon", json!(181)), Rejection::InvalidCoordinate);
        rejected(broken("_type", json!(null)), Rejection::WrongShape);
        rejected(location(b"{\"_type\":", None), Rejection::Malformed);
        rejected(location(b"[]", None), Rejection::WrongShape);
    }

    #[test]
    fn a_vehicle_is_a_users_device() {
        let check = |topic: &str, expected: Option<&str>| {
            assert_eq!(vehicle_of_topic(topic).as_deref(), expected, "{topic}");
        };
        check("owntracks/jane/phone", Some("jane:phone"));
        check("owntracks/jane/phone/event", Some("jane:phone"));
        check("owntracks/jane", None);
        for without_a_name in [
            "owntracks//",
            "owntracks//phone",
            "owntracks/jane/",
            "owntracks/jane//event",
        ] {
            check(without_a_name, None);
        }
        check("other/jane/phone", None);
        assert_eq!(vehicle_of(None, Some("cab-1")).as_deref(), Some("cab-1"));
        assert_eq!(vehicle_of(Some("jane"), None), None);
    }

    proptest! {
        #[test]
        fn no_value_anywhere_panics(
            name in proptest::sample::select(vec!["_type", "topic", "lat", "lon", "tst", "vel", "acc"]),
            value in crate::devices::testing::any_value(),
        ) {
            let mut message = full();
            message[name] = value;
            let _ = read(&message);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String) {
            let _ = location(&bytes, Some(&text));
            let _ = vehicle_of_topic(&text);
        }

        #[test]
        fn what_is_written_is_read(
            seconds in 1_000_000_000_i64..4_000_000_000,
            lat_e7 in -900_000_000_i32..=900_000_000,
            lng_e7 in 1..=1_800_000_000_i32,
            km_h in 0_u32..=540,
        ) {
            let message = json!({"_type": "location", "tst": seconds, "topic": "owntracks/a/b",
                "lat": f64::from(lat_e7) / 1e7, "lon": f64::from(lng_e7) / 1e7, "vel": km_h});
            let fix = told(read(&message));
            prop_assert_eq!((fix.time_ms, fix.lat_e7, fix.lng_e7), (seconds * 1_000, lat_e7, lng_e7));
            prop_assert_eq!((f64::from(fix.cm_s.unwrap()) * 0.036).round() as u32, km_h);
        }
    }
}
