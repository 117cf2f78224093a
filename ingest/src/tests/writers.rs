//! Who may write what, through the routes: by API keys of a fleet and of a vehicle.

use std::{collections::HashMap, fs};

use access::{
    Right,
    keys::{NewKey, Purpose},
};
use tempfile::TempDir;

use super::*;

/// Keys by name, and routes that know them.
struct Guarded {
    keys: HashMap<&'static str, String>,
    router: Router,
    stream: Arc<dyn Stream>,
}

impl Guarded {
    async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("keys.toml");
        let (mut keys, mut entries) = (HashMap::new(), String::new());
        for (name, right, vehicle) in [
            ("fleet", Right::Write, None),
            ("cab-1", Right::Write, Some("cab-1")),
            ("reader", Right::Read, None),
        ] {
            let key = NewKey::make(Purpose {
                right,
                fleet: "blue".to_owned(),
                vehicle: vehicle.map(str::to_owned),
            });
            let NewKey { text, entry } = key.unwrap();
            keys.insert(name, text);
            entries += &entry;
        }
        fs::write(&file, entries).unwrap();
        let settings = access::Settings {
            api_keys: Some(file),
            ..access::Settings::default()
        };
        let guard = Guard::start(&settings).await.unwrap();
        let stream = transport::open("memory:?shards=1").await.unwrap();
        let router = api::router(Ingest::new(
            super::settings(&[]),
            [stream.producer(), stream.producer()],
            guard.into(),
        ));
        Self {
            keys,
            router,
            stream,
        }
    }

    /// Posts something with this key, and says how that was answered.
    async fn post(&self, path: &str, key: &str, body: &Value) -> (StatusCode, Value) {
        let key = self.keys.get(key).map_or(key, String::as_str);
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {key}"));
        send(&self.router, request.body(body.to_string().into()).unwrap()).await
    }

    async fn check(&self, key: &str, ping: &Value, expected: u16) {
        let (status, answer) = self.post("/v1/pings", key, ping).await;
        assert_eq!(status.as_u16(), expected, "{key} {ping}: {answer}");
    }
}

fn of(vehicle: &str, fleet: &str) -> Value {
    let mut ping = ping(1);
    ping["vehicle_id"] = json!(vehicle);
    if !fleet.is_empty() {
        ping["fleet_id"] = json!(fleet);
    }
    ping
}

#[tokio::test]
async fn a_key_writes_for_its_own_fleet_and_vehicle_alone() {
    let guarded = Guarded::start().await;
    guarded.check("fleet", &of("cab-1", "blue"), 200).await;
    guarded.check("fleet", &of("cab-2", ""), 200).await;
    guarded.check("fleet", &of("cab-1", "red"), 403).await;
    guarded.check("cab-1", &of("cab-1", ""), 200).await;
    guarded.check("cab-1", &of("cab-2", ""), 403).await;
    guarded.check("reader", &of("cab-1", ""), 403).await;
    guarded.check("hansom_0000_x", &of("cab-1", ""), 401).await;
    guarded.check("nonsense", &of("cab-1", ""), 401).await;
    let mut shard = guarded.stream.consumer("test").acquire().await.unwrap();
    let mut found = Vec::new();
    while let Some(Read::Records(fetched)) = shard.read_if_any().await.unwrap() {
        for record in fetched.iter() {
            let record = Record::decode(record.payload).unwrap();
            let (fleet, vehicle) = record.subject();
            found.push(format!("{fleet}/{vehicle}"));
        }
    }
    assert_eq!(found, ["blue/cab-1", "blue/cab-2", "blue/cab-1"]);
}

#[tokio::test]
async fn of_a_batch_only_what_is_anothers_is_refused() {
    let guarded = Guarded::start().await;
    let both = json!([of("cab-1", ""), of("cab-2", "")]);
    let (status, answer) = guarded.post("/v1/pings", "cab-1", &both).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["accepted"], json!(1));
    assert_eq!(answer["errors"][0]["code"], json!("not_yours"));
    assert_eq!(answer["errors"][0]["index"], json!(1));
}

#[tokio::test]
async fn an_event_is_of_the_vehicle_that_sends_it() {
    let guarded = Guarded::start().await;
    let event =
        |vehicle: &str| json!({"vehicle_id": vehicle, "time_ms": now_ms(), "type": "arrived"});
    for (vehicle, expected) in [("cab-1", 200), ("cab-2", 403)] {
        let event = event(vehicle);
        let posted = guarded.post("/v1/rides/r1/events", "cab-1", &event);
        let (status, answer) = posted.await;
        assert_eq!(status.as_u16(), expected, "{answer}");
    }
}

#[tokio::test]
async fn without_a_credential_nobody_reads_the_body() {
    let guarded = Guarded::start().await;
    let request = Request::post("/v1/pings").header(header::CONTENT_TYPE, "application/json");
    // A body that never ends: waiting for it would be the answer's end.
    let endless = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let request = request.body(Body::from_stream(endless)).unwrap();
    let (status, answer) = send(&guarded.router, request).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
}
