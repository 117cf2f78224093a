//! Who may publish for which vehicle, and how ingest shows who it is: users, passwords, rights and TLS of
//! a real broker.

use std::fs;

use faults::servers::Mosquitto;
use serde_json::json;
use tempfile::TempDir;

use super::{
    ACCEPTED, CONNECTED, REJECTED, count, message, names, ping, start, url, wait_for_connections,
    wait_until,
};
use crate::support::{
    archive,
    program::{Program, get},
    publisher::{Message, Publisher, Version},
};

/// What docs/apps.md says that a broker should allow.
const RIGHTS: &str = "user ingest\ntopic read hansom/pings/+\ntopic read owntracks/+/+\n\
                      pattern write hansom/pings/%u\npattern write owntracks/%u/+\n";

#[test]
fn a_topic_speaks_for_its_vehicle_alone() {
    let test = "a_topic_speaks_for_its_vehicle_alone";
    let Some(broker) = Mosquitto::start(test) else {
        return;
    };
    let data = TempDir::new().unwrap();
    let program = start(data.path(), &url(&broker, Version::V3), &[]);
    let others = [
        json!({"fleet_id": "south", "vehicle_id": "cab-1", "time_ms": 1, "lat": 1, "lng": 1}),
        ping("cab-2", 1),
    ];
    let batch = json!([ping("cab-1", 1), others[0], others[1], ping("cab-1", 2)]);
    let message = Message::new("hansom/pings/cab-1", batch.to_string());
    Publisher::new(broker.address(), Version::V3).publish(vec![message]);
    wait_until(&program, ACCEPTED, 2);
    assert_eq!(count(&program, REJECTED), 2);
    let metrics = get(&format!("http://{}/metrics", program.admin)).unwrap();
    let not_yours = r#"hansom_ingest_rejected_total{reason="not_yours"} 2"#;
    assert!(metrics.contains(not_yours), "{metrics}");
    program.stop();
    assert_eq!(archive::ping_names(data.path()), names(1..=2));
}

#[test]
fn users_publish_for_themselves_and_no_password_is_told() {
    let test = "users_publish_for_themselves_and_no_password_is_told";
    let users = [("ingest", "s3cret"), ("cab-1", "one"), ("cab-2", "two")];
    for version in Version::ALL {
        let Some(broker) = Mosquitto::start_with_users(test, &users, RIGHTS) else {
            return;
        };
        let data = TempDir::new().unwrap();
        let file = data.path().join("password");
        let url = url(&broker, version).replace("mqtt://", "mqtt://ingest@");
        let flags = ["--mqtt-password-file", file.to_str().unwrap()];
        fs::write(&file, "wr0ng\n").unwrap();
        let program = Program::start(data.path(), &[&["--mqtt", &url], &flags[..]].concat());
        let said = program.said("no connection to the MQTT broker");
        let error = said["error"].as_str().unwrap();
        assert!(error.contains("refuses the user or the password"), "{said}");
        assert_eq!(count(&program, CONNECTED), 0);
        program.signal("TERM");
        let (status, mut log) = program.ended();
        assert!(status.success(), "{log:#?}");
        fs::write(&file, "s3cret\n").unwrap();
        let program = start(data.path(), &url, &flags);
        let cab = |user, password| Publisher::new(broker.address(), version).with(user, password);
        cab("cab-2", "two").publish(vec![message(1)]);
        cab("cab-1", "one").publish(vec![message(2)]);
        wait_until(&program, ACCEPTED, 1);
        program.signal("TERM");
        let (status, more) = program.ended();
        assert!(status.success(), "{more:#?}");
        log.extend(more);
        log.push(said.to_string());
        for secret in ["wr0ng", "s3cret"] {
            assert!(!log.iter().any(|line| line.contains(secret)), "{log:#?}");
        }
        assert_eq!(
            archive::ping_names(data.path()),
            names(2..=2),
            "{version:?}"
        );
    }
}

#[test]
fn a_broker_is_trusted_by_its_certificate_alone() {
    let test = "a_broker_is_trusted_by_its_certificate_alone";
    let (Some(broker), Some(other)) = (
        Mosquitto::start_with_tls(test),
        Mosquitto::start_with_tls(test),
    ) else {
        return;
    };
    for version in Version::ALL {
        let data = TempDir::new().unwrap();
        let url = |authority: &Mosquitto| {
            let (address, version) = (broker.address(), version.number());
            let file = authority.authority();
            format!("mqtts://{address}?version={version}&ca={}", file.display())
        };
        let program = Program::start(data.path(), &["--mqtt", &url(&other)]);
        program.said("no connection to the MQTT broker");
        assert_eq!(count(&program, CONNECTED), 0);
        program.stop();
        let program = Program::start(data.path(), &["--mqtt", &url(&broker)]);
        wait_for_connections(&program, 1);
        program.stop();
    }
}
