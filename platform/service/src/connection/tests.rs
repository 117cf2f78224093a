//! Real connections in plain text.

use tokio::{io::AsyncWriteExt as _, time::sleep};

use super::*;
use crate::{
    Terms,
    testing::{PATIENT, SHORT, ask, ask_in_http2, is_closed, read_to, serve},
};

/// How a client of HTTP/2 begins, with settings that change nothing.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

async fn check_that_it_is_closed_after(sent: &[u8]) {
    let limits = Limits {
        first_request: SHORT,
        last_request: SHORT,
        ..PATIENT
    };
    let served = serve(&Terms::plain(), limits).await;
    let mut client = served.connect().await;
    client.write_all(sent).await.unwrap();
    is_closed(&mut client).await;
}

#[tokio::test]
async fn a_client_that_is_silent_is_closed() {
    check_that_it_is_closed_after(b"").await;
}

#[tokio::test]
async fn a_client_that_does_not_end_its_first_headers_is_closed() {
    check_that_it_is_closed_after(b"GET / HTTP/1.1\r\nhost: te").await;
}

#[tokio::test]
async fn a_client_that_does_not_end_its_preface_is_closed() {
    check_that_it_is_closed_after(&HTTP2[..10]).await;
}

#[tokio::test]
async fn a_client_of_http2_that_asks_nothing_is_closed() {
    check_that_it_is_closed_after(HTTP2).await;
}

#[tokio::test]
async fn between_requests_a_client_may_wait_longer_than_at_first() {
    let limits = Limits {
        first_request: SHORT,
        ..PATIENT
    };
    let served = serve(&Terms::plain(), limits).await;
    let mut client = served.connect().await;
    assert!(ask(&mut client, "/", "here\n").await.contains("200 OK"));
    sleep(SHORT * 3).await;
    assert!(ask(&mut client, "/", "here\n").await.contains("200 OK"));
}

#[tokio::test]
async fn a_client_that_asks_no_more_is_closed() {
    let limits = Limits {
        first_request: SHORT * 10,
        idle: SHORT,
        ..PATIENT
    };
    let served = serve(&Terms::plain(), limits).await;
    let mut client = served.connect().await;
    assert!(ask(&mut client, "/", "here\n").await.contains("200 OK"));
    is_closed(&mut client).await;
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let limits = Limits {
        idle: SHORT / 5,
        first_request: SHORT * 3,
        last_request: SHORT / 5,
        ..PATIENT
    };
    let served = serve(&Terms::plain(), limits).await;
    let mut client = served.connect().await;
    let answer = ask(&mut client, "/slow", "at last\n").await;
    assert!(answer.ends_with("at last\n"), "{answer}");
}

#[tokio::test]
async fn at_the_end_requests_are_answered_and_half_ones_are_not_waited_for() {
    let limits = Limits {
        last_request: SHORT,
        ..PATIENT
    };
    let served = serve(&Terms::plain(), limits).await;
    let (mut half, mut idle, mut asking) = (
        served.connect().await,
        served.connect().await,
        served.connect().await,
    );
    half.write_all(b"GET / HT").await.unwrap();
    ask(&mut idle, "/", "here\n").await;
    let drain = served.drain.clone();
    let asked = tokio::spawn(async move { ask(&mut asking, "/slow", "at last\n").await });
    sleep(SHORT).await;
    drain.request();
    served.end().await;
    let answer = asked.await.unwrap();
    assert!(answer.ends_with("at last\n"), "{answer}");
    is_closed(&mut half).await;
    is_closed(&mut idle).await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let served = serve(&Terms::plain(), PATIENT).await;
    let large = "x".repeat(MAX_HEADER_BYTES + 1_000);
    let mut client = served.connect().await;
    let request = format!("GET / HTTP/1.1\r\nhost: test\r\nx-of-test: {large}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = read_to(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    match ask_in_http2(served.connect().await, &large).await {
        Ok(status) => assert_eq!(status, 431),
        Err(error) => assert!(error.is_remote(), "{error}"),
    }
}

#[tokio::test]
async fn http2_is_spoken_without_tls_too() {
    let served = serve(&Terms::plain(), PATIENT).await;
    let answered = ask_in_http2(served.connect().await, "small").await;
    assert_eq!(answered.unwrap(), 200);
}

#[tokio::test]
async fn who_takes_back_request_after_request_is_cut_off() {
    let served = serve(&Terms::plain(), PATIENT).await;
    let mut sent = HTTP2.to_vec();
    for stream in (1..400_u32).step_by(2) {
        // HEADERS that end the request, and RST_STREAM with CANCEL.
        sent.extend([0, 0, 6, 1, 5]);
        sent.extend(stream.to_be_bytes());
        sent.extend([0x82, 0x86, 0x84, 0x01, 0x01, b'a']);
        sent.extend([0, 0, 4, 3, 0]);
        sent.extend(stream.to_be_bytes());
        sent.extend([0, 0, 0, 8]);
    }
    let mut client = served.connect().await;
    client.write_all(&sent).await.unwrap();
    let answer = is_closed(&mut client).await;
    let enhance_your_calm = [0, 0, 0, 11];
    assert!(
        answer.windows(4).any(|code| code == enhance_your_calm),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_request_knows_its_client_and_its_name() {
    let served = serve(&Terms::plain(), PATIENT).await;
    let mut client = served.connect().await;
    let request = "GET /who HTTP/1.1\r\nhost: test\r\nx-request-id: trip-7\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let body = format!("{} trip-7", client.local_addr().unwrap().ip());
    let answer = read_to(&mut client, &body).await;
    assert!(answer.contains("\r\nx-request-id: trip-7\r\n"), "{answer}");
    assert!(answer.ends_with(&body), "{answer}");
}

#[tokio::test]
async fn more_requests_than_may_be_under_way_are_told_to_come_later() {
    let limits = Limits {
        requests: 1,
        ..PATIENT
    };
    let served = serve(&Terms::plain(), limits).await;
    let (mut one, mut other) = (served.connect().await, served.connect().await);
    let asked = tokio::spawn(async move { ask(&mut one, "/slow", "at last\n").await });
    sleep(SHORT).await;
    let refused = ask(&mut other, "/", "\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("\r\nretry-after: 2\r\n"), "{refused}");
    assert!(asked.await.unwrap().contains("200 OK"));
    assert!(ask(&mut other, "/", "here\n").await.contains("200 OK"));
}

#[tokio::test]
async fn a_connection_can_be_handed_on_for_another_protocol() {
    let served = serve(&Terms::plain(), PATIENT).await;
    let mut client = served.connect().await;
    let request =
        "GET /echo HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = read_to(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    client.write_all(b"ping").await.unwrap();
    assert_eq!(read_to(&mut client, "ping").await, "ping");
}
