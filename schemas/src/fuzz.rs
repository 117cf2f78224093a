//! Whatever clients send, decoding does not panic, and what it accepts keeps its types' promises.
//! Compiled for tests only; damage is done to good uploads, so that it reaches past the syntax.

use std::time::Duration;

use buffa::{MessageView as _, ViewEncode as _};
use proptest::prelude::*;

use crate::{
    Ping, Protocol, Record, Rejection, RideEventKind, RideId, Speed, Timestamp, proto, record,
    upload::{PingUpload, RideEventUpload},
};

const PING: &str = r#"{"fleet_id":"sf","vehicle_id":"cab-7","driver_id":"d","ride_id":"r","epoch":1,
"seq":2,"time_ms":1800000000000,"lat":37.7749,"lng":-122.4194,"speed_mps":12.34,"heading_deg":271.5,
"accuracy_m":4.5,"altitude_m":-3.2,"state":"on_trip"}"#;
const EVENT: &str = r#"{"type":"assigned","vehicle_id":"cab-7","time_ms":1800000000000,
"pickup":{"lat":37.7,"lng":-122.4},"dropoff":{"lat":37.8,"lng":-122.5},"route":"_p~iF~ps|U_ulLnnqC",
"route_duration_s":754.4}"#;

/// Values that parsers trip over.
const NASTY: [&str; 14] = [
    "null",
    "-1",
    "1e999",
    "1e-999",
    "-0.0",
    "18446744073709551616",
    "\"\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[[[[[",
    "true",
    "\"\\u0000\"",
    "0x10",
];

fn ping(json: &[u8]) -> Option<Ping> {
    let upload: PingUpload = serde_json::from_slice(json).ok()?;
    upload.check(Timestamp(0), Protocol::HttpJson).ok()
}

/// An accepted ping can be put on the stream and read back as it was.
fn keeps_its_promises(ping: Ping) -> bool {
    let in_range = ping.position.lat().abs() <= 90.0
        && ping.position.lng().abs() <= 180.0
        && ping
            .speed
            .is_none_or(|speed| speed.cm_s() <= Speed::MAX_CM_S)
        && ping.heading.is_none_or(|heading| heading.cdeg() < 36_000);
    let record = Record::Ping(ping);
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    in_range && Record::decode(&bytes) == Ok(record)
}

/// `json` with the value of its `nth` member replaced.
fn with_value(json: &str, nth: usize, value: &str) -> String {
    let starts: Vec<_> = json.match_indices("\":").map(|(at, _)| at + 2).collect();
    let start = starts[nth % starts.len()];
    let end = json[start..]
        .find([',', '}'])
        .map_or(json.len(), |end| start + end);
    format!("{}{value}{}", &json[..start], &json[end..])
}

#[test]
fn the_undamaged_uploads_are_accepted() {
    assert!(ping(PING.as_bytes()).is_some_and(keeps_its_promises));
    let event: RideEventUpload = serde_json::from_str(EVENT).unwrap();
    let event = event
        .check(RideId::new("r").unwrap(), Timestamp(0))
        .unwrap();
    let RideEventKind::Assigned { route, .. } = event.kind else {
        panic!("{event:?}")
    };
    assert_eq!(route.unwrap().duration, Some(Duration::from_secs(754)));
}

#[test]
fn a_planned_duration_without_a_route_is_refused() {
    let bare = EVENT.replace(r#""route":"_p~iF~ps|U_ulLnnqC","#, "");
    let event: RideEventUpload = serde_json::from_str(&bare).unwrap();
    let refused = event.check(RideId::new("r").unwrap(), Timestamp(0));
    assert_eq!(refused, Err(Rejection::InvalidRouteDuration));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nasty_values_are_refused_or_harmless(nth in 0_usize..20, nasty in 0..NASTY.len()) {
        if let Some(ping) = ping(with_value(PING, nth, NASTY[nasty]).as_bytes()) {
            prop_assert!(keeps_its_promises(ping));
        }
        if let Ok(event) = serde_json::from_str::<RideEventUpload>(&with_value(EVENT, nth, NASTY[nasty])) {
            let _ = event.check(RideId::new("r").unwrap(), Timestamp(0));
        }
    }

    #[test]
    fn damaged_json_does_not_panic(at in 0_usize..300, to: u8, cut in 0_usize..400) {
        for text in [PING, EVENT] {
            let mut bytes = text.as_bytes().to_vec();
            let len = bytes.len();
            bytes[at % len] = to;
            bytes.truncate(cut.max(1));
            if let Some(ping) = ping(&bytes) {
                prop_assert!(keeps_its_promises(ping));
            }
            let _ = serde_json::from_slice::<RideEventUpload>(&bytes).map(|event| {
                event.check(RideId::new("r").unwrap(), Timestamp(0)).is_ok()
            });
        }
    }

    #[test]
    fn any_numbers_are_refused_or_kept(
        lat in prop_oneof![-91.0..91.0_f64, any::<f64>()],
        lng in prop_oneof![-181.0..181.0_f64, any::<f64>()],
        speed in prop_oneof![0.0..151.0_f64, any::<f64>()],
        time: i64,
        seq: u64,
    ) {
        let json = format!(
            r#"{{"vehicle_id":"c","time_ms":{time},"epoch":1,"seq":{seq},"lat":{lat:?},"lng":{lng:?},"speed_mps":{speed:?}}}"#
        );
        if let Some(ping) = ping(json.as_bytes()) {
            prop_assert!((ping.position.lat() - lat).abs() < 1e-7);
            prop_assert!((ping.position.lng() - lng).abs() < 1e-7);
            prop_assert!((ping.speed.unwrap().mps() - speed).abs() < 0.006);
            prop_assert!(keeps_its_promises(ping));
        } else {
            let is_good = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lng)
                && (0.0..=150.0).contains(&speed) && i64::try_from(seq).is_ok();
            prop_assert!(!is_good || lat.abs().max(lng.abs()) < 1e-7);
        }
    }

    #[test]
    fn damaged_protobuf_does_not_panic(at in 0_usize..200, to: u8, cut in 0_usize..200) {
        let good = proto::PingBatchView {
            pings: vec![
                proto::PingView { vehicle_id: "cab-7", lat_e7: 1, epoch: 7, ..Default::default() },
                proto::PingView { vehicle_id: "cab-8", speed_cm_s: Some(9), ..Default::default() },
            ].into(),
        };
        let mut bytes = good.encode_to_vec();
        let len = bytes.len();
        bytes[at % len] = to;
        bytes.truncate(cut.max(1));
        if let Ok(batch) = proto::PingBatchView::decode_view(&bytes) {
            for wire in &batch.pings {
                if let Ok(ping) = record::ping_from(wire) {
                    prop_assert!(keeps_its_promises(ping));
                }
            }
        }
    }

    #[test]
    fn any_bytes_as_protobuf_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(batch) = proto::PingBatchView::decode_view(&bytes) {
            for wire in &batch.pings {
                let _ = record::ping_from(wire);
            }
        }
    }
}
