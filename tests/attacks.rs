//! What attackers send, to the whole program: each thing is refused with the right status, counted,
//! and leaves the program as it was for those who mean well. Forged tokens are in `access`; how much
//! slower attacks make it is measured in `benches/attacks`.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    program::{Program, command, get},
    wait_for,
};

/// An answer is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that knows keys, and one of its fleet.
struct Target {
    program: Program,
    key: String,
    _scratch: TempDir,
}

/// An answer of HTTP/1.1, as far as it came.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1);
        status.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

impl Target {
    fn start(flags: &[&str]) -> Self {
        let scratch = TempDir::new().unwrap();
        let file = scratch.path().join("keys.toml");
        let made = command(&["key", "--file"]).arg(&file).output().unwrap();
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let keys = ["--api-keys", file.to_str().unwrap()];
        let data = scratch.path().join("data");
        let program = Program::start(&data, &[&keys, flags].concat());
        Self {
            program,
            key,
            _scratch: scratch,
        }
    }

    /// Sends these bytes and reads the answer to its end.
    fn send(&self, bytes: &[u8]) -> Answer {
        send(self.program.ingest, bytes)
    }

    /// Sends a request with these headers and the key.
    fn post(&self, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let key = &self.key;
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: hansom\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        for header in headers {
            head += header;
            head += "\r\n";
        }
        self.send(&[head.as_bytes(), b"\r\n", body].concat())
    }

    fn is_well(&self) {
        let answer = self.post("/v1/pings", &[JSON], ping().to_string().as_bytes());
        assert_eq!(answer.status(), 200, "{}{}", answer.head, answer.body);
    }

    /// The value of one counter, with its labels.
    fn counted(&self, name: &str) -> f64 {
        let page = get(&format!("http://{}/metrics", self.program.admin)).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Ends it in order; returns its last log lines.
    fn end(self) -> Vec<String> {
        self.program.signal("TERM");
        let (status, log) = self.program.ended();
        assert!(status.success(), "{status}: {log:#?}");
        log
    }
}

const JSON: &str = "Content-Type: application/json";

fn send(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // Who is refused early may find the connection closed while it still sends.
    let _sent = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ended = socket.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Answer {
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn ping() -> Value {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    json!({
        "vehicle_id": "cab-1", "time_ms": since_1970.as_millis() as u64, "lat": 37.77, "lng": -122.42,
    })
}

/// So many zeros, gzipped: a thousandth of that.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; bytes]).unwrap();
    packed.finish().unwrap()
}

#[test]
fn what_is_too_large_is_refused_and_counted() {
    let target = Target::start(&[]);
    let stopped = "hansom_ingest_stopped_total{status=\"413\"}";
    let peak = target.program.peak_bytes();

    let long = format!("X-Long: {}", "x".repeat(17 << 10));
    let answer = target.post("/v1/pings", &[JSON, &long], b"{}");
    assert_eq!(answer.status(), 431, "{}", answer.head);
    let path = format!("/v1/pings?{}", "x".repeat(17 << 10));
    assert_eq!(target.post(&path, &[JSON], b"{}").status(), 431);
    let path = format!("/osmand?{}", "x".repeat(9_000));
    assert_eq!(target.post(&path, &[], b"").status(), 414);
    wait_for("the cut connections to be counted", || {
        let cut = "hansom_service_connections_cut_total{reason=\"protocol\"}";
        (target.counted(cut) >= 2.0).then_some(())
    });

    let large = vec![b' '; (8 << 20) + 1];
    assert_eq!(target.post("/v1/pings", &[JSON], &large).status(), 413);
    assert_eq!(target.counted(stopped) as u32, 1);

    // Half a gigabyte in half a megabyte, in either format.
    let bomb = bomb(512 << 20);
    let gzip = "Content-Encoding: gzip";
    assert_eq!(target.post("/v1/pings", &[JSON, gzip], &bomb).status(), 413);
    let lines = "Content-Type: application/x-ndjson";
    let answer = target.post("/v1/pings", &[lines, gzip], &bomb);
    assert_eq!(answer.status(), 413, "{}", answer.body);
    assert_eq!(target.counted(stopped) as u32, 3);
    let grown = target.program.peak_bytes() - peak;
    assert!(grown < 128 << 20, "it took {grown} bytes");
    target.is_well();
    target.end();
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let target = Target::start(&["--body-timeout", "1s"]);
    let head = format!(
        "POST /v1/pings HTTP/1.1\r\nHost: hansom\r\nAuthorization: Bearer {}\r\n{JSON}\r\n\
         Connection: close\r\nContent-Length: 100\r\n\r\n{{",
        target.key
    );
    let answer = target.send(head.as_bytes());
    assert_eq!(answer.status(), 408, "{}", answer.body);
    let stopped = target.counted("hansom_ingest_stopped_total{status=\"408\"}");
    assert_eq!(stopped as u32, 1);
    target.is_well();
    target.end();
}

#[test]
fn nothing_can_be_smuggled_into_paths_headers_or_logs() {
    let target = Target::start(&[]);
    let event = json!({"type": "requested", "time_ms": ping()["time_ms"], "vehicle_id": "cab-1"});
    let event = event.to_string();
    for ride in [
        "..%2f..%2fetc%2fpasswd",
        "r%0d%0aSet-Cookie:%20a=b",
        "r%00",
        "r%ff",
        "%2e%2e",
    ] {
        let path = format!("/v1/rides/{ride}/events");
        let answer = target.post(&path, &[JSON], event.as_bytes());
        assert_eq!(answer.status(), 400, "{ride}: {}", answer.head);
        assert_eq!(answer.header("set-cookie"), None);
    }
    for path in ["/../v1/pings", "//v1/pings", "/v1/pings/", "/v1/../admin"] {
        assert_eq!(target.post(path, &[JSON], b"{}").status(), 404, "{path}");
    }
    let named = ["X-Request-Id: a b{\"forged\":true}", JSON];
    let answer = target.post("/v1/pings", &named, b"{}");
    let id = answer.header("x-request-id").unwrap();
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");

    // Two lengths, by which proxies and servers may be made to disagree.
    let key = &target.key;
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: -1",
        "Transfer-Encoding: chunked, identity",
    ] {
        let request = format!(
            "POST /v1/pings HTTP/1.1\r\nHost: hansom\r\nAuthorization: Bearer {key}\r\n{JSON}\r\n\
             Connection: close\r\n{lengths}\r\n\r\n{{}}"
        );
        let answer = target.send(request.as_bytes());
        assert_eq!(answer.status(), 400, "{lengths}: {}", answer.head);
    }
    target.is_well();
    let log = target.end();
    assert!(!log.iter().any(|line| line.contains("forged")), "{log:#?}");
}

#[test]
fn refused_writes_are_in_the_audit_log_without_a_secret() {
    let target = Target::start(&[]);
    let body = ping().to_string();
    let forged = format!("{}x", target.key);
    let request = |key: &str, id: &str| {
        let request = format!(
            "POST /v1/pings HTTP/1.1\r\nHost: hansom\r\nConnection: close\r\n{JSON}\r\n\
             Authorization: Bearer {key}\r\nX-Request-Id: {id}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        target.send(request.as_bytes()).status()
    };
    assert_eq!(request(&forged, "forged-1"), 401);
    let mut foreign = ping();
    foreign["fleet_id"] = json!("other");
    let answer = target.post(
        "/v1/pings",
        &[JSON, "X-Request-Id: foreign-1"],
        foreign.to_string().as_bytes(),
    );
    assert_eq!(answer.status(), 403, "{}", answer.body);
    let secret = target.key.clone();
    let log = target.end();
    let line = |id: &str| {
        let line = log.iter().find(|line| line.contains(id));
        serde_json::from_str::<Value>(line.unwrap_or_else(|| panic!("{id}: {log:#?}"))).unwrap()
    };
    let id = secret.split('_').nth(1).unwrap();
    let forged = line("forged-1");
    assert_eq!(forged["reason"], "unknown_key", "{forged}");
    assert_eq!(forged["holder"], format!("key {id}, refused"));
    assert_eq!(forged["client"], "127.0.0.1");
    let foreign = line("foreign-1");
    assert_eq!(foreign["reason"], "not_yours", "{foreign}");
    assert_eq!(foreign["holder"], format!("key {id}"));
    let tail = &secret[secret.len() / 2..];
    assert!(!log.join("\n").contains(tail), "it told a secret");
}

#[test]
fn who_asks_too_often_is_told_to_wait_and_nobody_else() {
    let flags = [
        "--requests-per-address",
        "5",
        "--proxies",
        "127.0.0.0/8",
        "--credential-rate",
        "3",
    ];
    let target = Target::start(&flags);
    let body = ping().to_string();
    let from = |address: &str| {
        let forwarded = format!("X-Forwarded-For: {address}");
        target.post("/v1/pings", &[JSON, &forwarded], body.as_bytes())
    };
    // The key's thirty are spent first, each from another address.
    let statuses: Vec<_> = (0..40)
        .map(|at| from(&format!("192.0.2.{at}")).status())
        .collect();
    assert_eq!(statuses[..30], [200; 30]);
    assert!(statuses[30..].contains(&429), "{statuses:?}");
    assert!(target.counted("hansom_access_refused_total{reason=\"too_frequent\"}") >= 1.0);

    // An address has ten, whatever they are worth.
    let answers: Vec<_> = (0..20).map(|_| from("198.51.100.7, 192.0.2.99")).collect();
    let answers: Vec<_> = answers
        .iter()
        .filter(|answer| answer.body.is_empty())
        .collect();
    assert!(!answers.is_empty());
    for answer in &answers {
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert!(answer.header("x-request-id").is_some());
    }
    assert!(target.counted("hansom_service_requests_too_frequent_total") >= 1.0);
    // Whom a client names itself is nobody.
    assert!(!from("192.0.2.98, 198.51.100.8").body.is_empty());
    wait_for("the key's share to grow back", || {
        (from("192.0.2.200").status() == 200).then_some(())
    });
    target.end();
}

#[test]
fn ten_thousand_idle_connections_keep_nobody_out_and_are_closed() {
    const IDLE: usize = 10_000;
    let target = Target::start(&[]);
    let to = target.program.ingest;
    let idle: Vec<_> = (0..IDLE)
        .map(|at| {
            TcpStream::connect(to)
                .unwrap_or_else(|error| panic!("of 10,000 connections the {at}th: {error}"))
        })
        .collect();
    // Some say half of something.
    for mut socket in idle.iter().step_by(10) {
        socket
            .write_all(b"POST /v1/pings HTTP/1.1\r\nHost: h")
            .unwrap();
    }
    for _ in 0..20 {
        target.is_well();
    }
    wait_for("the idle connections to be cut", || {
        let cut = target.counted("hansom_service_connections_cut_total{reason=\"quiet\"}");
        (cut >= IDLE as f64).then_some(())
    });
    for mut socket in &idle {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        let _ended = socket.read_to_end(&mut rest);
    }
    target.is_well();
    target.end();
}
