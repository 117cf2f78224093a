//! Hostile and broken requests against the real program: each gets a clear answer, memory stays
//! bounded, and a good request among them is served as ever.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::support::program::Program;

/// What the whole corpus may add to the program's memory: the budgets for bodies and for the
/// queue, and what an allocator keeps.
const MAX_GROWTH: u64 = 200 << 20;

/// A body that pauses is cut off after this time, as a flag and as a duration.
const BODY_TIMEOUT: &str = "2s";
const CUT_OFF: Duration = Duration::from_secs(2);

/// Sends a request as bytes, and hands out the status and the body of the answer.
fn send(to: SocketAddr, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let head = format!(
        "POST /v1/pings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server that has seen enough may answer and close before all is sent.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn good_ping() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    format!(r#"{{"vehicle_id":"cab","time_ms":{now},"lat":37.7,"lng":-122.4}}"#)
}

/// A frame that a decoder has to remember 128 MiB for.
fn zstd_with_a_wide_window(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
    for part in bytes {
        encoder.write_all(&part).unwrap();
    }
    encoder.finish().unwrap()
}

fn gzip(bytes: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for part in bytes {
        encoder.write_all(&part).unwrap();
    }
    encoder.finish().unwrap()
}

const GZIP: &str = "Content-Encoding: gzip\r\n";
const ZSTD: &str = "Content-Encoding: zstd\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const NDJSON: &str = "Content-Type: application/x-ndjson\r\n";
const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";

/// Bodies with the code that their only item is rejected with, sent as JSON.
fn bad_items() -> Vec<(String, &'static str)> {
    let with = |field: &str, value: &str| {
        let mut ping = good_ping();
        ping.truncate(ping.len() - 1);
        format!("{ping},\"{field}\":{value}}}")
    };
    let good = good_ping();
    vec![
        (good[..good.len() / 2].to_owned(), "malformed"),
        (String::new(), "malformed"),
        ("nul".to_owned(), "malformed"),
        ("[".repeat(100_000), "unreadable"),
        (format!("{{\"a\":{}", "[".repeat(10_000)), "malformed"),
        (with("x", &"[".repeat(300)), "malformed"),
        (good.replace("37.7", "1e999"), "malformed"),
        (good.replace("37.7", "NaN"), "malformed"),
        (good.replace("37.7", "91"), "invalid_coordinate"),
        (good.replace("37.7", "-1e308"), "invalid_coordinate"),
        (
            good.replace("37.7", "0.0").replace("-122.4", "-0.0"),
            "null_island",
        ),
        (good.replace("37.7", "\"37.7\""), "wrong_shape"),
        (good.replace("37.7", "null"), "wrong_shape"),
        (good.replace("37.7", "{}"), "wrong_shape"),
        (good.replace("\"cab\"", "7"), "wrong_shape"),
        (good.replace("\"cab\"", "\"\""), "invalid_id"),
        (good.replace("\"cab\"", "\"../etc\""), "invalid_id"),
        (good.replace("\"cab\"", "\"a\\u0000b\""), "invalid_id"),
        (
            good.replace("\"cab\"", &format!("\"{}\"", "x".repeat(65))),
            "invalid_id",
        ),
        (with("seq", "-1"), "wrong_shape"),
        (with("seq", "1.5"), "wrong_shape"),
        (
            with("epoch", "1,\"seq\":18446744073709551615"),
            "out_of_range",
        ),
        (with("seq", "18446744073709551616"), "wrong_shape"),
        (with("seq", "7"), "unpaired_name"),
        (with("epoch", "7"), "unpaired_name"),
        (with("lat", "1"), "wrong_shape"),
        (with("speed_mps", "-0.1"), "out_of_range"),
        (with("speed_mps", "1e300"), "out_of_range"),
        (with("heading_deg", "361"), "out_of_range"),
        (with("accuracy_m", "-1"), "out_of_range"),
        (with("altitude_m", "1e9"), "out_of_range"),
        (with("state", "\"flying\""), "wrong_shape"),
        (
            r#"{"vehicle_id":"cab","lat":37.7,"lng":-122.4}"#.to_owned(),
            "wrong_shape",
        ),
        (
            r#"{"vehicle_id":"cab","time_ms":0,"lat":37.7,"lng":-122.4}"#.to_owned(),
            "too_old",
        ),
        (
            r#"{"vehicle_id":"cab","time_ms":9223372036854775807,"lat":37.7,"lng":-122.4}"#
                .to_owned(),
            "too_new",
        ),
        (
            r#"{"vehicle_id":"cab","time_ms":-9223372036854775808,"lat":1,"lng":1}"#.to_owned(),
            "too_old",
        ),
    ]
}

/// Little that becomes much: each is refused before it does.
fn throw_bombs(to: SocketAddr) {
    // A line without an end, and bombs: 1 GB of blanks, of one line, of bad items, in 1 MB.
    assert_eq!(send(to, NDJSON, &vec![b'x'; 32 << 20]).0, 413);
    for filling in [b' ', b'x', b'\n', b'['] {
        let bomb = gzip((0..1_024).map(|_| vec![filling; 1 << 20]));
        for kind in [JSON, NDJSON, PROTOBUF] {
            let (status, problem) = send(to, &format!("{kind}{GZIP}"), &bomb);
            assert_eq!(status, 413, "{kind} {}: {problem}", char::from(filling));
        }
    }
    // Each shrinks to a ten-thousandth, which no honest pings do.
    let blanks = zstd((0..128).map(|_| vec![b' '; 1 << 20]));
    let pings = zstd((0..64).map(|_| format!("{}\n", good_ping()).repeat(10_000).into_bytes()));
    for (kind, bomb) in [
        (JSON, &blanks),
        (NDJSON, &blanks),
        (PROTOBUF, &blanks),
        (NDJSON, &pings),
    ] {
        let (status, problem) = send(to, &format!("{kind}{ZSTD}"), bomb);
        assert_eq!(status, 413, "{kind}: {problem}");
    }
    let honest = zstd(std::iter::once(good_ping().into_bytes()));
    assert_eq!(send(to, &format!("{JSON}{ZSTD}"), &honest).0, 200);
    let wide = zstd_with_a_wide_window(good_ping().as_bytes());
    assert_eq!(send(to, &format!("{JSON}{ZSTD}"), &wide).0, 400);
}

#[test]
fn every_bad_request_gets_a_clear_answer_and_memory_stays_bounded() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &["--body-timeout", BODY_TIMEOUT]);
    let to = program.ingest;
    let before = program.peak_bytes();

    for (body, code) in bad_items() {
        let (status, problem) = send(to, JSON, body.as_bytes());
        let shown: String = body.chars().take(100).collect();
        assert_eq!(status, 400, "{shown}: {problem}");
        if code != "unreadable" {
            assert_eq!(problem["errors"][0]["code"], code, "{shown}: {problem}");
        }
        assert_eq!(problem["accepted"], 0);
    }

    // Invalid UTF-8 in a text; the same among good neighbours.
    let bad = good_ping()
        .replace("cab", "c\u{1}b")
        .replace('\u{1}', "\u{fffd}")
        .into_bytes();
    let bad: Vec<u8> = bad
        .into_iter()
        .map(|byte| if byte == 0xef { 0xff } else { byte })
        .collect();
    assert_eq!(send(to, JSON, &bad).0, 400);
    let mut lines = format!("{}\n", good_ping()).into_bytes();
    lines.extend_from_slice(&bad);
    lines.extend_from_slice(format!("\n{}", good_ping()).as_bytes());
    let (status, answer) = send(to, NDJSON, &lines);
    assert_eq!(
        (status, &answer["accepted"], &answer["rejected"]),
        (200, &2.into(), &1.into())
    );

    // A million items: too many for an array, fine as lines though none is a ping.
    let (status, problem) = send(
        to,
        JSON,
        format!("[{}0]", "0,".repeat(1_000_000)).as_bytes(),
    );
    assert_eq!(status, 413, "{problem}");
    let (status, problem) = send(to, NDJSON, "0\n".repeat(1_000_000).as_bytes());
    assert_eq!((status, &problem["rejected"]), (400, &1_000_000.into()));
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(100));

    throw_bombs(to);
    assert_eq!(send(to, &format!("{JSON}{GZIP}"), b"no gzip").0, 400);
    assert_eq!(
        send(to, &format!("{JSON}Content-Encoding: br\r\n"), b"{}").0,
        415
    );
    assert_eq!(send(to, "Content-Type: text/html\r\n", b"{}").0, 415);
    assert_eq!(send(to, "", b"{}").0, 415);
    assert_eq!(
        send(to, PROTOBUF, &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]).0,
        400
    );
    assert_eq!(
        send(to, &format!("X: {}\r\n", "x".repeat(300_000)), b"").0,
        431
    );

    // Fifty bodies that stop in the middle are cut off, and hold nobody up meanwhile.
    let begun = Instant::now();
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(to).unwrap();
            let head = format!(
                "POST /v1/pings HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 100\r\n\r\n{{"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(send(to, JSON, good_ping().as_bytes()).0, 200);
    assert!(begun.elapsed() < CUT_OFF, "held up: {:?}", begun.elapsed());
    for mut stream in slow {
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
    let all = begun.elapsed();
    assert!(all < 10 * CUT_OFF, "cut off one after the other: {all:?}");

    let after = program.peak_bytes();
    assert!(
        after < before + MAX_GROWTH,
        "{} MB, before {} MB",
        after >> 20,
        before >> 20
    );
    program.stop();
}
