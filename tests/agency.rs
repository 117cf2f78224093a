//! An agency that asks `archiver serve`, a process of its own, by MDS's Provider API over HTTP: what it gets
//! is what was exported and signed, while hours are exported. What each endpoint answers to what is wrong,
//! and how pages are cut, the unit tests know.

use std::{fs, net::SocketAddr, time::SystemTime};

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::{
    access::key,
    support::{
        office::{Office, check},
        process::Process,
        program::{service, wait},
        tools::{Tools, passes},
        wait_for,
    },
};

const HOUR_MS: i64 = 3_600_000;
const VERSION: &str = "application/vnd.mds+json;version=2.0";

/// What a request is answered.
struct Answer {
    status: StatusCode,
    kind: String,
    body: Value,
}

/// The server, and whom it knows.
struct Agency {
    server: SocketAddr,
    key: String,
}

impl Agency {
    /// Serves what the office has exported.
    fn start(office: &Office) -> (Process, Self) {
        let (exports, keys) = (office.url("out"), office.text("keys.toml"));
        let key = key(keys.as_ref(), &["--may", "read", "--fleet", "bay"]);
        let mut serve = service("archiver", &["serve", "--exports", &exports]);
        serve.args(["--jurisdiction", "bay", "--api-keys", &keys]);
        serve.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let process = Process::start(serve.env_remove("HANSOM_INSECURE_DEMO"));
        let server = process.address("provider");
        (process, Self { server, key })
    }

    fn ask(&self, path: &str) -> Answer {
        self.ask_as(path, &self.key, VERSION)
    }

    fn ask_as(&self, path: &str, key: &str, accept: &str) -> Answer {
        let url = format!("http://{}{path}", self.server);
        let request = reqwest::Client::new().get(url).bearer_auth(key);
        wait(async {
            let answer = request.header(header::ACCEPT, accept).send().await.unwrap();
            let kind = answer.headers().get(header::CONTENT_TYPE);
            let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
            let (status, length) = (answer.status(), answer.content_length());
            let body = answer.bytes().await.unwrap();
            let times = body
                .windows(14)
                .filter(|bytes| bytes == b"\"last_updated\"");
            assert!(times.count() <= 1, "{path}: a member is there twice");
            assert_eq!(length, Some(body.len() as u64), "{path}");
            Answer {
                status,
                kind,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            }
        })
    }

    fn status(&self, path: &str) -> u16 {
        self.ask(path).status.as_u16()
    }

    /// What it is told, which is all right.
    fn told(&self, path: &str) -> Value {
        let answer = self.ask(path);
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_eq!(answer.kind, VERSION, "{path}");
        answer.body
    }
}

fn hour_name(begin_ms: i64) -> String {
    let begin = jiff::Timestamp::from_millisecond(begin_ms).unwrap();
    begin.strftime("%Y-%m-%dT%H").to_string()
}

/// The rows of an exported document.
fn exported(office: &Office, hour: &str, topic: &str) -> Value {
    let file = format!("out/mds/bay/{hour}/r001/{topic}-1.json");
    let document = fs::read(office.path(&file)).unwrap();
    serde_json::from_slice::<Value>(&document).unwrap()[topic].clone()
}

/// What an hour is asked by: endpoint, parameter and topic.
const HOURLY: [(&str, &str, &str); 3] = [
    ("trips", "end_time", "trips"),
    ("telemetry", "telemetry_time", "telemetry"),
    ("events/historical", "event_time", "events"),
];

/// An hour is told as it was exported, and to nobody else; the next one is not there yet.
fn check_hour(office: &Office, agency: &Agency, strangers_key: &str, [hour, next]: [&str; 2]) {
    for (endpoint, parameter, topic) in HOURLY {
        let at = |hour: &str| format!("/{endpoint}?{parameter}={hour}");
        let told = agency.told(&at(hour));
        let rows = exported(office, hour, topic);
        assert!(rows.as_array().unwrap().len() > 10, "{topic}");
        assert!(told[topic] == rows, "{topic} are not as they were exported");
        assert_eq!(agency.status(&at(next)), 202, "it is not exported yet");
        assert_eq!(agency.status(&at("2999-01-01T00")), 404);
        assert_eq!(agency.status(&at("yesterday")), 400);
        let status = |key, accept| agency.ask_as(&at(hour), key, accept).status.as_u16();
        assert_eq!(status("hansom_no_key", VERSION), 401);
        assert_eq!(status(strangers_key, VERSION), 403);
        let other = "application/vnd.mds+json;version=9.0";
        assert_eq!(status(&agency.key, other), 406);
    }
}

/// The pages of recent events have those of the exported hours, once and in order.
fn check_recent(office: &Office, agency: &Agency, begin_ms: i64, hours: [&str; 2]) {
    let end_ms = begin_ms + 4 * HOUR_MS;
    let mut next = Some(format!("?start_time={begin_ms}&end_time={end_ms}"));
    let mut recent = Vec::new();
    while let Some(query) = next {
        let page = agency.told(&format!("/events/recent{query}"));
        recent.extend_from_slice(page["events"].as_array().unwrap());
        assert_eq!(page["last_updated"], json!(begin_ms + 2 * HOUR_MS));
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    let historical = hours.map(|hour| exported(office, hour, "events"));
    let historical = historical.iter().flat_map(|rows| rows.as_array().unwrap());
    assert!(recent.iter().eq(historical));
}

#[test]
fn an_agency_is_told_by_http_what_was_exported() {
    let test = "an_agency_is_told_by_http_what_was_exported";
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let this_hour = now.unwrap().as_millis() as i64 / HOUR_MS * HOUR_MS;
    let begin = this_hour - 4 * HOUR_MS;
    let [first, second, third] = [0, 1, 2].map(|at| hour_name(begin + at * HOUR_MS));
    let office = Office::open_at(begin, &[]);
    let (vehicles, rides) = office.registry();
    let registry = ["--registry", &vehicles, "--registry", &rides];
    check(&office.export("out", "mds", &first, &registry), "exported");
    let strangers_key = key(&office.path("keys.toml"), &[]);
    let (process, agency) = Agency::start(&office);
    check_hour(&office, &agency, &strangers_key, [&first, &second]);

    check(&office.export("out", "mds", &second, &registry), "exported");
    wait_for("the second hour", || {
        let status = agency.status(&format!("/trips?end_time={second}"));
        (status == 200).then_some(())
    });
    check_hour(&office, &agency, &strangers_key, [&second, &third]);
    check_recent(&office, &agency, begin, [&first, &second]);

    let fleet = agency.told("/vehicles");
    let vehicles = fleet["vehicles"].as_array().unwrap();
    assert_eq!(vehicles.len(), 20);
    let id = vehicles[0]["device_id"].as_str().unwrap();
    let one = agency.told(&format!("/vehicles/{id}"));
    assert_eq!(one["vehicles"], json!([vehicles[0]]));

    if let Some(tools) = Tools::find(test) {
        let recent = format!("/events/recent?start_time={begin}&end_time={this_hour}");
        for (topic, document) in [("vehicles", fleet), ("events", agency.told(&recent))] {
            let path = office.path(&format!("{topic}.json"));
            fs::write(&path, document.to_string()).unwrap();
            let schema = format!("schemas/json/mds/{topic}.schema.json");
            let mut tool = tools.command("check-jsonschema");
            passes(tool.args(["--schemafile", &schema]).arg(path));
        }
    }
    process.stop();
}
