//! What uploads cost at most: bytes, time, and a fleet's share. What items say is tested beside it.

use super::*;

#[tokio::test]
async fn a_bomb_is_refused_before_it_has_blown_up() {
    let service = Service::start(&[]).await;
    let blanks = vec![b'\n'; 64 << 20];
    let mut wide = zstd::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(27).unwrap();
    wide.write_all(&blanks).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&blanks).unwrap();
    for (encoding, body, expected) in [
        (
            "gzip",
            gzip.finish().unwrap(),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            "zstd",
            zstd::encode_all(&blanks[..], 3).unwrap(),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        // Whoever has to keep 128 MiB to decompress it does not begin.
        ("zstd", wide.finish().unwrap(), StatusCode::BAD_REQUEST),
    ] {
        let request = Request::post("/v1/pings")
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(header::CONTENT_ENCODING, encoding)
            .body(Body::from(body))
            .unwrap();
        assert_eq!(
            send(&service.router, request).await.0,
            expected,
            "{encoding}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_upload_has_sent_is_durable_before_it_ends() {
    let service = Service::start(&[]).await;
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(format!("{}\n", ping(1)))]);
    let never = futures_util::stream::pending();
    let body = Body::from_stream(futures_util::StreamExt::chain(begun, never));
    let router = service.router.clone();
    let upload = tokio::spawn(async move { post(&router, "application/x-ndjson", body).await });
    assert_eq!(service.archived(1).await.len(), 1);
    assert!(!upload.is_finished());
    let (status, problem) = upload.await.unwrap();
    assert_eq!(
        (status, &problem["accepted"]),
        (StatusCode::REQUEST_TIMEOUT, &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_cut_off_though_it_never_pauses() {
    let service = Service::start(&[]).await;
    let drops = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from(" ")), ()))
    });
    let begun = tokio::time::Instant::now();
    let (status, _) = service
        .post("application/json", Body::from_stream(drops))
        .await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn bodies_over_their_limit_are_refused_whole() {
    let service = Service::start(&["--max-body-bytes", "1000", "--max-ndjson-bytes", "2000"]).await;
    for (kind, bytes) in [("application/json", 1_001), ("application/x-ndjson", 2_001)] {
        let (status, problem) = service.post(kind, " ".repeat(bytes)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
    }
    let service = Service::start(&[]).await;
    let array = format!("[{}1]", "1,".repeat(10_000));
    assert_eq!(
        service.post("application/json", array).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_pauses_is_cut_off() {
    let service = Service::start(&[]).await;
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from("{"))]);
    let never = futures_util::stream::pending();
    let body = Body::from_stream(futures_util::StreamExt::chain(begun, never));
    assert_eq!(
        service.post("application/json", body).await.0,
        StatusCode::REQUEST_TIMEOUT
    );
}

#[tokio::test]
async fn a_fleet_over_its_share_gets_429() {
    let service = Service::start(&["--fleet-rate", "1"]).await;
    let lines: Vec<_> = (0..20).map(|seq| ping(seq).to_string()).collect();
    let (status, answer) = service.post("application/x-ndjson", lines.join("\n")).await;
    assert_eq!(
        (status, &answer["errors"][0]["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("too_frequent"))
    );
    assert!(answer["accepted"].as_u64().unwrap() >= 10, "{answer}");
    let (status, _) = service.post("application/json", ping(99).to_string()).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stands_still_costs_no_more_than_the_budget() {
    let flags = ["--queue-bytes", "1000", "--stream-timeout", "10s"];
    let router = router(&flags, standing_still());
    let mut unavailable = 0;
    for seq in 0..100 {
        let begun = tokio::time::Instant::now();
        let (status, problem) = post(&router, "application/json", ping(seq).to_string()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem["accepted"], json!(0));
        if begun.elapsed() >= Duration::from_secs(10) {
            unavailable += 1;
        }
    }
    // A ping takes some 60 of the 1,000 bytes: the first of them wait, the others are shed at once.
    assert!((10..=25).contains(&unavailable), "{unavailable}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_under_way_at_the_end_is_not_waited_for() {
    let stream = transport::open("memory:?shards=1").await.unwrap();
    let guard = Guard::open().into();
    let ingest = Ingest::new(settings(&[]), [stream.producer(), stream.producer()], guard);
    let router = api::router(ingest.clone());
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(format!("{}\n", ping(1)))]);
    let never = futures_util::stream::pending();
    let body = Body::from_stream(futures_util::StreamExt::chain(begun, never));
    let upload = tokio::spawn(async move { post(&router, "application/x-ndjson", body).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    ingest.closing.request();
    let (status, problem) = upload.await.unwrap();
    assert_eq!(
        (status, &problem["accepted"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!(1))
    );
}
