//! Pings by MQTT, through the whole program and a real broker: what vehicles publish is archived once
//! each, whatever stands before it. What fails meanwhile, and who may do what, is in the modules below.

mod outages;
mod rights;

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use buffa::{RepeatedView, ViewEncode as _};
use faults::servers::Mosquitto;
use schemas::proto::__buffa::view::{PingBatchView, PingView};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    archive,
    program::Program,
    publisher::{Message, Publisher, Version},
    wait_for,
};

const ACCEPTED: &str = "hansom_ingest_accepted_total";
const CONNECTED: &str = "hansom_ingest_mqtt_is_connected";
const PUT_OFF: &str = "hansom_ingest_mqtt_put_off_total";
const REJECTED: &str = "hansom_ingest_rejected_total";
const UNUSABLE: &str = "hansom_ingest_mqtt_unusable_total";

fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_1970.as_millis() as u64
}

/// A ping as our own apps write it.
fn ping(vehicle: &str, seq: u64) -> Value {
    json!({
        "vehicle_id": vehicle, "epoch": 1, "seq": seq, "time_ms": now_ms(),
        "lat": 37.77, "lng": -122.42, "speed_mps": 12.5,
    })
}

/// A message of `cab-1` with one ping.
fn message(seq: u64) -> Message {
    Message::new("hansom/pings/cab-1", ping("cab-1", seq).to_string())
}

fn messages(seqs: impl Iterator<Item = u64>) -> Vec<Message> {
    seqs.map(message).collect()
}

/// A batch with one ping in Protobuf; several of them, end to end, are one with several.
fn protobuf(vehicle: &str, seq: u64) -> Vec<u8> {
    let ping = PingView {
        vehicle_id: vehicle,
        epoch: 1,
        seq,
        time_ms: now_ms() as i64,
        lat_e7: 377_700_000,
        lng_e7: -1_224_200_000,
        speed_cm_s: Some(1_250),
        ..PingView::default()
    };
    let mut bytes = Vec::new();
    PingBatchView {
        pings: RepeatedView::new(vec![ping]),
    }
    .encode(&mut bytes);
    bytes
}

/// A position as the app of OwnTracks publishes it.
fn owntracks() -> Value {
    json!({
        "_type": "location", "BSSID": "5c:49:79:00:00:00", "SSID": "home", "acc": 4, "alt": 34,
        "batt": 41, "bs": 1, "cog": 271, "conn": "w", "created_at": now_ms() / 1_000, "lat": 52.5163,
        "lon": 13.3777, "m": 1, "t": "u", "tid": "jj", "tst": now_ms() / 1_000, "vac": 3, "vel": 36,
    })
}

fn url(broker: &Mosquitto, version: Version) -> String {
    format!("mqtt://{}?version={}", broker.address(), version.number())
}

/// The program, once messages of the broker reach it.
fn start(data: &Path, url: &str, flags: &[&str]) -> Program {
    let program = Program::start(data, &[&["--mqtt", url], flags].concat());
    wait_for_connections(&program, 1);
    program
}

/// A metric, which counts.
fn count(program: &Program, name: &str) -> u64 {
    program.metric(name) as u64
}

/// Waits until something was counted so often.
fn wait_until(program: &Program, name: &str, least: u64) {
    let what = format!("{name} {least}");
    wait_for(&what, || (count(program, name) >= least).then_some(()));
}

/// Waits until messages come, or come no more.
fn wait_for_connections(program: &Program, connections: u64) {
    let are = || (count(program, CONNECTED) == connections).then_some(());
    wait_for(&format!("{connections} connections"), are);
}

/// The names of pings of `cab-1` that are archived exactly once each.
fn names(seqs: impl Iterator<Item = u64>) -> Vec<String> {
    let mut names: Vec<_> = seqs.map(|seq| format!("cab-1 1 {seq}")).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_vehicles_publish_is_archived_once_in_our_units() {
    let test = "what_vehicles_publish_is_archived_once_in_our_units";
    for version in Version::ALL {
        let Some(broker) = Mosquitto::start(test) else {
            return;
        };
        let data = TempDir::new().unwrap();
        let (url, north) = (url(&broker, version), ["--mqtt-fleet", "north"]);
        let program = start(data.path(), &url, &north);
        let both = json!([ping("cab-1", 1), ping("cab-1", 2)]);
        let joined = [protobuf("cab-2", 1), protobuf("cab-2", 2)].concat();
        Publisher::new(broker.address(), version).publish(vec![
            Message {
                is_retained: true,
                ..Message::new("owntracks/jane/phone", owntracks().to_string())
            },
            Message::new("hansom/pings/cab-1", both.to_string()),
            Message::new("hansom/pings/cab-2", joined),
        ]);
        wait_until(&program, ACCEPTED, 5);
        program.stop();
        let program = start(data.path(), &url, &north);
        if version == Version::V3 {
            // Whoever subscribes is told again what the broker retains.
            wait_until(&program, ACCEPTED, 1);
        }
        program.stop();
        let rows = archive::rows(data.path(), "pings");
        let found = |vehicle: &str, columns: [&str; 6]| {
            let of_it = rows.iter().filter(|row| row["vehicle_id"] == vehicle);
            of_it
                .map(|row| columns.map(|column| row[column].clone()))
                .collect::<Vec<_>>()
        };
        let columns = [
            "fleet_id",
            "lat_e7",
            "lng_e7",
            "speed_cm_s",
            "heading_cdeg",
            "protocol",
        ];
        let jane = [
            "north",
            "525163000",
            "133777000",
            "1000",
            "27100",
            "mqtt_owntracks",
        ];
        assert_eq!(found("jane:phone", columns), [jane], "{version:?}");
        let cab = |protocol| {
            [
                "north",
                "377700000",
                "-1224200000",
                "1250",
                "null",
                protocol,
            ]
        };
        assert_eq!(found("cab-1", columns), [cab("mqtt_json"); 2]);
        assert_eq!(found("cab-2", columns), [cab("mqtt_protobuf"); 2]);
        assert_eq!(rows.len(), 5);
    }
}

#[test]
fn a_message_that_cannot_be_taken_holds_up_none_behind_it() {
    let test = "a_message_that_cannot_be_taken_holds_up_none_behind_it";
    for version in Version::ALL {
        let Some(broker) = Mosquitto::start(test) else {
            return;
        };
        let data = TempDir::new().unwrap();
        let program = start(data.path(), &url(&broker, version), &[]);
        let ours = "hansom/pings/cab-1";
        let app = Publisher::new(broker.address(), version);
        app.publish(vec![
            Message::new("owntracks/jane/my phone", owntracks().to_string()),
            Message::new(ours, "nonsense"),
            Message::new(ours, "[{\"vehicle_id\":"),
            Message::new(ours, "{\"vehicle_id\":"),
            Message::new(ours, vec![b'['; 500_000]),
            Message::new(ours, ""),
            Message::new("owntracks/jane/phone", r#"{"_type":"lwt","tst":1}"#),
            message(1),
        ]);
        wait_until(&program, ACCEPTED, 1);
        // By MQTT 5 the broker is told what is too large, and drops it itself.
        let unusable = match version {
            Version::V3 => 4,
            Version::V5 => 3,
        };
        wait_until(&program, UNUSABLE, unusable);
        wait_until(&program, "hansom_ingest_without_fix_total", 1);
        assert_eq!(count(&program, UNUSABLE), unusable, "{version:?}");
        assert_eq!(count(&program, REJECTED), 1);
        program.stop();
        assert_eq!(archive::ping_names(data.path()), names(1..=1));
        // All of them are acknowledged: none comes again.
        let program = start(data.path(), &url(&broker, version), &[]);
        app.publish(vec![message(2)]);
        wait_until(&program, ACCEPTED, 1);
        assert_eq!(count(&program, UNUSABLE), 0, "{version:?}");
        program.stop();
        assert_eq!(archive::ping_names(data.path()), names(1..=2));
    }
}

#[test]
fn processes_share_what_a_broker_has() {
    let test = "processes_share_what_a_broker_has";
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    let topics = ["--mqtt-topics", "$share/all/hansom/pings/+"];
    let each = ["north", "south"].map(|name| {
        let data = TempDir::new().unwrap();
        let url = format!("{}&client_id={name}", url(&broker, Version::V5));
        let program = start(data.path(), &url, &topics);
        (data, program)
    });
    Publisher::new(broker.address(), Version::V5).publish(messages(1..=40));
    wait_for("all of them", || {
        let counts = each.iter().map(|(_, program)| count(program, ACCEPTED));
        (counts.sum::<u64>() >= 40).then_some(())
    });
    let mut all = Vec::new();
    for (data, program) in each {
        program.stop();
        let its = archive::ping_names(data.path());
        assert!(!its.is_empty());
        all.extend(its);
    }
    all.sort_unstable();
    assert_eq!(all, names(1..=40));
}
