//! Calls as a client of gRPC sends them, on the real in-memory stream: messages framed by hand, so that
//! broken ones can be sent. Another's client calls the whole program.

use std::{sync::Arc, time::Duration};

use access::{
    Guard, Right,
    keys::{NewKey, Purpose},
};
use axum::http::{HeaderMap, header};
use buffa::MessageView as _;
use http_body_util::BodyExt as _;
use schemas::proto;
use tokio::{sync::mpsc, time::sleep};
use tower::ServiceExt as _;
use transport::{AppendError, Appended, Producer, Stream};

use super::*;
use crate::{
    api::Ingest,
    tests::{faulty, now_ms, settings},
};

/// A call under way.
struct Caller {
    sends: mpsc::Sender<Result<Bytes, std::convert::Infallible>>,
    answers: Body,
    headers: HeaderMap,
}

async fn ingest() -> (Arc<Ingest>, Arc<dyn Stream>) {
    let stream = transport::open("memory:?shards=1").await.unwrap();
    (on(stream.producer()), stream)
}

fn on(producer: Arc<dyn Producer>) -> Arc<Ingest> {
    let lanes = [producer.clone(), producer];
    Ingest::new(settings(&[]), lanes, Guard::open().into())
}

impl Caller {
    async fn call(ingest: &Arc<Ingest>) -> Self {
        Self::call_with(ingest, "").await
    }

    async fn call_with(ingest: &Arc<Ingest>, key: &str) -> Self {
        let (sends, messages) = mpsc::channel(1_000);
        let request = Request::post(PATH)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .body(Body::from_stream(stream::unfold(
                messages,
                |mut messages: mpsc::Receiver<_>| async {
                    let message = messages.recv().await?;
                    Some((message, messages))
                },
            )))
            .unwrap();
        let response = crate::api::router(ingest.clone()).oneshot(request);
        let (parts, answers) = response.await.unwrap().into_parts();
        Self {
            sends,
            answers,
            headers: parts.headers,
        }
    }

    async fn send(&self, message: &[u8]) {
        let length = (message.len() as u32).to_be_bytes();
        let framed = [&[0], &length[..], message].concat();
        self.sends.send(Ok(framed.into())).await.unwrap();
    }

    /// The next acknowledgement: its items, its seq and how many are rejected.
    async fn ack(&mut self) -> (u64, u64, usize) {
        let frame = self.answers.frame().await.unwrap().unwrap();
        let data = frame.into_data().unwrap();
        let ack = proto::StreamAckView::decode_view(&data[5..]).unwrap();
        (ack.items, ack.seq, ack.rejected.len())
    }

    /// The status that ends the call, and its words.
    async fn status(&mut self) -> (Code, String) {
        let frame = self.answers.frame().await.unwrap().unwrap();
        said(&frame.into_trailers().unwrap())
    }
}

fn said(headers: &HeaderMap) -> (Code, String) {
    let status = Status::from_header_map(headers).unwrap();
    (status.code(), status.message().to_owned())
}

fn batch(seqs: &[u64]) -> Vec<u8> {
    let pings = seqs.iter().map(|seq| proto::Ping {
        vehicle_id: "cab-1".to_owned(),
        epoch: 1,
        seq: *seq,
        time_ms: now_ms(),
        lat_e7: 377_000_000,
        lng_e7: -1_224_000_000,
        ..proto::Ping::default()
    });
    let pings = pings.collect();
    proto::PingBatch { pings }.encode_to_vec()
}

#[tokio::test]
async fn what_is_acknowledged_counts_all_that_was_sent_before() {
    let (ingest, _stream) = ingest().await;
    let mut caller = Caller::call(&ingest).await;
    caller.send(&batch(&[1])).await;
    assert_eq!(caller.ack().await, (1, 1, 0));
    // A ping of an unreadable driver: field 3, one byte that is no UTF-8.
    let bad = [10, 3, 26, 1, 0xff];
    caller.send(&[&batch(&[2])[..], &bad].concat()).await;
    assert_eq!(caller.ack().await, (3, 2, 1));
}

#[tokio::test]
async fn batches_that_wait_are_acknowledged_together() {
    let (ingest, _stream) = ingest().await;
    let mut caller = Caller::call(&ingest).await;
    for seq in 1..=500 {
        caller.send(&batch(&[seq])).await;
    }
    let (mut acks, mut items) = (0, 0);
    while items < 500 {
        items = caller.ack().await.0;
        acks += 1;
    }
    assert!(acks <= 10, "{acks}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_ends_the_call_after_what_came_before() {
    let (ingest, _stream) = ingest().await;
    let mut caller = Caller::call(&ingest).await;
    caller.send(&batch(&[1])).await;
    caller.send(&[0xff; 3]).await;
    let mut items = 0;
    while items == 0 {
        items = caller.ack().await.0;
    }
    assert_eq!(items, 1);
    assert_eq!(caller.status().await.0, Code::InvalidArgument);
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_call() {
    let (ingest, _stream) = ingest().await;
    let mut caller = Caller::call(&ingest).await;
    caller.send(&vec![0; MAX_MESSAGE_BYTES + 1]).await;
    assert_eq!(caller.status().await.0, Code::OutOfRange);
}

#[tokio::test]
async fn what_the_stream_does_not_take_is_not_acknowledged() {
    let ingest = on(faulty(|records| Appended {
        failed: vec![(records - 1, AppendError::Unavailable("away".into()))],
    }));
    let mut caller = Caller::call(&ingest).await;
    caller.send(&batch(&[1])).await;
    assert_eq!(caller.status().await.0, Code::Unavailable);
}

#[tokio::test]
async fn a_stop_ends_the_call_and_says_how_far_it_is_acknowledged() {
    let (ingest, _stream) = ingest().await;
    let mut caller = Caller::call(&ingest).await;
    caller.send(&batch(&[1, 2])).await;
    caller.ack().await;
    ingest.stopping.request();
    let told = (
        Code::Unavailable,
        "going away, acknowledged to cab-1 1 2".to_owned(),
    );
    assert_eq!(caller.status().await, told);
    let late = Caller::call(&ingest).await;
    assert_eq!(said(&late.headers).0, Code::Unavailable);
}

/// An ingest that knows one key, the file that it knows it by, and the key.
async fn guarded() -> (Arc<Ingest>, tempfile::NamedTempFile, String) {
    let stream = transport::open("memory:?shards=1").await.unwrap();
    let lanes = [stream.producer(), stream.producer()];
    let key = NewKey::make(Purpose {
        right: Right::Write,
        fleet: "blue".to_owned(),
        vehicle: None,
    });
    let NewKey { text, entry } = key.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), entry).unwrap();
    let access = access::Settings {
        api_keys: Some(file.path().to_owned()),
        ..access::Settings::default()
    };
    let guard = Guard::start(&access).await.unwrap();
    let ingest = Ingest::new(settings(&[]), lanes, guard.into());
    (ingest, file, text)
}

#[tokio::test]
async fn who_may_not_write_is_told_in_the_terms_of_grpc() {
    let (ingest, _file, _key) = guarded().await;
    let caller = Caller::call(&ingest).await;
    assert_eq!(said(&caller.headers).0, Code::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn who_may_write_no_more_is_told_so_though_acknowledgements_go_on() {
    let (ingest, file, key) = guarded().await;
    let mut caller = Caller::call_with(&ingest, &key).await;
    caller.send(&batch(&[1])).await;
    assert_eq!(caller.ack().await, (1, 1, 0));
    std::fs::write(file.path(), "").unwrap();
    for seq in 2..60 {
        sleep(Duration::from_secs(1)).await;
        caller.send(&batch(&[seq])).await;
        let frame = caller.answers.frame().await.unwrap().unwrap();
        if let Ok(trailers) = frame.into_trailers() {
            assert_eq!(said(&trailers).0, Code::Unauthenticated);
            return;
        }
    }
    panic!("a key that was taken back writes for ever");
}

#[tokio::test(start_paused = true)]
async fn who_never_pauses_is_looked_at_too() {
    let (ingest, file, key) = guarded().await;
    let mut caller = Caller::call_with(&ingest, &key).await;
    std::fs::write(file.path(), "").unwrap();
    sleep(Duration::from_mins(1)).await;
    for seq in 1..=900 {
        caller.send(&batch(&[seq])).await;
    }
    assert_eq!(caller.status().await.0, Code::Unauthenticated);
}
