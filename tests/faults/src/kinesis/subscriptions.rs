//! Subscriptions through the proxy: their events come as the server sends them, or break off.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::tests::{FIRST, Stage};
use crate::{Fault, KinesisPlan, Plan, testing::text};

impl Stage {
    /// A consumer of the stream that is active.
    async fn consumer(&self) -> String {
        let body = json!({ "StreamName": "pings" });
        let said = self.direct.kinesis("DescribeStreamSummary", body).await;
        let stream = text(&said["StreamDescriptionSummary"]["StreamARN"]);
        let body = json!({ "StreamARN": stream, "ConsumerName": "map" });
        let said = self.direct.kinesis("RegisterStreamConsumer", body).await;
        let consumer = text(&said["Consumer"]["ConsumerARN"]);
        let body = json!({ "ConsumerARN": consumer });
        loop {
            let said = self.direct.kinesis("DescribeStreamConsumer", body.clone());
            if said.await["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE" {
                return consumer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn subscribe(&self, consumer: &str, position: Value) -> reqwest::Response {
        let body = json!({
            "ConsumerARN": consumer,
            "ShardId": FIRST,
            "StartingPosition": position,
        });
        let answer = self.caller.send("kinesis", "SubscribeToShard", &body).await;
        answer.unwrap()
    }
}

/// How many whole events these bytes are, and how many bytes are left over.
fn events(mut bytes: &[u8]) -> (usize, usize) {
    let mut events = 0;
    while let Some(length) = bytes.first_chunk() {
        let Some((_, rest)) = bytes.split_at_checked(u32::from_be_bytes(*length) as usize) else {
            break;
        };
        events += 1;
        bytes = rest;
    }
    (events, bytes.len())
}

#[tokio::test]
async fn events_come_as_the_server_sends_them() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    let consumer = stage.consumer().await;
    let position = json!({ "Type": "TRIM_HORIZON" });
    let mut answer = stage.subscribe(&consumer, position).await;
    assert_eq!(answer.status(), StatusCode::OK);
    // The subscription lasts five minutes; the record that is put during it comes at once.
    let begun = Instant::now();
    stage.caller.put("pings", &["put-meanwhile"]).await;
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains("put-meanwhile") {
        bytes.extend(answer.chunk().await.unwrap().unwrap());
    }
    assert!(begun.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn a_subscription_breaks_off_within_an_event() {
    let plan = KinesisPlan {
        broken_off: 1.0,
        ..KinesisPlan::CALM
    };
    let stage = Stage::of(1, plan).await;
    stage.caller.put("pings", &["a"]).await;
    let consumer = stage.consumer().await;
    let mut whole = Vec::new();
    for _ in 0..6 {
        let position = json!({ "Type": "TRIM_HORIZON" });
        let mut answer = stage.subscribe(&consumer, position).await;
        let mut bytes = Vec::new();
        let error = loop {
            match answer.chunk().await {
                Ok(more) => bytes.extend(more.expect("no end before it breaks")),
                Err(error) => break error,
            }
        };
        assert!(error.is_body() || error.is_decode(), "{error:?}");
        let (events, rest) = events(&bytes);
        assert!(rest > 0);
        whole.push(events);
    }
    // Not always at the same event.
    assert!(whole.iter().any(|events| *events != whole[0]), "{whole:?}");
    assert!(whole.iter().all(|events| *events <= 5), "{whole:?}");
    assert_eq!(stage.proxy.counts().of(Fault::BrokenOff), 6);
}

#[tokio::test]
async fn the_faults_of_a_network_do_not_wait_for_a_subscriptions_end() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    let consumer = stage.consumer().await;
    let only = |fault: &str| {
        let part = |name| if name == fault { 1.0 } else { 0.0 };
        Plan {
            error_after: part("error"),
            silence_after: part("silence"),
            truncated: part("truncated"),
            ..Plan::CALM
        }
    };
    let position = || json!({ "Type": "LATEST" });
    stage.proxy.set_plan(only("error"));
    let status = stage.subscribe(&consumer, position()).await.status();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    for fault in ["silence", "truncated"] {
        stage.proxy.set_plan(only(fault));
        let answer = stage.subscribe(&consumer, position()).await;
        assert!(answer.bytes().await.is_err(), "{fault}");
    }
}

#[tokio::test]
async fn a_subscription_from_a_position_that_is_trimmed_is_refused() {
    let plan = KinesisPlan {
        refuse_trimmed: true,
        ..KinesisPlan::CALM
    };
    let stage = Stage::of(1, plan).await;
    let put = stage.caller.put("pings", &["a"]).await;
    stage.kinesis.forget_before_now("pings").await;
    let number = &put["Records"][0]["SequenceNumber"];
    let position = json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number });
    let consumer = stage.consumer().await;
    let answer = stage.subscribe(&consumer, position).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let why = answer.text().await.unwrap();
    assert!(why.contains("InvalidArgumentException"), "{why}");
}
