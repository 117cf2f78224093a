//! What GPSLogger for Android sends to a custom URL, whose parameters its user chooses: here those
//! that bear the app's own names. Whether they come as a query, a form or JSON is decided before.
//!
//! Source: GPSLogger's `CustomUrlManager`. Speed is in m/s; `%TIMESTAMP` counts seconds, `%TIME` has
//! milliseconds and goes first. The app writes 0.0 for what it does not know.

use schemas::{PingName, Timestamp};

use super::{
    fix::{self, Fix, Motion, Reading},
    parameters::Parameters,
};
use crate::upload::ItemRejection;

/// What Android tells for the serial number of a phone since it keeps that to itself.
const NO_SERIAL: &str = "unknown";

/// Reads a request. One that names no time was taken when it was received.
///
/// # Errors
/// [`schemas::Rejection`] for no vehicle, and for a fix that cannot be read.
pub(crate) fn reading(
    parameters: &Parameters,
    received_at: Timestamp,
) -> Result<Reading, ItemRejection> {
    let serial = parameters
        .get(&["ser"])
        .filter(|serial| *serial != NO_SERIAL);
    let vehicle = fix::vehicle(parameters.get(&["id", "aid"]).or(serial))?;
    let position = fix::position(parameters, &["lat"], &["lon", "longitude"])?;
    let Some(position) = position else {
        return Ok(Reading::NoFix);
    };
    let time = parameters.get(&["time", "timeoffset", "timestamp"]);
    let time = time.map_or(Ok(received_at), fix::time)?;
    Ok(Reading::Fix(Box::new(Fix {
        vehicle,
        driver: None,
        name: PingName::of_time(time),
        time,
        position,
        motion: Motion::new(
            parameters.number(&["spd", "speed", "s"]),
            parameters.number(&["dir", "bearing"]),
            parameters.number(&["acc", "accuracy"]),
            parameters.number(&["alt", "altitude"]),
        ),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::testing::{NOW, Told, rejected, told};
    use proptest::prelude::*;
    use schemas::Rejection;

    fn read(query: &str) -> Result<Reading, ItemRejection> {
        reading(&Parameters::of_form(query.as_bytes()), NOW)
    }

    /// As `CustomUrlManager` fills the URL that the guide to apps gives.
    const FULL: &str = "id=cab-1&lat=52.5163&lon=13.3777&time=2023-11-14T22:13:20.250Z\
                        &timestamp=1700000000&spd=12.34&dir=90.5&alt=34.5&acc=4.2&ser=unknown\
                        &aid=9774d56d682e549c&batt=41.0&prov=gps&sat=12";

    #[test]
    fn speed_is_in_meters_per_second() {
        let expected = Told {
            vehicle: "cab-1".into(),
            lat_e7: 525_163_000,
            lng_e7: 133_777_000,
            cm_s: Some(1_234),
            cdeg: Some(9_050),
            accuracy_dm: Some(42),
            altitude_dm: Some(345),
            ..Told::at(Timestamp(1_700_000_000_250))
        };
        assert_eq!(told(read(FULL)), expected);
    }

    #[test]
    fn every_way_to_tell_the_time_is_read() {
        let at = |time: &str| told(read(&format!("id=a&lat=1&lon=2&{time}"))).time_ms;
        assert_eq!(at("timestamp=1700000000"), 1_700_000_000_000);
        assert_eq!(
            at("timeoffset=2023-11-14T23:13:20.250+01:00"),
            1_700_000_000_250
        );
        assert_eq!(
            at("time=2023-11-14T22:13:20.250Z&timestamp=1700000000"),
            1_700_000_000_250
        );
        assert_eq!(at("batt=1"), NOW.0);
    }

    #[test]
    fn a_phone_that_hides_its_serial_number_is_named_by_its_android_id() {
        let named = |ids: &str| read(&format!("{ids}&lat=1&lon=2"));
        assert_eq!(told(named("ser=unknown&aid=a1")).vehicle, "a1");
        assert_eq!(told(named("ser=s1")).vehicle, "s1");
        rejected(named("ser=unknown"), Rejection::InvalidId);
    }

    #[test]
    fn unknown_values_are_none_and_no_position_is_no_fix() {
        let query = "id=a&lat=1&lon=2&acc=0.0&spd=-1&dir=361&alt=null";
        assert_eq!(told(read(query)), told(read("id=a&lat=1&lon=2")));
        assert!(matches!(read("id=a&batt=41"), Ok(Reading::NoFix)));
        rejected(read("id=a&lat=%25LAT&lon=%25LON"), Rejection::WrongShape);
        rejected(read("id=a&lat=1&lon=2&time=now"), Rejection::WrongShape);
        rejected(read("id=a&lat=1&lon=200"), Rejection::InvalidCoordinate);
    }

    proptest! {
        #[test]
        fn no_value_anywhere_panics(
            name in proptest::sample::select(vec!["id", "lat", "lon", "time", "timestamp", "spd", "dir", "acc", "alt"]),
            value in "(.{0,20}|[0-9T:., +Z-]{0,30})",
        ) {
            // The first of two values counts.
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair(name, &value).finish();
            let _ = read(&format!("{query}&{FULL}"));
        }

        #[test]
        fn what_is_written_is_read(
            seconds in 1_000_000_000_i64..4_000_000_000,
            lat_e7 in -900_000_000_i32..=900_000_000,
            lng_e7 in 1..=1_800_000_000_i32,
            cm_s in 0_u32..=15_000,
            accuracy_dm in 1_u32..=1_000_000,
        ) {
            let query = format!(
                "id=a&timestamp={seconds}&lat={}&lon={}&spd={}&acc={}",
                f64::from(lat_e7) / 1e7, f64::from(lng_e7) / 1e7, f64::from(cm_s) / 100.0,
                f64::from(accuracy_dm) / 10.0,
            );
            let expected = Told {
                vehicle: "a".into(), lat_e7, lng_e7, cm_s: Some(cm_s),
                accuracy_dm: Some(accuracy_dm), ..Told::at(Timestamp(seconds * 1_000))
            };
            prop_assert_eq!(told(read(&query)), expected);
        }
    }
}
