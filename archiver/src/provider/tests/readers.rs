//! Who is answered, and in which version.

use std::fs;

use access::{
    Right,
    keys::{NewKey, Purpose},
};

use super::*;

#[tokio::test]
async fn only_version_2_is_answered() {
    let router = Chain::some().await.router().await;
    let uri = "/trips?end_time=2026-03-01T06";
    for (accept, expected) in [
        (Some(MDS), 200),
        (Some("*/*"), 200),
        (Some("application/json"), 200),
        (Some("application/vnd.mds+json;version=1.2"), 406),
        (None, 406),
    ] {
        let headers: Vec<_> = accept
            .map(|accept| ("accept", accept))
            .into_iter()
            .collect();
        let told = ask(&router, "GET", uri, &headers).await;
        assert_eq!(told.status, expected, "{accept:?}");
    }
}

#[tokio::test]
async fn only_who_may_read_the_exports_reads_them() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("keys");
    let mut entries = String::new();
    let mut key = |right, fleet: &str, vehicle: Option<&str>| {
        let purpose = Purpose {
            right,
            fleet: fleet.to_owned(),
            vehicle: vehicle.map(str::to_owned),
        };
        let NewKey { text, entry } = NewKey::make(purpose).unwrap();
        entries += &entry;
        text
    };
    let agency = key(Right::Read, "agency", None);
    let part = key(Right::Read, "agency", Some("v"));
    let fleet = key(Right::Read, "default", None);
    let writer = key(Right::Write, "agency", None);
    fs::write(&path, &entries).unwrap();
    let settings = access::Settings {
        api_keys: Some(path),
        ..access::Settings::default()
    };
    let guard = Guard::start(&settings).await.unwrap();
    let router = routes(Chain::some().await.open(guard, |_| ()).await.app);
    for uri in [
        "/trips?end_time=2026-03-01T06",
        "/telemetry?telemetry_time=2026-03-01T06",
        "/events/historical?event_time=2026-03-01T06",
        "/events/recent?start_time=1772323200000&end_time=1772330400000",
        "/vehicles",
        "/vehicles/v",
    ] {
        for (key, expected) in [
            (Some(&agency), 200),
            (Some(&part), 403),
            (Some(&fleet), 403),
            (Some(&writer), 403),
            (Some(&"hansom_0a1b2c3d_none".to_owned()), 401),
            (None, 401),
        ] {
            let bearer = key.map(|key| format!("Bearer {key}"));
            let mut headers = vec![("accept", MDS)];
            headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
            let told = ask(&router, "GET", uri, &headers).await;
            assert_eq!(told.status, expected, "{uri} {key:?}");
            if expected == 401 {
                assert_eq!(told.headers[header::WWW_AUTHENTICATE], "Bearer");
            }
        }
    }
}
