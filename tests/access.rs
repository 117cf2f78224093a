//! Who may write and read, in the whole program: by API keys that `hansom key` made, and by tokens
//! that another's implementation signed; and what attackers send instead.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    pages::Pages,
    program::{Program, command, wait},
    readers, wait_for,
};

const ISSUER: &str = include_str!("support/issuer.py");
const AUDIENCE: &str = "rides";
const WHO: &str = "https://id.example";

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_1970.as_millis() as i64
}

/// Makes an API key, as its user does.
pub(crate) fn key(file: &Path, flags: &[&str]) -> String {
    let made = command(&["key", "--file"]).arg(file).args(flags).output();
    String::from_utf8(made.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

/// Sends a request, and hands out status and body.
fn ask(method: Method, url: &str, key: Option<&str>, body: Option<&Value>) -> (u16, String) {
    let mut request = Client::new().request(method, url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    wait(async {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

/// A program that knows keys and tokens.
struct Guarded {
    program: Program,
    pings: String,
}

impl Guarded {
    fn start(data: &Path, flags: &[&str]) -> Self {
        let program = Program::start(data, flags);
        let pings = format!("http://{}/v1/pings", program.ingest);
        Self { program, pings }
    }

    fn post(&self, vehicle: &str, key: Option<&str>) -> (u16, String) {
        let ping =
            json!({"vehicle_id": vehicle, "time_ms": now_ms(), "lat": 37.77, "lng": -122.42});
        ask(Method::POST, &self.pings, key, Some(&ping))
    }

    fn refused(&self, reason: &str) -> f64 {
        let page = crate::support::program::get(&format!("http://{}/metrics", self.program.admin));
        let name = format!("hansom_access_refused_total{{reason=\"{reason}\"}} ");
        let page = page.unwrap();
        let value = page.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap().parse().unwrap()
    }

    /// Ends it; neither its log nor its metrics may have told one of these.
    fn end_without_telling(self, secrets: &[&String]) {
        let metrics = format!("http://{}/metrics", self.program.admin);
        let metrics = crate::support::program::get(&metrics).unwrap();
        self.program.signal("TERM");
        let (status, log) = self.program.ended();
        assert!(status.success(), "{status}");
        let told = log.join("\n") + &metrics;
        for secret in secrets {
            assert!(!told.contains(*secret), "it told {secret}");
            // Nor its part that is hardest to guess.
            let (_, tail) = secret.split_at(secret.len() / 2);
            assert!(!told.contains(tail), "it told a part of {secret}");
        }
    }
}

#[test]
fn keys_open_what_they_are_for_and_come_and_go_while_it_runs() {
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("keys.toml");
    let fleet = key(&file, &[]);
    let cab = key(&file, &["--vehicle", "cab-1"]);
    let reader = key(&file, &["--may", "read"]);
    let flags = ["--api-keys", file.to_str().unwrap()];
    let guarded = Guarded::start(&scratch.path().join("data"), &flags);
    let rides = format!("http://{}/v1/rides", guarded.program.live);
    let read = |key: Option<&str>| ask(Method::GET, &rides, key, None).0;
    assert_eq!(guarded.post("cab-1", None).0, 401);
    assert_eq!(guarded.post("cab-1", Some(&fleet)).0, 200);
    assert_eq!(guarded.post("cab-1", Some(&cab)).0, 200);
    assert_eq!(guarded.post("cab-2", Some(&cab)).0, 403);
    assert_eq!(guarded.post("cab-1", Some(&reader)).0, 403);
    assert_eq!(
        [read(None), read(Some(&fleet)), read(Some(&reader))],
        [401, 403, 200]
    );
    // An app that knows an address only.
    let osmand = format!(
        "http://{}/osmand?id=cab-1&lat=37.77&lon=-122.42",
        guarded.program.ingest
    );
    assert_eq!(ask(Method::GET, &osmand, None, None).0, 401);
    assert_eq!(
        ask(Method::GET, &format!("{osmand}&key={cab}"), None, None).0,
        200
    );
    let other = osmand.replace("cab-1", "cab-2");
    assert_eq!(
        ask(Method::GET, &format!("{other}&key={cab}"), None, None).0,
        403
    );
    let later = key(&file, &["--vehicle", "cab-3"]);
    wait_for("the new key", || {
        (guarded.post("cab-3", Some(&later)).0 == 200).then_some(())
    });
    fs::write(&file, "").unwrap();
    wait_for("the keys' end", || {
        (guarded.post("cab-3", Some(&later)).0 == 401).then_some(())
    });
    assert!(guarded.refused("missing") >= 3.0 && guarded.refused("unknown_key") >= 1.0);
    guarded.end_without_telling(&[&fleet, &cab, &reader, &later]);
}

/// What is wanted of the issuer, by names: key, algorithm, and how the claims differ from good ones.
fn wanted() -> Vec<(&'static str, [&'static str; 2], Value)> {
    let past = now_ms() / 1_000 - 3_600;
    vec![
        ("ed25519", ["ed", "EdDSA"], json!({})),
        ("es256", ["ec", "ES256"], json!({})),
        ("rs256", ["rsa", "RS256"], json!({})),
        ("rotated", ["new", "ES256"], json!({})),
        (
            "driver",
            ["ed", "EdDSA"],
            json!({"vehicle": null, "driver": "d1"}),
        ),
        ("another's", ["ed", "EdDSA"], json!({"vehicle": "cab-2"})),
        (
            "other fleet",
            ["ed", "EdDSA"],
            json!({"fleet": "red", "vehicle": "cab-1"}),
        ),
        (
            "reads only",
            ["ed", "EdDSA"],
            json!({"scope": "hansom:read"}),
        ),
        ("expired", ["ed", "EdDSA"], json!({"exp": past})),
        (
            "not yet",
            ["ed", "EdDSA"],
            json!({"nbf": now_ms() / 1_000 + 3_600}),
        ),
        ("audience", ["ed", "EdDSA"], json!({"aud": "payments"})),
        (
            "issuer",
            ["ed", "EdDSA"],
            json!({"iss": "https://evil.example"}),
        ),
        ("none", ["ed", "none"], json!({})),
        ("mac by the public key", ["rsa", "HS256"], json!({})),
        ("other algorithm", ["rsa", "PS256"], json!({})),
        ("stranger", ["stranger", "EdDSA"], json!({})),
    ]
}

/// The keys and tokens of an identity provider.
fn issue(python: &std::path::PathBuf) -> (Value, Value, BTreeMap<String, String>) {
    let lines: Vec<String> = wanted()
        .into_iter()
        .map(|(name, [key, algorithm], changes)| {
            let mut claims = json!({
                "aud": AUDIENCE, "iss": WHO, "sub": "phone", "exp": now_ms() / 1_000 + 3_600,
                "scope": "hansom:write", "fleet": "default", "vehicle": "cab-1",
            });
            for (claim, value) in changes.as_object().unwrap() {
                claims[claim] = value.clone();
            }
            format!("{name}|{key}|{algorithm}|{claims}")
        })
        .collect();
    let issued = readers::run(python, ISSUER, &[&lines.join("\n")]);
    let mut issued: Value = serde_json::from_str(&issued).unwrap();
    let tokens = serde_json::from_value(issued["tokens"].take()).unwrap();
    (issued["before"].take(), issued["after"].take(), tokens)
}

#[test]
fn tokens_of_another_implementation_open_what_they_say_and_forged_ones_nothing() {
    let test = "tokens_of_another_implementation_open_what_they_say_and_forged_ones_nothing";
    let Some(python) = readers::python(test) else {
        return;
    };
    let (before, after, tokens) = issue(&python);
    let jwks = Arc::new(Mutex::new(before.to_string()));
    let page = Pages::serve("/jwks", jwks.clone());
    let url = format!("http://{}/jwks", page.address());
    let scratch = TempDir::new().unwrap();
    let flags = [
        "--jwks",
        &url,
        "--jwt-audience",
        AUDIENCE,
        "--jwt-issuer",
        WHO,
    ];
    let guarded = Guarded::start(scratch.path(), &flags);
    for (name, expected, reason) in [
        ("ed25519", 200, None),
        ("es256", 200, None),
        ("rs256", 200, None),
        ("driver", 200, None),
        ("another's", 403, None),
        ("other fleet", 200, None),
        ("reads only", 403, Some("wrong_right")),
        ("expired", 401, Some("expired")),
        ("not yet", 401, Some("not_yet")),
        ("audience", 401, Some("wrong_audience")),
        ("issuer", 401, Some("wrong_audience")),
        ("none", 401, Some("wrong_algorithm")),
        ("mac by the public key", 401, Some("wrong_algorithm")),
        ("other algorithm", 401, Some("wrong_algorithm")),
        ("stranger", 401, Some("wrong_signature")),
        ("rotated", 401, Some("unknown_signer")),
    ] {
        let before = reason.map(|reason| guarded.refused(reason));
        let (status, answer) = guarded.post("cab-1", Some(&tokens[name]));
        assert_eq!(status, expected, "{name}: {answer}");
        if let (Some(reason), Some(before)) = (reason, before) {
            assert!(guarded.refused(reason) > before, "{name} is not counted");
        }
    }
    let known = guarded.program.live("/v1/vehicles/cab-1");
    assert_eq!(known, None, "nobody reads by the right to write");
    *jwks.lock().unwrap() = after.to_string();
    wait_for("the new key", || {
        let (status, _) = guarded.post("cab-1", Some(&tokens["rotated"]));
        (status == 200).then_some(())
    });
    let gone = guarded.post("cab-1", Some(&tokens["rs256"]));
    assert_eq!(gone.0, 401, "{}", gone.1);
    guarded.end_without_telling(&tokens.values().collect::<Vec<_>>());
}

#[test]
fn a_page_of_another_site_writes_nothing() {
    let scratch = TempDir::new().unwrap();
    let program = Program::start(scratch.path(), &[]);
    let url = format!(
        "http://{}/osmand?id=cab-1&lat=37.77&lon=-122.42",
        program.ingest
    );
    let status = |header: Option<(&str, &str)>| {
        let mut request = Client::new().get(&url);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        wait(async { request.send().await.unwrap().status().as_u16() })
    };
    assert_eq!(status(None), 200);
    assert_eq!(status(Some(("Origin", "https://evil.example"))), 403);
    assert_eq!(status(Some(("Sec-Fetch-Site", "cross-site"))), 403);
    assert_eq!(status(Some(("Sec-Fetch-Site", "none"))), 200);
    program.stop();
}
