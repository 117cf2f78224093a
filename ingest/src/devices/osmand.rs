//! The query protocol of OsmAnd, which Traccar's apps spoke up to version 8 and many trackers speak.
//! Their JSON is `traccar`'s.
//!
//! Source: <https://www.traccar.org/osmand/> and Traccar's `OsmAndProtocolDecoder`. Speed is in
//! knots. OsmAnd itself sends m/s, and its accuracy where the examples say `hdop`: it asks for names
//! of its own, `speed_mps` and `accuracy` (its `LiveMonitoringHelper`). A `hdop` is no length and is
//! passed over.

use schemas::{DriverId, PingName, Rejection, Timestamp};

use super::{
    fix::{self, Fix, Motion, Reading},
    parameters::Parameters,
};
use crate::upload::ItemRejection;

/// Metres per second: a nautical mile of 1,852 m an hour.
const KNOT_MPS: f64 = 1_852.0 / 3_600.0;
/// What names the vehicle.
pub(super) const ID: [&str; 2] = ["id", "deviceid"];

/// Reads a request. One that names no time was taken when it was received.
///
/// # Errors
/// [`Rejection`] for no vehicle, and for a fix that cannot be read.
pub(crate) fn reading(
    parameters: &Parameters,
    received_at: Timestamp,
) -> Result<Reading, ItemRejection> {
    let vehicle = fix::vehicle(parameters.get(&ID))?;
    let driver = parameters.get(&["driverUniqueId"]).map(DriverId::new);
    let driver = driver.transpose().map_err(|_| Rejection::InvalidId)?;
    // The position beside it is the last one that was known.
    if matches!(parameters.get(&["valid"]), Some("0" | "false")) {
        return Ok(Reading::NoFix);
    }
    let position = match parameters.get(&["location"]) {
        Some(location) => {
            let (lat, lng) = location.split_once(',').ok_or(Rejection::WrongShape)?;
            Some(fix::coordinate(lat, lng)?)
        }
        None => fix::position(parameters, &["lat"], &["lon"])?,
    };
    let Some(position) = position else {
        return Ok(Reading::NoFix);
    };
    let time = parameters.get(&["timestamp"]);
    let time = time.map_or(Ok(received_at), fix::time)?;
    let knots = parameters.number(&["speed"]);
    let speed = parameters.number(&["speed_mps"]);
    Ok(Reading::Fix(Box::new(Fix {
        vehicle,
        driver,
        name: PingName::of_time(time),
        time,
        position,
        motion: Motion::new(
            speed.or(knots.map(|knots| knots * KNOT_MPS)),
            parameters.number(&["bearing", "heading"]),
            parameters.number(&["accuracy"]),
            parameters.number(&["altitude"]),
        ),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::testing::{NOW, Told, rejected, told};
    use proptest::prelude::*;

    fn read(query: &str) -> Result<Reading, ItemRejection> {
        reading(&Parameters::of_form(query.as_bytes()), NOW)
    }

    /// In the form of <https://www.traccar.org/osmand/>.
    const FULL: &str = "id=123456&lat=52.5163&lon=13.3777&timestamp=1700000000&hdop=3&altitude=34.5\
                        &speed=10&bearing=90.5&accuracy=4.2&batt=80&driverUniqueId=ann";

    #[test]
    fn speed_is_in_knots() {
        let fix = told(read(FULL));
        assert_eq!(fix.vehicle, "123456");
        assert_eq!(fix.driver.as_deref(), Some("ann"));
        assert_eq!(
            (fix.time_ms, fix.epoch, fix.seq),
            (1_700_000_000_000, 0, 1_700_000_000_000)
        );
        assert_eq!((fix.lat_e7, fix.lng_e7), (525_163_000, 133_777_000));
        assert_eq!((fix.cm_s, fix.cdeg), (Some(514), Some(9_050)));
        assert_eq!((fix.accuracy_dm, fix.altitude_dm), (Some(42), Some(345)));
    }

    #[test]
    fn the_other_names_say_the_same() {
        let other = "deviceid=123456&location=52.5163,13.3777&timestamp=2023-11-14+22:13:20\
                     &altitude=34.5&speed_mps=5.144444&heading=90.5&accuracy=4.2&driverUniqueId=ann";
        assert_eq!(told(read(other)), told(read(FULL)));
        for time in [
            "1700000000000",
            "2023-11-14T22:13:20Z",
            "2023-11-14%2022:13:20",
        ] {
            let query = FULL.replace("1700000000", time);
            assert_eq!(told(read(&query)), told(read(FULL)), "{query}");
        }
    }

    #[test]
    fn without_a_time_it_is_the_time_of_receipt() {
        let fix = told(read("id=a&lat=1&lon=2"));
        let least = Told {
            vehicle: "a".into(),
            lat_e7: 10_000_000,
            lng_e7: 20_000_000,
            ..Told::at(NOW)
        };
        assert_eq!(fix, least);
    }

    #[test]
    fn unknown_values_are_none() {
        let query = "id=a&lat=1&lon=2&speed=-1&bearing=360.5&accuracy=0&altitude=-&hdop=1";
        assert_eq!(told(read(query)), told(read("id=a&lat=1&lon=2")));
    }

    #[test]
    fn no_position_is_no_fix() {
        for query in [
            "id=a",
            "id=a&lat=&lon=&batt=3",
            "id=a&lat=1&lon=2&valid=0",
            "id=a&valid=false",
        ] {
            assert!(matches!(read(query), Ok(Reading::NoFix)), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_a_fix_says_why() {
        rejected(read("lat=1&lon=2"), Rejection::InvalidId);
        rejected(read(""), Rejection::InvalidId);
        rejected(read("id=a%20b&lat=1&lon=2"), Rejection::InvalidId);
        rejected(read("id=a&driverUniqueId=a%20b"), Rejection::InvalidId);
        rejected(read("id=a&lat=1"), Rejection::WrongShape);
        rejected(read("id=a&lat=north&lon=2"), Rejection::WrongShape);
        rejected(read("id=a&location=1"), Rejection::WrongShape);
        rejected(
            read("id=a&lat=1&lon=2&timestamp=soon"),
            Rejection::WrongShape,
        );
        rejected(read("id=a&lat=91&lon=2"), Rejection::InvalidCoordinate);
        rejected(read("id=a&lat=NaN&lon=2"), Rejection::InvalidCoordinate);
        rejected(read("id=a&lat=0&lon=0"), Rejection::NullIsland);
    }

    proptest! {
        #[test]
        fn no_value_anywhere_panics(
            name in proptest::sample::select(vec!["id", "lat", "lon", "location", "timestamp", "valid", "speed", "bearing", "accuracy"]),
            value in "(.{0,20}|[0-9T:., +Z-]{0,30})",
        ) {
            // The first of two values counts.
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair(name, &value).finish();
            let _ = read(&format!("{query}&{FULL}"));
        }

        #[test]
        fn what_is_written_is_read(
            ms in 1_000_000_000_000_i64..4_000_000_000_000,
            lat_e7 in -900_000_000_i32..=900_000_000,
            lng_e7 in 1..=1_800_000_000_i32,
            cm_s in 0_u32..=15_000,
            cdeg in 0_u32..36_000,
        ) {
            let knots = f64::from(cm_s) / 100.0 / KNOT_MPS;
            let query = format!(
                "id=a&timestamp={ms}&lat={}&lon={}&speed={knots}&bearing={}",
                f64::from(lat_e7) / 1e7, f64::from(lng_e7) / 1e7, f64::from(cdeg) / 100.0,
            );
            let expected = Told {
                vehicle: "a".into(), lat_e7, lng_e7, cm_s: Some(cm_s), cdeg: Some(cdeg),
                ..Told::at(Timestamp(ms))
            };
            prop_assert_eq!(told(read(&query)), expected);
        }
    }
}
