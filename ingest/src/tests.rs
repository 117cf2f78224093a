//! Ingest through its routes, on the real in-memory stream and on streams with faults.

use std::{io::Write as _, sync::Arc, time::Duration};

use access::Guard;
use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use clap::Parser;
use schemas::Record;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use transport::{AppendError, Appended, Batch, Producer, Read, Stream};

use crate::{Settings, api, api::Ingest};

mod devices;
mod limits;
mod writers;

/// Reads the settings as the command line does.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn settings(flags: &[&str]) -> Settings {
    Line::parse_from([&["ingest"], flags].concat()).settings
}

/// The routes, open to everybody.
fn router(flags: &[&str], producer: Arc<dyn Producer>) -> Router {
    let guard = Guard::open().into();
    api::router(Ingest::new(
        settings(flags),
        [producer.clone(), producer],
        guard,
    ))
}

pub(crate) fn now_ms() -> i64 {
    api::now().0
}

pub(crate) fn ping(seq: u64) -> Value {
    json!({"vehicle_id": "cab-1", "epoch": 1, "seq": seq, "time_ms": now_ms(), "lat": 37.7, "lng": -122.4})
}

/// A stream that answers every append alike, or never.
struct Faulty(Option<fn(usize) -> Appended>);

#[async_trait]
impl Producer for Faulty {
    async fn append(&self, batch: Batch) -> Appended {
        match self.0 {
            Some(answer) => answer(batch.len()),
            None => std::future::pending().await,
        }
    }
}

pub(crate) fn faulty(answer: fn(usize) -> Appended) -> Arc<dyn Producer> {
    Arc::new(Faulty(Some(answer)))
}

pub(crate) fn standing_still() -> Arc<dyn Producer> {
    Arc::new(Faulty(None))
}

/// An ingest on an in-memory stream.
pub(crate) struct Service {
    pub(crate) stream: Arc<dyn Stream>,
    router: Router,
}

impl Service {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let stream = transport::open("memory:?shards=1").await.unwrap();
        let router = router(flags, stream.producer());
        Self { stream, router }
    }

    async fn post(&self, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        post(&self.router, kind, body).await
    }

    /// Everything that is on the stream, once there are `records` of them.
    pub(crate) async fn archived(&self, records: usize) -> Vec<Record> {
        let mut found = Vec::new();
        let mut shard = self.stream.consumer("test").acquire().await.unwrap();
        while found.len() < records {
            let Read::Records(fetched) = shard.read().await.unwrap() else {
                continue;
            };
            found.extend(
                fetched
                    .iter()
                    .map(|record| Record::decode(record.payload).unwrap()),
            );
        }
        found
    }
}

async fn post(router: &Router, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/v1/pings").header(header::CONTENT_TYPE, kind);
    send(router, request.body(body.into()).unwrap()).await
}

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let retry = response.headers().contains_key(header::RETRY_AFTER);
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    if status != StatusCode::OK {
        assert_eq!(kind.unwrap(), "application/problem+json");
        let may_retry = [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        assert_eq!(retry, may_retry.contains(&status));
    }
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn every_format_reaches_the_stream_alike() {
    let service = Service::start(&[]).await;
    let one = ping(1).to_string();
    let two = json!([ping(2), ping(3)]).to_string();
    let lines = format!("{}\n\r\n{}", ping(4), ping(5));
    for (kind, body, count) in [
        ("application/json", one, 1),
        ("application/json; charset=utf-8", two, 2),
        ("application/x-ndjson", lines, 2),
    ] {
        let (status, answer) = service.post(kind, body).await;
        assert_eq!(
            (status, &answer["accepted"]),
            (StatusCode::OK, &json!(count)),
            "{answer}"
        );
    }
    let mut protobuf = Vec::new();
    for record in service.archived(5).await {
        // A record with a ping in field 1 reads as a batch with a ping in field 1.
        record.encode(&mut protobuf);
    }
    let (status, answer) = service.post("application/x-protobuf", protobuf).await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &json!(5)));
    let records = service.archived(10).await;
    let seqs: Vec<_> = records
        .iter()
        .map(|record| match record {
            Record::Ping(ping) => ping.name.seq,
            _ => panic!("{record:?}"),
        })
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn compressed_bodies_are_read_and_unknown_compression_is_refused() {
    let service = Service::start(&[]).await;
    let body = ping(1).to_string();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(body.as_bytes(), 1).unwrap();
    for (encoding, bytes, expected) in [
        ("gzip", gzip.clone(), StatusCode::OK),
        ("zstd", zstd, StatusCode::OK),
        (
            "gzip",
            gzip[..gzip.len() / 2].to_vec(),
            StatusCode::BAD_REQUEST,
        ),
        ("br", b"x".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request = Request::post("/v1/pings")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_ENCODING, encoding)
            .body(Body::from(bytes))
            .unwrap();
        assert_eq!(send(&service.router, request).await.0, expected);
    }
}

#[tokio::test]
async fn one_bad_protobuf_ping_touches_no_other() {
    let service = Service::start(&[]).await;
    service.post("application/json", ping(1).to_string()).await;
    let mut good = Vec::new();
    service.archived(1).await[0].encode(&mut good);
    // The driver is not UTF-8: field 3, one byte.
    let bad = [10, 3, 26, 1, 0xff];
    let batch = [&good[..], &bad, &good].concat();
    let (status, answer) = service.post("application/x-protobuf", batch).await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &json!(2)));
    assert_eq!(answer["errors"][0]["index"], json!(1));
    assert_eq!(answer["errors"][0]["code"], json!("malformed"));
}

#[tokio::test]
async fn a_counter_without_its_epoch_is_refused() {
    let service = Service::start(&[]).await;
    for lonely in ["epoch", "seq"] {
        let mut ping = ping(1);
        ping.as_object_mut().unwrap().remove(lonely);
        let (status, answer) = service.post("application/json", ping.to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errors"][0]["code"], json!("unpaired_name"));
    }
}

#[tokio::test]
async fn a_bad_item_is_named_and_its_neighbours_are_accepted() {
    let service = Service::start(&[]).await;
    let mut island = ping(2);
    (island["lat"], island["lng"]) = (json!(0.0), json!(0.0));
    let mut old = ping(3);
    old["time_ms"] = json!(now_ms() - 8 * 86_400_000);
    let mut shape = ping(4);
    shape["lat"] = json!("north");
    let mut id = ping(5);
    id["vehicle_id"] = json!("a b");
    let long = format!("{{\"vehicle_id\":\"{}\"}}", "x".repeat(20_000));
    let lines = [
        ping(1).to_string(),
        island.to_string(),
        old.to_string(),
        shape.to_string(),
        id.to_string(),
        "{\"vehicle_id\":".to_owned(),
        long,
        ping(6).to_string(),
    ];
    let (status, answer) = service.post("application/x-ndjson", lines.join("\n")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (&json!(2), &json!(6))
    );
    let errors: Vec<_> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["index"].as_u64().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, "null_island"),
        (2, "too_old"),
        (3, "wrong_shape"),
        (4, "invalid_id"),
        (5, "malformed"),
        (6, "too_large"),
    ];
    assert_eq!(errors, expected);
    assert_eq!(service.archived(2).await.len(), 2);
}

#[tokio::test]
async fn a_request_without_an_accepted_item_says_so_by_its_status() {
    let service = Service::start(&[]).await;
    for (kind, body, status) in [
        ("application/json", "{", StatusCode::BAD_REQUEST),
        ("application/json", "", StatusCode::BAD_REQUEST),
        ("application/json", "[", StatusCode::BAD_REQUEST),
        ("application/json", "[1,2]", StatusCode::BAD_REQUEST),
        ("application/json", "[]", StatusCode::OK),
        ("application/x-ndjson", "", StatusCode::OK),
        (
            "application/x-protobuf",
            "\u{7f}\u{7f}",
            StatusCode::BAD_REQUEST,
        ),
        ("text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        assert_eq!(service.post(kind, body).await.0, status, "{kind} {body}");
    }
    let line = "x".repeat(20_000);
    assert_eq!(
        service.post("application/x-ndjson", line).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn a_record_that_the_stream_refuses_touches_no_other() {
    let refuse_first = |_| Appended {
        failed: vec![(0, AppendError::Rejected("too large".to_owned()))],
    };
    let router = router(&[], faulty(refuse_first));
    let (status, answer) = post(
        &router,
        "application/json",
        json!([{"bad": 1}, ping(1), ping(2)]).to_string(),
    )
    .await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &json!(1)));
    assert_eq!(answer["errors"][1]["index"], json!(1));
    assert_eq!(answer["errors"][1]["code"], json!("refused"));
}

#[tokio::test]
async fn a_stream_that_fails_in_part_is_told_with_what_is_durable() {
    let fail_last = |records| Appended {
        failed: vec![(
            records - 1,
            AppendError::Unavailable("disk full".to_owned()),
        )],
    };
    let router = router(&[], faulty(fail_last));
    let body = json!([ping(1), ping(2), ping(3)]).to_string();
    let (status, problem) = post(&router, "application/json", body).await;
    assert_eq!(
        (status, &problem["accepted"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!(2))
    );
}

#[tokio::test]
async fn ride_events_are_checked_and_reach_the_stream() {
    let service = Service::start(&[]).await;
    let place = json!({"lat": 37.7, "lng": -122.4});
    for (ride, mut event, status) in [
        (
            "r1",
            json!({"type": "assigned", "pickup": place, "dropoff": place}),
            StatusCode::OK,
        ),
        ("r1", json!({"type": "picked_up"}), StatusCode::OK),
        (
            "r1",
            json!({"type": "dropped_off", "fare": {"minor_units": 1, "currency": "USD"}}),
            StatusCode::OK,
        ),
        (
            "r1",
            json!({"type": "dropped_off", "fare": {"minor_units": 1, "currency": "usd"}}),
            StatusCode::BAD_REQUEST,
        ),
        (
            "r1",
            json!({"type": "assigned", "pickup": place}),
            StatusCode::BAD_REQUEST,
        ),
        (
            "r1",
            json!({"type": "rerouted", "dropoff": place, "route": "no"}),
            StatusCode::BAD_REQUEST,
        ),
        ("r1", json!({"type": "teleported"}), StatusCode::BAD_REQUEST),
        ("r%20", json!({"type": "arrived"}), StatusCode::BAD_REQUEST),
    ] {
        event["vehicle_id"] = json!("cab-1");
        event["time_ms"] = json!(now_ms());
        let request = Request::post(format!("/v1/rides/{ride}/events"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(event.to_string()))
            .unwrap();
        assert_eq!(send(&service.router, request).await.0, status, "{event}");
    }
    assert_eq!(service.archived(3).await.len(), 3);
}
