//! The apps of others through the routes: what reaches the stream of what each sends.
//! What they may write is tested beside the parsers.

use schemas::{Ping, Protocol};

use super::*;

mod answers;
mod counters;

impl Service {
    /// Asks by a URL alone, as OsmAnd does.
    async fn get(&self, url: &str) -> (StatusCode, Value) {
        let request = Request::get(url).body(Body::empty()).unwrap();
        send(&self.router, request).await
    }

    async fn post_to(&self, url: &str, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post(url).header(header::CONTENT_TYPE, kind);
        send(&self.router, request.body(body.into()).unwrap()).await
    }

    async fn pings(&self, count: usize) -> Vec<Ping> {
        let pings = self.archived(count).await.into_iter();
        pings
            .map(|record| match record {
                Record::Ping(ping) => ping,
                _ => panic!("{record:?}"),
            })
            .collect()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A second that is not long ago.
fn second() -> i64 {
    now_ms() / 1_000 - 10
}

fn place(ping: &Ping) -> (i32, i32) {
    (ping.position.lat_e7(), ping.position.lng_e7())
}

/// Speed, heading, accuracy and altitude in cm/s, 1/100 degree, dm and dm.
fn units(ping: &Ping) -> (u32, u32, u32, i32) {
    let (speed, heading) = (ping.speed.unwrap(), ping.heading.unwrap());
    let (accuracy, altitude) = (ping.accuracy.unwrap(), ping.altitude.unwrap());
    (speed.cm_s(), heading.cdeg(), accuracy.dm(), altitude.dm())
}

#[tokio::test]
async fn every_app_reaches_the_stream_in_our_units() {
    let service = Service::start(&[]).await;
    let second = second();
    let osmand = format!(
        "id=cab-1&lat=52.5&lon=13.4&timestamp={second}&speed=10&bearing=90&altitude=34&accuracy=4"
    );
    let gpslogger =
        format!("aid=cab-1&lat=52.5&lon=13.4&timestamp={second}&spd=5.144&dir=90&alt=34&acc=4");
    let gpslogger_json = json!({"id": "cab-1", "lat": 52.5, "lon": 13.4, "timestamp": second,
        "spd": 5.144, "dir": 90, "alt": 34, "acc": 4.0});
    let traccar = json!({"device_id": "cab-1", "location": {"timestamp": (second * 1_000).to_string(),
        "coords": {"latitude": 52.5, "longitude": 13.4, "speed": 5.144, "heading": 90,
            "altitude": 34, "accuracy": 4}}});
    let owntracks = json!({"_type": "location", "lat": 52.5, "lon": 13.4, "tst": second,
        "vel": 18.52, "cog": 90, "alt": 34, "acc": 4});
    let (traccar, owntracks) = (traccar.to_string(), owntracks.to_string());
    let requests = [
        (
            "GET",
            format!("/osmand?{osmand}"),
            JSON,
            String::new(),
            Protocol::Osmand,
        ),
        (
            "POST",
            format!("/osmand?{osmand}"),
            FORM,
            String::new(),
            Protocol::Osmand,
        ),
        ("POST", "/osmand".into(), FORM, osmand, Protocol::Osmand),
        (
            "POST",
            "/osmand".into(),
            JSON,
            traccar.clone(),
            Protocol::Traccar,
        ),
        ("POST", "/traccar".into(), JSON, traccar, Protocol::Traccar),
        (
            "POST",
            "/owntracks?d=cab-1".into(),
            JSON,
            owntracks,
            Protocol::Owntracks,
        ),
        (
            "GET",
            format!("/gpslogger?{gpslogger}"),
            FORM,
            String::new(),
            Protocol::Gpslogger,
        ),
        (
            "POST",
            "/gpslogger".into(),
            FORM,
            gpslogger,
            Protocol::Gpslogger,
        ),
        (
            "POST",
            "/gpslogger".into(),
            JSON,
            gpslogger_json.to_string(),
            Protocol::Gpslogger,
        ),
    ];
    for (method, url, kind, body, protocol) in &requests {
        let (status, answer) = match *method {
            "GET" => service.get(url).await,
            _ => service.post_to(url, kind, body.clone()).await,
        };
        let expected = match protocol {
            Protocol::Owntracks => json!([]),
            _ => json!({"accepted": 1, "rejected": 0, "errors": [], "errors_omitted": 0}),
        };
        assert_eq!(
            (status, answer),
            (StatusCode::OK, expected),
            "{method} {url}"
        );
    }
    for (ping, (.., protocol)) in service.pings(requests.len()).await.iter().zip(&requests) {
        assert_eq!(ping.protocol, *protocol);
        assert_eq!(
            (ping.fleet.as_str(), ping.vehicle.as_str()),
            ("default", "cab-1")
        );
        assert_eq!(
            (ping.time.0, ping.name.epoch, ping.name.seq),
            (second * 1_000, 0, second as u64 * 1_000)
        );
        assert_eq!(place(ping), (525_000_000, 134_000_000));
        assert_eq!(units(ping), (514, 9_000, 40, 340), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_batch_that_comes_newest_first_is_appended_oldest_first() {
    let service = Service::start(&[]).await;
    let now = now_ms();
    let item = |age: i64, uuid: &str| {
        json!({"timestamp": (now - age).to_string(), "uuid": uuid,
            "coords": {"latitude": 52.5, "longitude": 13.4}})
    };
    let mut far = item(2_000, "c");
    far["coords"]["latitude"] = json!(91);
    let batch =
        json!([item(1_000, "a"), item(1_000, "b"), far, {"event": "x"}, item(3_000, "d"), "?"]);
    let body = json!({"device_id": "cab-1", "location": batch}).to_string();
    for _ in 0..2 {
        let (status, answer) = service
            .post_to("/traccar?fleet=north", JSON, body.clone())
            .await;
        assert_eq!(
            (status, &answer["accepted"]),
            (StatusCode::OK, &json!(3)),
            "{answer}"
        );
        let errors = answer["errors"].as_array().unwrap().iter();
        let errors: Vec<_> = errors
            .map(|error| (&error["index"], &error["code"]))
            .collect();
        let expected =
            [(2, "invalid_coordinate"), (5, "wrong_shape")].map(|(i, c)| (json!(i), json!(c)));
        assert_eq!(errors, expected.each_ref().map(|(i, c)| (i, c)));
    }
    let pings = service.pings(6).await;
    let ages: Vec<_> = pings.iter().map(|ping| now - ping.time.0).collect();
    assert_eq!(ages, [3_000, 1_000, 1_000, 3_000, 1_000, 1_000]);
    assert_eq!(pings[0].fleet.as_str(), "north");
    let names: Vec<_> = pings.iter().map(|ping| ping.name).collect();
    assert_eq!(
        names[..3],
        names[3..],
        "a repeat has the names of what it repeats"
    );
    assert_ne!(names[1], names[2], "two fixes of one millisecond are two");
}

#[tokio::test]
async fn what_is_no_fix_is_accepted_and_not_kept() {
    let service = Service::start(&[]).await;
    let nothing = json!({"accepted": 0, "rejected": 0, "errors": [], "errors_omitted": 0});
    for url in ["/osmand?id=a&batt=9", "/gpslogger?id=a"] {
        assert_eq!(
            service.get(url).await,
            (StatusCode::OK, nothing.clone()),
            "{url}"
        );
    }
    let body = r#"{"device_id":"a","location":{"event":"heartbeat"}}"#;
    assert_eq!(
        service.post_to("/traccar", JSON, body).await,
        (StatusCode::OK, nothing)
    );
    for body in [
        "",
        r#"{"_type":"lwt","tst":1}"#,
        r#"{"_type":"encrypted","data":"x"}"#,
    ] {
        assert_eq!(
            service.post_to("/owntracks", JSON, body).await,
            (StatusCode::OK, json!([])),
            "{body}"
        );
    }
    service.get("/osmand?id=a&lat=1&lon=2").await;
    assert_eq!(service.pings(1).await.len(), 1);
}

#[tokio::test]
async fn a_body_is_what_it_says_or_looks_like() {
    let service = Service::start(&[]).await;
    let object = r#"{"id": "a", "lat": 1, "lon": 2}"#;
    for (kind, body) in [
        (JSON, object),
        ("text/plain", object),
        (FORM, "id=a&lat=1&lon=2"),
        ("text/plain", "id=a&lat=1&lon=2"),
    ] {
        let (status, answer) = service.post_to("/gpslogger", kind, body).await;
        assert_eq!(
            (status, &answer["accepted"]),
            (StatusCode::OK, &json!(1)),
            "{kind} {body}"
        );
    }
    for path in ["/osmand", "/gpslogger"] {
        let request =
            Request::get(format!("{path}?id=a&lat=1&lon=2")).header(header::CONTENT_TYPE, JSON);
        let (status, _) = send(&service.router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn owntracks_is_known_by_its_query_its_headers_or_its_topic() {
    let service = Service::start(&[]).await;
    let body = json!({"_type": "location", "lat": 1, "lon": 2, "tst": second(),
        "topic": "owntracks/topics/phone"});
    for (url, headers) in [
        ("/owntracks?u=jane&d=phone", Some(("user", "device"))),
        ("/owntracks?d=cab-1", Some(("user", "device"))),
        ("/owntracks", Some(("jim", "phone"))),
        ("/owntracks", Some(("", "cab-2"))),
        ("/owntracks", Some(("", ""))),
        ("/owntracks", None),
    ] {
        let mut request = Request::post(url);
        if let Some((user, device)) = headers {
            request = request
                .header("X-Limit-U", user)
                .header("X-Limit-D", device);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        assert_eq!(send(&service.router, request).await.0, StatusCode::OK);
    }
    let pings = service.pings(6).await;
    let vehicles: Vec<_> = pings.iter().map(|ping| ping.vehicle.as_str()).collect();
    assert_eq!(
        vehicles,
        [
            "jane:phone",
            "cab-1",
            "jim:phone",
            "cab-2",
            "topics:phone",
            "topics:phone"
        ]
    );
}
