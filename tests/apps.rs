//! What apps send, through the whole program: each request as the app makes it, answered as it
//! expects, and found in the archive in our units. Where the forms come from stands beside the parsers.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    archive,
    program::{Program, wait},
};

/// A request, how it is answered, and what the archive has of it: vehicle, protocol, ms before now,
/// and speed in cm/s, heading in 1/100 degree, accuracy and altitude in dm, or null.
struct Vector {
    path: String,
    kind: Option<&'static str>,
    headers: &'static [(&'static str, &'static str)],
    body: String,
    answer: Option<Value>,
    rows: Vec<Expected>,
}

type Expected = (&'static str, &'static str, i64, [Option<i64>; 4]);

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// A fix of a whole second, so that every kind of time can say it.
const AGO_MS: i64 = 60_000;

#[expect(clippy::too_many_lines, reason = "it is a list")]
fn vectors(second: i64) -> Vec<Vector> {
    let iso = |second: i64| {
        let since_1970 = time::OffsetDateTime::from_unix_timestamp(second).unwrap();
        let (date, time) = (since_1970.date(), since_1970.time());
        let (hour, minute, second) = time.as_hms();
        (
            date.to_string(),
            format!("{hour:02}:{minute:02}:{second:02}"),
        )
    };
    let (date, clock) = iso(second);
    let osmand = |vehicle: &'static str, query: String, units| Vector {
        path: format!("/osmand?{query}"),
        kind: None,
        headers: &[],
        body: String::new(),
        answer: None,
        rows: vec![(vehicle, "osmand", AGO_MS, units)],
    };
    let before = {
        let (date, clock) = iso(second - 30);
        format!("{date}T{clock}.000Z")
    };
    let none = [None; 4];
    vec![
        // 10 knots are 5.144 m/s.
        osmand(
            "knots",
            format!("id=knots&lat=52.5&lon=13.4&timestamp={second}&speed=10&bearing=90.5&altitude=34.2&accuracy=4"),
            [Some(514), Some(9_050), Some(40), Some(342)],
        ),
        osmand(
            "milliseconds",
            format!("deviceid=milliseconds&location=52.5,13.4&timestamp={second}000&heading=359"),
            [None, Some(35_900), None, None],
        ),
        osmand(
            "iso",
            format!("id=iso&lat=52.5&lon=13.4&timestamp={date}T{clock}Z&hdop=0.9"),
            none,
        ),
        osmand(
            "spaces",
            format!("id=spaces&lat=52.5&lon=13.4&timestamp={date}%20{clock}&speed=-1&bearing=-1"),
            none,
        ),
        Vector {
            path: "/osmand".to_owned(),
            kind: Some(FORM),
            headers: &[],
            body: format!("id=form&lat=52.5&lon=13.4&timestamp={second}&speed=20"),
            answer: None,
            rows: vec![("form", "osmand", AGO_MS, [Some(1_029), None, None, None])],
        },
        Vector {
            path: format!("/osmand?id=nowhere&timestamp={second}&batt=80"),
            kind: None,
            headers: &[],
            body: String::new(),
            answer: None,
            rows: Vec::new(),
        },
        Vector {
            path: "/traccar".to_owned(),
            kind: Some(JSON),
            headers: &[],
            body: json!({
                "location": {
                    "timestamp": format!("{date}T{clock}.000Z"),
                    "coords": {"latitude": 52.5, "longitude": 13.4, "accuracy": 3.8, "speed": 12.5,
                               "heading": 180.25, "altitude": -5.5},
                    "is_moving": true, "odometer": 1234.5, "event": "motionchange",
                    "battery": {"level": 0.85, "is_charging": false}, "activity": {"type": "in_vehicle"},
                },
                "device_id": "traccar9",
            })
            .to_string(),
            answer: None,
            rows: vec![(
                "traccar9",
                "traccar",
                AGO_MS,
                [Some(1_250), Some(18_025), Some(38), Some(-55)],
            )],
        },
        Vector {
            path: "/traccar".to_owned(),
            kind: Some(JSON),
            headers: &[],
            // Newest first, as the plugin sends what it kept; -1 is unknown.
            body: json!({
                "location": [
                    {"uuid": "0b1f0a5c-8ac3-4c4e-9b1c-0d8f3d1c0002", "timestamp": format!("{date}T{clock}.000Z"),
                     "coords": {"latitude": 52.5, "longitude": 13.4, "accuracy": 5, "speed": -1, "heading": -1}},
                    {"uuid": "0b1f0a5c-8ac3-4c4e-9b1c-0d8f3d1c0001",
                     "timestamp": before,
                     "coords": {"latitude": 52.49, "longitude": 13.4, "accuracy": 5, "speed": 9, "heading": 45}},
                ],
                "device_id": "batch",
            })
            .to_string(),
            answer: None,
            rows: vec![
                ("batch", "traccar", AGO_MS, [None, None, Some(50), None]),
                (
                    "batch",
                    "traccar",
                    AGO_MS + 30_000,
                    [Some(900), Some(4_500), Some(50), None],
                ),
            ],
        },
        Vector {
            path: "/owntracks".to_owned(),
            kind: Some(JSON),
            headers: &[("X-Limit-U", "jane"), ("X-Limit-D", "phone")],
            // 36 km/h are 10 m/s.
            body: json!({
                "_type": "location", "lat": 52.5, "lon": 13.4, "tst": second, "acc": 12, "vel": 36,
                "cog": 270, "alt": 50, "batt": 77, "tid": "jp", "t": "u", "conn": "m",
            })
            .to_string(),
            answer: Some(json!([])),
            rows: vec![(
                "jane:phone",
                "owntracks",
                AGO_MS,
                [Some(1_000), Some(27_000), Some(120), Some(500)],
            )],
        },
        Vector {
            path: "/owntracks?u=jane&d=phone".to_owned(),
            kind: Some(JSON),
            headers: &[],
            body: json!({"_type": "waypoint", "desc": "home", "tst": second}).to_string(),
            answer: Some(json!([])),
            rows: Vec::new(),
        },
        Vector {
            path: format!(
                "/gpslogger?id=logger&lat=52.5&lon=13.4&time={date}T{clock}.000Z&spd=7.5&dir=12.3&alt=99.9&acc=0.0"
            ),
            kind: None,
            headers: &[],
            body: String::new(),
            answer: None,
            rows: vec![(
                "logger",
                "gpslogger",
                AGO_MS,
                [Some(750), Some(1_230), None, Some(999)],
            )],
        },
    ]
}

fn row((vehicle, protocol, before_ms, units): &Expected, second: i64) -> BTreeMap<String, String> {
    let time_ms = second * 1_000 + AGO_MS - before_ms;
    let mut row = BTreeMap::from([
        ("vehicle_id".to_owned(), (*vehicle).to_owned()),
        ("protocol".to_owned(), (*protocol).to_owned()),
        ("time_ms".to_owned(), time_ms.to_string()),
    ]);
    let names = ["speed_cm_s", "heading_cdeg", "accuracy_dm", "altitude_dm"];
    for (name, value) in names.iter().zip(units) {
        let value = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        row.insert((*name).to_owned(), value);
    }
    row
}

#[test]
fn what_each_app_sends_is_answered_as_it_expects_and_archived_in_our_units() {
    let data = TempDir::new().unwrap();
    let program = Program::start(data.path(), &[]);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let second = since_1970.as_secs() as i64 - AGO_MS / 1_000;
    let vectors = vectors(second);
    // All of them twice: what an app names is not doubled by it.
    for vector in vectors.iter().chain(&vectors) {
        let url = format!("http://{}{}", program.ingest, vector.path);
        let mut request = match vector.kind {
            Some(kind) => Client::new()
                .post(&url)
                .header("Content-Type", kind)
                .body(vector.body.clone()),
            None => Client::new().get(&url),
        };
        for (name, value) in vector.headers {
            request = request.header(*name, *value);
        }
        let (status, answer) = wait(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        });
        assert_eq!(status, 200, "{url}: {answer}");
        if let Some(expected) = &vector.answer {
            assert_eq!(&serde_json::from_str::<Value>(&answer).unwrap(), expected);
        }
    }
    let without = "hansom_ingest_without_fix_total";
    assert!(program.metric(without) >= 4.0, "what is no fix is counted");
    program.stop();
    let mut expected: Vec<_> = vectors
        .iter()
        .flat_map(|vector| &vector.rows)
        .map(|expected| row(expected, second))
        .collect();
    expected.sort();
    let mut found: Vec<_> = archive::rows(data.path(), "pings")
        .into_iter()
        .map(|mut row| {
            assert_eq!(row["lng_e7"], "134000000", "{row:?}");
            let keep = |name: &String| expected[0].contains_key(name);
            let time = time_ms(&row["time"]);
            row.insert("time_ms".to_owned(), time.to_string());
            row.retain(|name, _| keep(name));
            row
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

/// Reads a time as the Parquet reader writes it: `2026-03-02 06:00:00 +00:00`.
fn time_ms(text: &str) -> i64 {
    let (date, time) = text.split_once(' ').unwrap();
    let numbers = |text: &str, by: char| -> Vec<i64> {
        let whole = text.split([' ', '.']).next().unwrap();
        whole.split(by).map(|part| part.parse().unwrap()).collect()
    };
    let (date, time) = (numbers(date, '-'), numbers(time, ':'));
    let month = time::Month::try_from(date[1] as u8).unwrap();
    let day = time::Date::from_calendar_date(date[0] as i32, month, date[2] as u8).unwrap();
    let days = i64::from(day.to_julian_day() - 2_440_588);
    ((days * 24 + time[0]) * 3_600 + time[1] * 60 + time[2]) * 1_000
}
