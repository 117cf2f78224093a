//! What is answered about now: recent events, and vehicles.

use super::*;

/// All events that following the links gives, and what the last page says of how far they reach.
async fn follow(router: &Router, from: i64, to: i64) -> (Vec<String>, Value) {
    let mut query = format!("?start_time={from}&end_time={to}");
    let mut events = Vec::new();
    for _ in 0..100 {
        let page = get_mds(router, &format!("/events/recent{query}")).await;
        assert_eq!(page.status, 200);
        let page = page.json();
        assert_eq!(page["version"], "2.0.0");
        let rows = page["events"].as_array().unwrap();
        events.extend(
            rows.iter()
                .map(|row| row["event_id"].as_str().unwrap().to_owned()),
        );
        match page["links"]["next"].as_str() {
            Some(next) => next.clone_into(&mut query),
            None => return (events, page["last_updated"].clone()),
        }
    }
    panic!("the pages have no end");
}

#[tokio::test]
async fn the_pages_of_recent_events_have_each_once() {
    let router = Chain::some().await.router().await;
    let at = |hour: i64, minute: i64| MIDNIGHT_MS + hour * HOUR_MS + minute * 60_000;
    let (events, until) = follow(&router, at(0, 0), at(11, 0)).await;
    assert_eq!(events, ["6:0", "6:59", "7:0", "7:30", "7:59", "8:10"]);
    assert_eq!(until, at(9, 0));
    let (events, _) = follow(&router, at(6, 1), at(7, 30)).await;
    assert_eq!(events, ["6:59", "7:0"]);
    let (events, _) = follow(&router, at(7, 30), at(8, 11)).await;
    assert_eq!(events, ["7:30", "7:59", "8:10"]);
    let (events, until) = follow(&router, at(9, 0), at(10, 0)).await;
    assert_eq!((events.len(), until), (0, at(9, 0).into()));
    let old = format!(
        "/events/recent?start_time={}&end_time={}",
        at(-14 * 24, 0),
        at(7, 0)
    );
    check(&router, &old, 400, "bad_parameter").await;
    check(
        &router,
        "/events/recent?start_time=1772323200000",
        400,
        "bad_parameter",
    )
    .await;
}

#[tokio::test]
async fn a_link_is_absolute_where_the_api_knows_its_place() {
    let chain = Chain::some().await;
    let provider = chain.open(Guard::open(), |terms| {
        terms.public_url = Some("https://mds.example/sf/".to_owned());
        terms.check().unwrap();
    });
    let router = routes(provider.await.app);
    let uri = "/events/recent?start_time=1772344800000&end_time=1772353800000";
    let next = get_mds(&router, uri).await.json()["links"]["next"].clone();
    let expected =
        "https://mds.example/sf/events/recent?start_time=1772348400000&end_time=1772353800000";
    assert_eq!(next, expected);
}

#[tokio::test]
async fn a_vehicle_is_told_as_it_was_heard_last() {
    let chain = Chain::some().await;
    let mut provider = chain.open(Guard::open(), |_| ()).await;
    let router = routes(provider.app.clone());
    let vehicles = json!([
        { "device_id": "v", "vehicle_id": "NEW 1" },
        { "device_id": "w", "vehicle_id": "W 1" },
    ]);
    let told = get_mds(&router, "/vehicles").await;
    assert_eq!(
        told.headers[header::CONTENT_LENGTH],
        told.body.len().to_string()
    );
    let told = told.json();
    assert_eq!(
        (&told["vehicles"], &told["version"]),
        (&vehicles, &json!("2.0.0"))
    );
    assert_eq!(told["last_updated"], MIDNIGHT_MS + 9 * HOUR_MS);
    assert!(told["ttl"].as_i64().unwrap() > 0);
    let one = get_mds(&router, "/vehicles/v").await.json();
    assert_eq!(one["vehicles"], json!([vehicles[0]]));
    check(&router, "/vehicles/x", 404, "unknown_vehicle").await;

    let nine = Of {
        vehicles: &[("w", "W 2"), ("x", "X 1")],
        ..Of::default()
    };
    chain.put(9, 1, &nine).await;
    provider.follower.catch_up().await.unwrap();
    let one = get_mds(&router, "/vehicles/w").await.json();
    assert_eq!(one["vehicles"][0]["vehicle_id"], "W 2");
    check(&router, "/vehicles", 500, "too_many_vehicles").await;
    check(&router, "/trips?end_time=2026-03-01T09", 200, "").await;
}
