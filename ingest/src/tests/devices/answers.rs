//! What apps are answered: whether to go on, to send it again, or to mend their settings.

use axum::response::IntoResponse as _;
use schemas::Rejection;

use super::*;
use crate::{answer::Answer, problem};

#[tokio::test]
async fn what_would_be_rejected_for_ever_does_not_block_the_app() {
    let service = Service::start(&[]).await;
    for (query, code) in [
        ("lat=1&lon=2&timestamp=1000000000", "too_old"),
        ("lat=1&lon=2&timestamp=4000000000", "too_new"),
        ("lat=91&lon=2", "invalid_coordinate"),
        ("lat=0&lon=0", "null_island"),
        ("lat=1&lon=east", "wrong_shape"),
        ("lat=1&lon=2&timestamp=yesterday", "wrong_shape"),
    ] {
        for path in ["/osmand", "/gpslogger"] {
            let (status, answer) = service.get(&format!("{path}?id=a&{query}")).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            assert_eq!(
                (&answer["accepted"], &answer["rejected"]),
                (&json!(0), &json!(1))
            );
            assert_eq!(answer["errors"][0]["code"], json!(code));
        }
    }
    let body = json!({"_type": "location", "lat": 91, "lon": 0, "tst": second()}).to_string();
    let answer = service
        .post_to("/owntracks?u=jane&d=phone", JSON, body)
        .await;
    assert_eq!(answer, (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn wrong_settings_are_answered_with_what_is_wrong() {
    let service = Service::start(&[]).await;
    let long = format!("/osmand?id=a&note={}", "x".repeat(9_000));
    for (url, status) in [
        ("/osmand?lat=1&lon=2", StatusCode::BAD_REQUEST),
        ("/osmand?id=my%20cab&lat=1&lon=2", StatusCode::BAD_REQUEST),
        (
            "/osmand?id=a&lat=1&lon=2&fleet=my%20fleet",
            StatusCode::BAD_REQUEST,
        ),
        (
            "/gpslogger?ser=unknown&lat=1&lon=2",
            StatusCode::BAD_REQUEST,
        ),
        (&long, StatusCode::URI_TOO_LONG),
    ] {
        assert_eq!(service.get(url).await.0, status, "{url}");
    }
    let location = json!({"_type": "location", "lat": 1, "lon": 2, "tst": second()}).to_string();
    for (url, body) in [
        ("/traccar", "{\"device_id\":"),
        ("/traccar", "{}"),
        ("/gpslogger", "{"),
        ("/owntracks", &location),
        ("/owntracks?u=jane", &location),
        ("/owntracks?u=jane&d=my%20phone", &location),
        ("/owntracks?d=a", "{"),
    ] {
        let (status, answer) = service.post_to(url, JSON, body.to_owned()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{url} {body}");
        assert_eq!(answer["rejected"], json!(1), "{url} {body}");
    }
}

#[tokio::test]
async fn what_may_be_taken_later_is_not_thanked_for() {
    let unavailable = |records| Appended {
        failed: vec![(
            records - 1,
            AppendError::Unavailable("disk full".to_owned()),
        )],
    };
    let router = router(&[], faulty(unavailable));
    for (url, body) in [
        ("/osmand?id=a&lat=1&lon=2", String::new()),
        ("/gpslogger?id=a&lat=1&lon=2", String::new()),
        (
            "/owntracks?d=a",
            json!({"_type": "location", "lat": 1, "lon": 2, "tst": second()}).to_string(),
        ),
    ] {
        let request = Request::post(url).body(Body::from(body)).unwrap();
        assert_eq!(
            send(&router, request).await.0,
            StatusCode::SERVICE_UNAVAILABLE,
            "{url}"
        );
    }
    let service = Service::start(&["--fleet-rate", "1"]).await;
    let now = now_ms();
    let item = |age: i64| json!({"timestamp": (now - age).to_string(), "coords": {"latitude": 1, "longitude": 2}});
    let batch: Vec<_> = (0..20).map(item).collect();
    let body = json!({"device_id": "a", "location": batch}).to_string();
    let (status, answer) = service.post_to("/traccar", JSON, body).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{answer}");
}

#[tokio::test]
async fn a_record_that_the_stream_refuses_for_good_does_not_block_the_app() {
    let refused = |_| Appended {
        failed: vec![(0, AppendError::Rejected("too large".to_owned()))],
    };
    let router = router(&[], faulty(refused));
    let request = Request::get("/osmand?id=a&lat=1&lon=2")
        .body(Body::empty())
        .unwrap();
    let (status, answer) = send(&router, request).await;
    assert_eq!(
        (status, &answer["errors"][0]["code"]),
        (StatusCode::OK, &json!("refused"))
    );
}

#[test]
fn one_item_that_may_be_taken_later_decides_for_all() {
    let check = |reasons: &[Rejection], expected: StatusCode| {
        let mut answer = Answer::default();
        for (index, reason) in (0..).zip(reasons) {
            answer.reject(index, *reason, None);
        }
        let response = problem::finished_for_app(answer, |_| StatusCode::OK.into_response());
        assert_eq!(response.status(), expected, "{reasons:?}");
    };
    check(&[], StatusCode::OK);
    check(&[Rejection::TooOld, Rejection::NullIsland], StatusCode::OK);
    check(
        &[Rejection::TooOld, Rejection::NotYours],
        StatusCode::FORBIDDEN,
    );
    check(
        &[Rejection::InvalidCoordinate, Rejection::TooFrequent],
        StatusCode::TOO_MANY_REQUESTS,
    );
    check(
        &[
            Rejection::NotYours,
            Rejection::TooFrequent,
            Rejection::TooOld,
        ],
        StatusCode::TOO_MANY_REQUESTS,
    );
    check(&[Rejection::InvalidId], StatusCode::BAD_REQUEST);
}
