//! Who may see what: by API keys, and by links to a ride.

use std::fs;

use access::{
    Right,
    keys::{NewKey, Purpose},
};
use tempfile::TempDir;

use super::*;

/// A live API of the ride `r` of `v`, in the fleet `default`.
struct Guarded {
    router: Router,
    fleet: String,
    vehicle: String,
    other: String,
    writer: String,
}

impl Guarded {
    async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let (keys, secrets) = (
            directory.path().join("keys"),
            directory.path().join("secrets"),
        );
        let mut entries = String::new();
        let mut key = |right, fleet: &str, vehicle: Option<&str>| {
            let (fleet, vehicle) = (fleet.to_owned(), vehicle.map(str::to_owned));
            let key = NewKey::make(Purpose {
                right,
                fleet,
                vehicle,
            });
            let NewKey { text, entry } = key.unwrap();
            entries += &entry;
            text
        };
        let fleet = key(Right::Read, "default", None);
        let vehicle = key(Right::Read, "default", Some("v"));
        let other = key(Right::Read, "other", None);
        let writer = key(Right::Write, "default", None);
        fs::write(&keys, &entries).unwrap();
        fs::write(&secrets, "a secret that is long enough to be one").unwrap();
        let settings = access::Settings {
            api_keys: Some(keys),
            share_secrets: Some(secrets),
            ..access::Settings::default()
        };
        let guard = Guard::start(&settings).await.unwrap().into();
        let (cache, _) = shown().await;
        let app = App::new(cache, guard, Duration::ZERO, Shutdown::new());
        Self {
            router: routes(app),
            fleet,
            vehicle,
            other,
            writer,
        }
    }

    async fn ask(&self, method: &str, uri: &str, key: Option<&str>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let is_events = response.headers()[header::CONTENT_TYPE] == "text/event-stream";
        if is_events {
            return (status, Value::Null);
        }
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn check(&self, uri: &str, key: Option<&str>, expected: u16) {
        let (status, answer) = self.ask("GET", uri, key).await;
        assert_eq!(status, expected, "{uri}: {answer}");
    }
}

const NEAR: &str = "/v1/vehicles?near=37.77,-122.42";

#[tokio::test]
async fn a_key_shows_its_own_fleet_or_vehicle_alone() {
    let guarded = Guarded::start().await;
    let pages = [
        "/v1/rides/r",
        "/v1/rides/r/events",
        "/v1/rides",
        "/v1/vehicles/v",
        NEAR,
    ];
    for page in pages {
        guarded.check(page, None, 401).await;
        guarded.check(page, Some("hansom_0_x"), 401).await;
        guarded.check(page, Some(&guarded.writer), 403).await;
        guarded.check(page, Some(&guarded.fleet), 200).await;
        let is_of_vehicle = page == "/v1/vehicles/v";
        let of_vehicle = if is_of_vehicle { 200 } else { 403 };
        guarded
            .check(page, Some(&guarded.vehicle), of_vehicle)
            .await;
        let joint = if page.contains('?') { '&' } else { '?' };
        let of_other = format!("{page}{joint}fleet=other");
        guarded.check(&of_other, Some(&guarded.fleet), 403).await;
    }
    // Whose key names no fleet in what it asks sees its own.
    guarded
        .check("/v1/rides/r", Some(&guarded.other), 404)
        .await;
    let (_, listed) = guarded.ask("GET", "/v1/rides", Some(&guarded.other)).await;
    assert_eq!(listed["rides"], Value::Array(Vec::new()));
    guarded.check("/v1/openapi.json", None, 200).await;
}

#[tokio::test]
async fn a_link_shows_its_ride_and_no_other_page() {
    let guarded = Guarded::start().await;
    let shares = "/v1/rides/r/shares?lasts_s=60";
    for (key, expected) in [
        (None, 401),
        (Some(&*guarded.vehicle), 403),
        (Some(&*guarded.writer), 403),
    ] {
        assert_eq!(guarded.ask("POST", shares, key).await.0, expected);
    }
    let (status, share) = guarded.ask("POST", shares, Some(&guarded.fleet)).await;
    assert_eq!(status, 200, "{share}");
    let path = share["path"].as_str().unwrap();
    guarded.check(path, None, 200).await;
    guarded
        .check(&path.replace('?', "/events?"), None, 200)
        .await;
    let (_, query) = path.split_once('?').unwrap();
    for (page, expected) in [
        (format!("/v1/rides/q?{query}"), 401),
        (path.replace("fleet=default", "fleet=other"), 401),
        (path.replace("share=1", "share=2"), 401),
        (format!("/v1/rides?{query}"), 401),
        (format!("/v1/vehicles/v?{query}"), 401),
        (format!("{NEAR}&{query}"), 401),
    ] {
        guarded.check(&page, None, expected).await;
    }
    for lasts in ["0", "86401", "x"] {
        let shares = format!("/v1/rides/r/shares?lasts_s={lasts}");
        assert_eq!(
            guarded.ask("POST", &shares, Some(&guarded.fleet)).await.0,
            400
        );
    }
    let unknown = guarded.ask("POST", "/v1/rides/q/shares", Some(&guarded.fleet));
    assert_eq!(unknown.await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_ride_by_a_link_is_shown_nothing_after_its_end() {
    let guarded = Guarded::start().await;
    let shares = "/v1/rides/r/shares?lasts_s=1";
    let (_, share) = guarded.ask("POST", shares, Some(&guarded.fleet)).await;
    let events = share["path"].as_str().unwrap().replace('?', "/events?");
    let request = Request::get(events).body(Body::empty()).unwrap();
    let response = guarded.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    // A link ends by the clock of the machine, which nobody pauses.
    std::thread::sleep(Duration::from_secs(2));
    let following = to_bytes(response.into_body(), 1 << 20);
    let shown = tokio::time::timeout(Duration::from_mins(2), following).await;
    assert!(shown.is_ok(), "it is shown for ever");
}
