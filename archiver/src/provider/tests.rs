//! What the Provider API answers, over a small chain of exports in memory.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, header},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::export::testing::Exports;

mod live;
mod readers;

/// 2026-03-01 00:00 UTC.
const MIDNIGHT_MS: i64 = 1_772_323_200_000;
const HOUR_MS: i64 = 3_600_000;
const MDS: &str = "application/vnd.mds+json;version=2.0";

/// It is half past ten.
fn half_past_ten() -> i64 {
    MIDNIGHT_MS + 10 * HOUR_MS + HOUR_MS / 2
}

/// What an hour is published with: parts of trips, events by their minutes, vehicles and their plates.
#[derive(Default)]
struct Of<'a> {
    trips: &'a [&'a [&'a str]],
    event_minutes: &'a [i64],
    vehicles: &'a [(&'a str, &'a str)],
}

/// Exports of some hours.
struct Chain {
    exports: Exports,
    topics: Topics,
}

/// An answer.
struct Told {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn document(topic: &TopicFiles, hour: i64, rows: &[String]) -> Vec<u8> {
    let end = Timestamp(MIDNIGHT_MS + (hour + 1) * HOUR_MS);
    let frame = topic.frame(end).unwrap();
    let lines: Vec<_> = rows.iter().map(|row| format!("\n{row}")).collect();
    let mut bytes = frame.head;
    bytes.extend_from_slice(lines.join(",").as_bytes());
    bytes.extend_from_slice(frame.tail);
    bytes
}

impl Chain {
    /// The hours 6, 7 and 8 are published.
    async fn some() -> Self {
        let chain = Self {
            exports: Exports::new(),
            topics: Topics::built_in().unwrap(),
        };
        let six = Of {
            trips: &[&["a", "b"], &[], &["c"]],
            event_minutes: &[0, 59],
            vehicles: &[("v", "OLD 1"), ("w", "W 1")],
        };
        let seven = Of {
            event_minutes: &[0, 30, 59],
            vehicles: &[("v", "NEW 1")],
            ..Of::default()
        };
        let eight = Of {
            event_minutes: &[10],
            ..Of::default()
        };
        for (hour, of) in [(6, six), (7, seven), (8, eight)] {
            chain.put(hour, 1, &of).await;
        }
        chain
    }

    async fn put(&self, hour: i64, revision: u32, of: &Of<'_>) {
        let Topics {
            trips,
            telemetry,
            events,
            vehicles,
        } = &self.topics;
        let mut files = Vec::new();
        let no_trips: &[&[&str]] = &[&[]];
        let parts = if of.trips.is_empty() {
            no_trips
        } else {
            of.trips
        };
        for (at, part) in parts.iter().enumerate() {
            let rows: Vec<_> = part
                .iter()
                .map(|id| json!({ "trip_id": id }).to_string())
                .collect();
            files.push((
                format!("trips-{}.json", at + 1),
                document(trips, hour, &rows),
            ));
        }
        let event = |minute: &i64| {
            let time = MIDNIGHT_MS + hour * HOUR_MS + minute * 60_000;
            json!({ "event_id": format!("{hour}:{minute}"), "timestamp": time }).to_string()
        };
        let rows: Vec<_> = of.event_minutes.iter().map(event).collect();
        files.push(("events-1.json".to_owned(), document(events, hour, &rows)));
        let vehicle = |(id, plate): &(&str, &str)| {
            json!({ "device_id": id, "vehicle_id": plate }).to_string()
        };
        let rows: Vec<_> = of.vehicles.iter().map(vehicle).collect();
        files.push((
            "vehicles-1.json".to_owned(),
            document(vehicles, hour, &rows),
        ));
        files.push((
            "telemetry-1.json".to_owned(),
            document(telemetry, hour, &[]),
        ));
        self.put_files(hour, revision, &files).await;
    }

    async fn put_files(&self, hour: i64, revision: u32, files: &[(String, Vec<u8>)]) {
        let files: Vec<_> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let period = format!("2026-03-01T{hour:02}");
        self.exports.put(&period, revision, &files).await;
    }

    async fn open(&self, guard: Guard, change: impl FnOnce(&mut Terms)) -> Provider {
        let mut terms = Terms {
            jurisdiction: "example".to_owned(),
            reader: "agency".to_owned(),
            public_url: None,
            max_vehicles: 2,
        };
        change(&mut terms);
        let objects = Arc::clone(&self.exports.objects);
        let opened = Provider::open_at(objects, guard.into(), terms, half_past_ten).await;
        opened.unwrap()
    }

    async fn router(&self) -> Router {
        routes(self.open(Guard::open(), |_| ()).await.app)
    }
}

async fn ask(router: &Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Told {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = to_bytes(response.into_body(), 64 << 20).await.unwrap();
    Told {
        status,
        headers,
        body,
    }
}

async fn get_mds(router: &Router, uri: &str) -> Told {
    ask(router, "GET", uri, &[("accept", MDS)]).await
}

/// The status, and of a problem its code; every problem is told as MDS wants it.
async fn check(router: &Router, uri: &str, status: u16, error: &str) {
    let told = get_mds(router, uri).await;
    assert_eq!(told.status, status, "{uri}");
    if status < 300 {
        return;
    }
    let body = told.json();
    assert_eq!(body["error"], error, "{uri}: {body}");
    assert!(body["error_description"].is_string(), "{body}");
    assert!(body["error_details"][0].is_string(), "{body}");
    assert_eq!(told.headers[header::CONTENT_TYPE], MDS);
}

#[tokio::test]
async fn the_parts_of_an_hour_are_one_document() {
    let router = Chain::some().await.router().await;
    let told = get_mds(&router, "/trips?end_time=2026-03-01T06").await;
    assert_eq!(told.status, 200);
    assert_eq!(told.headers[header::CONTENT_TYPE], MDS);
    assert_eq!(
        told.headers[header::CONTENT_LENGTH],
        told.body.len().to_string()
    );
    let trips = json!([{ "trip_id": "a" }, { "trip_id": "b" }, { "trip_id": "c" }]);
    assert_eq!(told.json(), json!({ "version": "2.0.0", "trips": trips }));
    let told = get_mds(&router, "/telemetry?telemetry_time=2026-03-01T06").await;
    assert_eq!(told.json(), json!({ "version": "2.0.0", "telemetry": [] }));
    let told = get_mds(&router, "/events/historical?event_time=2026-03-01T08").await;
    assert_eq!(told.json()["events"][0]["event_id"], "8:10");
}

#[tokio::test]
async fn a_file_of_many_pieces_comes_as_it_was_published() {
    let chain = Chain::some().await;
    let rows: Vec<_> = (0..40_000)
        .map(|n| json!({ "trip_id": n, "app_name": "x".repeat(60) }).to_string())
        .collect();
    let whole = document(&chain.topics.trips, 5, &rows);
    assert!(whole.len() > 3 << 20);
    chain
        .put_files(
            5,
            1,
            &[
                ("trips-1.json".to_owned(), whole.clone()),
                (
                    "vehicles-1.json".to_owned(),
                    document(&chain.topics.vehicles, 5, &[]),
                ),
            ],
        )
        .await;
    let told = get_mds(&chain.router().await, "/trips?end_time=2026-03-01T05").await;
    assert!(told.body == whole);
}

#[tokio::test]
async fn head_tells_the_same_without_a_body() {
    let router = Chain::some().await.router().await;
    for uri in ["/trips?end_time=2026-03-01T06", "/vehicles"] {
        let with = get_mds(&router, uri).await;
        let without = ask(&router, "HEAD", uri, &[("accept", MDS)]).await;
        assert_eq!(without.status, 200);
        assert!(without.body.is_empty());
        assert_eq!(
            without.headers[header::CONTENT_LENGTH],
            with.headers[header::CONTENT_LENGTH]
        );
    }
}

#[tokio::test]
async fn an_hour_that_is_not_published_says_why() {
    let router = Chain::some().await.router().await;
    for (path, name) in [
        ("/trips", "end_time"),
        ("/telemetry", "telemetry_time"),
        ("/events/historical", "event_time"),
    ] {
        let uri = |hour: &str| format!("{path}?{name}=2026-03-01T{hour}");
        check(&router, &uri("05"), 404, "not_operating").await;
        check(&router, &uri("09"), 202, "").await;
        check(&router, &uri("10"), 404, "not_over").await;
        check(&router, &uri("7"), 400, "bad_parameter").await;
        check(&router, path, 400, "bad_parameter").await;
        let twice = format!("{}&{name}=2026-03-01T06", uri("06"));
        check(&router, &twice, 400, "bad_parameter").await;
    }
    check(&router, "/vehicles/status", 404, "unknown_vehicle").await;
    check(&router, "/nothing", 404, "no_such_page").await;
    let told = ask(&router, "POST", "/trips", &[("accept", MDS)]).await;
    assert_eq!(told.status, 405);
}

#[tokio::test]
async fn a_correction_is_what_counts() {
    let chain = Chain::some().await;
    let mut provider = chain.open(Guard::open(), |_| ()).await;
    let router = routes(provider.app.clone());
    let corrected = Of {
        trips: &[&["d"]],
        ..Of::default()
    };
    chain.put(6, 2, &corrected).await;
    provider.follower.catch_up().await.unwrap();
    let told = get_mds(&router, "/trips?end_time=2026-03-01T06").await;
    assert_eq!(told.json()["trips"], json!([{ "trip_id": "d" }]));
}

#[tokio::test]
async fn files_that_cannot_be_joined_are_no_answer() {
    let chain = Chain::some().await;
    let Topics {
        trips, vehicles, ..
    } = &chain.topics;
    let whole = document(trips, 1, &[json!({ "trip_id": "a" }).to_string()]);
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 1);
    let bare = b"[\n{\"trip_id\":\"a\",\"app_name\":\"of an array alone\"}\n]\n".to_vec();
    let cases: [&[(&str, &Vec<u8>)]; 4] = [
        &[("trips-1.json", &bare)],
        &[("trips-1.json", &cut)],
        &[("trips-1.json", &whole), ("trips-3.json", &whole)],
        &[],
    ];
    for (hour, files) in (1..).zip(cases) {
        let vehicles = document(vehicles, hour, &[]);
        let mut all = vec![("vehicles-1.json".to_owned(), vehicles)];
        all.extend(
            files
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), (*bytes).clone())),
        );
        chain.put_files(hour, 1, &all).await;
    }
    let router = chain.router().await;
    for hour in 1..=4 {
        check(
            &router,
            &format!("/trips?end_time=2026-03-01T{hour:02}"),
            500,
            "unreadable",
        )
        .await;
    }
}

#[tokio::test]
async fn before_the_first_export_there_is_nothing() {
    let chain = Chain {
        exports: Exports::new(),
        topics: Topics::built_in().unwrap(),
    };
    let router = chain.router().await;
    check(&router, "/vehicles", 404, "nothing_published").await;
    check(&router, "/vehicles/v", 404, "unknown_vehicle").await;
    check(
        &router,
        "/trips?end_time=2026-03-01T06",
        404,
        "not_operating",
    )
    .await;
    let uri = "/events/recent?start_time=1772344800000&end_time=1772353800000";
    check(&router, uri, 404, "nothing_published").await;
}
