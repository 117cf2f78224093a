//! What the live API answers.

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use futures_util::StreamExt as _;
use schemas::{RideEventKind, RideProgress};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower::ServiceExt as _;

use super::*;
use crate::{
    ShardState,
    cache::memory::MemoryCache,
    testing::{assigned, event, ping, second},
};

mod readers;

/// A cache with the ride `r` of `v` on its way, and a state that can go on.
async fn shown() -> (Arc<MemoryCache>, ShardState) {
    let cache = Arc::new(MemoryCache::default());
    let mut state = ShardState::default();
    state.apply(&event("r", "v", 0, assigned(0.0, 5_000.0)), second(0).0);
    state.apply(&ping("v", 1, 100.0), second(1).0);
    show(&cache, &mut state).await;
    (cache, state)
}

async fn show(cache: &MemoryCache, state: &mut ShardState) {
    cache
        .write(state.take_effects(usize::MAX).changes)
        .await
        .unwrap();
}

fn app(cache: Arc<MemoryCache>, streams: usize) -> Router {
    let mut app = App::new(cache, Guard::open().into(), Duration::ZERO, Shutdown::new());
    app.streams = Arc::new(Semaphore::new(streams));
    routes(app)
}

async fn get(router: &Router, uri: &str) -> Response {
    let request = Request::get(uri).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn json(router: &Router, uri: &str) -> Value {
    let response = get(router, uri).await;
    assert_eq!(response.status(), StatusCode::OK, "{uri}");
    serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

async fn check_problem(router: &Router, uri: &str, status: u16, code: &str) {
    let response = get(router, uri).await;
    assert_eq!(response.status().as_u16(), status, "{uri}");
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["code"], code, "{uri}: {problem}");
}

#[tokio::test]
async fn a_ride_and_a_vehicle_are_shown_and_listed() {
    let router = app(shown().await.0, 1);
    let ride = json(&router, "/v1/rides/r").await;
    assert_eq!(
        (&ride["phase"], &ride["vehicle_id"]),
        (&"to_pickup".into(), &"v".into())
    );
    let listed = json(&router, "/v1/rides?phase=to_pickup").await["rides"][0].clone();
    let known = |ride: Value| serde_json::from_value::<RideProgress>(ride).unwrap();
    assert_eq!(known(listed), known(ride));
    assert_eq!(
        json(&router, "/v1/rides?phase=on_trip").await["rides"],
        Value::Array(vec![])
    );
    assert_eq!(
        json(&router, "/v1/rides?fleet=other").await["rides"],
        Value::Array(vec![])
    );
    assert_eq!(json(&router, "/v1/vehicles/v").await["ride_id"], "r");
    let near = json(&router, "/v1/vehicles?near=37.77,-122.42&radius_m=500").await;
    assert_eq!(near["vehicles"][0]["vehicle_id"], "v");
    assert!((near["vehicles"][0]["distance_m"].as_f64().unwrap() - 100.0).abs() < 0.2);
    let openapi = json(&router, "/v1/openapi.json").await;
    assert!(openapi["paths"]["/v1/rides/{id}/events"]["get"].is_object());
}

#[tokio::test]
async fn an_answer_counts_from_its_own_moment_and_says_that_it_is_stale() {
    let (cache, mut state) = (Arc::new(MemoryCache::default()), ShardState::default());
    let ago = |seconds: i64| (now().0 - second(0).0).div_euclid(1_000) - seconds;
    let assigned = event("r", "v", ago(62), assigned(3_000.0, 8_000.0));
    state.apply(&assigned, second(0).0);
    for at_s in [ago(61), ago(60)] {
        state.apply(&ping("v", at_s, 0.0), second(0).0);
    }
    show(&cache, &mut state).await;
    let router = app(cache, 1);
    let listed = json(&router, "/v1/rides").await["rides"][0].clone();
    for ride in [json(&router, "/v1/rides/r").await, listed] {
        let seconds = |name: &str| ride[name].as_f64().unwrap();
        let run_down = seconds("eta_s") - seconds("arrives_in_s");
        assert!((60.0..=90.0).contains(&run_down), "{ride}");
        assert_eq!(ride["is_stale"], true, "{ride}");
        let left_ms = seconds("eta_ms") - seconds("now_ms");
        assert!((left_ms - seconds("arrives_in_s") * 1e3).abs() < 1.0);
    }
}

#[tokio::test]
async fn pages_follow_each_other_by_their_cursors() {
    let (cache, mut state) = shown().await;
    for ride in ["q", "s", "t"] {
        state.apply(&event(ride, ride, 0, RideEventKind::PickedUp), second(2).0);
    }
    show(&cache, &mut state).await;
    let router = app(cache, 1);
    let first = json(&router, "/v1/rides?limit=3").await;
    assert_eq!(first["rides"].as_array().unwrap().len(), 3);
    assert_eq!(first["next_cursor"], "s");
    let second = json(&router, "/v1/rides?limit=3&cursor=s").await;
    assert_eq!(second["rides"][0]["ride_id"], "t");
    assert_eq!(second.get("next_cursor"), None);
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem() {
    let router = app(shown().await.0, 0);
    for (uri, status, code) in [
        ("/v1/rides/nobody", 404, "unknown_ride"),
        ("/v1/rides/r?fleet=other", 404, "unknown_ride"),
        ("/v1/rides/b%20d", 400, "bad_parameter"),
        ("/v1/rides?limit=0", 400, "bad_parameter"),
        ("/v1/rides?limit=1001", 400, "bad_parameter"),
        ("/v1/rides?phase=flying", 400, "bad_parameter"),
        ("/v1/rides?fleet=", 400, "bad_parameter"),
        ("/v1/vehicles/nobody", 404, "unknown_vehicle"),
        ("/v1/vehicles", 400, "bad_parameter"),
        ("/v1/vehicles?near=37.77", 400, "bad_parameter"),
        ("/v1/vehicles?near=NaN,1", 400, "bad_parameter"),
        ("/v1/vehicles?near=91,1", 400, "bad_parameter"),
        ("/v1/vehicles?near=1,1&radius_m=-1", 400, "bad_parameter"),
        ("/v1/vehicles?near=1,1&radius_m=NaN", 400, "bad_parameter"),
        ("/v1/nothing", 404, "no_such_page"),
        ("/v1/rides/r/events", 503, "too_many_streams"),
    ] {
        check_problem(&router, uri, status, code).await;
    }
    let post = Request::post("/v1/rides").body(Body::empty()).unwrap();
    let refused = router.clone().oneshot(post).await.unwrap();
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_follower_gets_the_ride_and_its_changes_until_it_is_over() {
    let (cache, mut state) = shown().await;
    let router = app(cache.clone(), 1);
    let response = get(&router, "/v1/rides/r/events").await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: progress"), "{first:?}");
    check_problem(&router, "/v1/rides/r/events", 503, "too_many_streams").await;

    state.apply(&event("r", "v", 9, RideEventKind::PickedUp), second(9).0);
    show(&cache, &mut state).await;
    let end = RideEventKind::DroppedOff { fare: None };
    state.apply(&event("r", "v", 20, end), second(20).0);
    show(&cache, &mut state).await;
    let mut rest = Vec::new();
    while let Some(part) = body.next().await {
        rest.push(String::from_utf8(part.unwrap().to_vec()).unwrap());
    }
    assert_eq!(rest.len(), 2, "{rest:?}");
    assert!(
        rest[0].contains("\"on_trip\"") && rest[1].contains("\"completed\""),
        "{rest:?}"
    );
    drop(body);
    assert_eq!(
        get(&router, "/v1/rides/r/events").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn streams_end_when_the_process_is_to_end() {
    let (cache, _state) = shown().await;
    let shutdown = Shutdown::new();
    let live = Live::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let mut client = TcpStream::connect(live.local_addr()).await.unwrap();
    let settings = Settings {
        live_max_age: Duration::ZERO,
    };
    let guard = Guard::open().into();
    let sources = Sources { cache, guard };
    let serving = tokio::spawn(live.serve(settings, Terms::plain(), sources, shutdown.clone()));
    let request = b"GET /v1/rides/r/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n\n\r\n") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(String::from_utf8_lossy(&answer).contains("event: progress"));
    shutdown.request();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"), "the answer is whole");
    serving.await.unwrap().unwrap();
}
