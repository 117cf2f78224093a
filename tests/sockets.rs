//! Pings over a WebSocket, through the whole program: acknowledged, archived once each, and told when it
//! ends.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{
    archive,
    program::{Program, get, wait},
    wait_for,
};

const PINGS: u64 = 200;

fn ping(seq: u64) -> Value {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    json!({
        "vehicle_id": "cab-1", "epoch": 1, "seq": seq, "time_ms": since_1970.as_millis() as u64,
        "lat": 37.77, "lng": -122.42,
    })
}

#[test]
fn what_is_acknowledged_is_archived_and_the_end_is_told() {
    let data = TempDir::new().unwrap();
    let program = Program::start(data.path(), &[]);
    let url = format!("ws://{}/v1/stream", program.ingest);
    let (code, reason) = wait(async {
        let (mut socket, _) = connect_async(url).await.unwrap();
        let mut decided = 0;
        for seq in 1..=PINGS {
            let message = Message::text(ping(seq).to_string());
            socket.send(message).await.unwrap();
            while let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                let ack: Value = serde_json::from_str(&text).unwrap();
                decided = ack["items"].as_u64().unwrap();
                if decided == seq {
                    break;
                }
            }
        }
        assert_eq!(decided, PINGS);
        program.signal("TERM");
        let end = socket.next().await.unwrap().unwrap();
        let Message::Close(Some(frame)) = end else {
            panic!("{end:?}")
        };
        (u16::from(frame.code), frame.reason.to_string())
    });
    assert_eq!(code, 1001);
    assert_eq!(
        reason,
        format!("going away, acknowledged to cab-1 1 {PINGS}")
    );
    let (status, log) = program.ended();
    assert!(status.success(), "{status}: {log:#?}");
    let mut seqs: Vec<u64> = archive::rows(data.path(), "pings")
        .iter()
        .map(|row| row["seq"].parse().unwrap())
        .collect();
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(1..=PINGS));
}

#[test]
fn for_the_drains_delay_all_is_served_and_monitoring_knows() {
    let data = TempDir::new().unwrap();
    let program = Program::start(data.path(), &["--drain-delay", "3s"]);
    let url = format!("ws://{}/v1/stream", program.ingest);
    let pings = format!("http://{}/v1/pings", program.ingest);
    let ready = format!("http://{}/ready", program.admin);
    wait_for("a program that is ready", || get(&ready));
    wait(async {
        let (mut socket, _) = connect_async(url).await.unwrap();
        program.signal("TERM");
        let http = reqwest::Client::new();
        while http.get(&ready).send().await.unwrap().status() != 503 {}
        // The load balancer has not noticed yet.
        let answer = http.post(&pings).json(&ping(1)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let message = Message::text(ping(2).to_string());
        socket.send(message).await.unwrap();
        let ack = socket.next().await.unwrap().unwrap();
        assert!(matches!(&ack, Message::Text(_)), "{ack:?}");
        let end = socket.next().await.unwrap().unwrap();
        let Message::Close(Some(frame)) = end else {
            panic!("{end:?}")
        };
        assert_eq!(frame.reason, "going away, acknowledged to cab-1 1 2");
    });
    let (status, log) = program.ended();
    assert!(status.success(), "{status}: {log:#?}");
    assert_eq!(archive::rows(data.path(), "pings").len(), 2);
}
