//! A request of HTTP, its headers and its body, read and answered whole.

use std::{
    io,
    sync::{Arc, LazyLock, atomic::Ordering},
};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::laws::{Counted, ingest, is_account};
use crate::{
    api::{Ingest, SharedIngest},
    body::UploadBody,
    pings,
};

/// Bodies are held up to this: small, so that it is reached.
const MAX_BODY_BYTES: usize = 32 << 10;

/// A request of HTTP, read and answered whole. The first byte says its format, its compression and into
/// what chunks it is cut.
pub fn pings_http(bytes: &[u8]) {
    /// A phone that was away for ever: no clock makes a difference.
    const FLAGS: [&str; 4] = [
        "--max-ahead=2000000d",
        "--max-behind=2000000d",
        "--max-body-bytes=32768",
        "--max-ndjson-bytes=131072",
    ];
    static COUNTED: LazyLock<Arc<Counted>> = LazyLock::new(Arc::default);
    static INGEST: LazyLock<SharedIngest> = LazyLock::new(|| ingest(&FLAGS, COUNTED.clone()));
    let Some((&first, body)) = bytes.split_first() else {
        return;
    };
    let headers = headers(first);
    let chunks = || {
        let size = 1_usize << (first >> 4);
        let chunks: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, io::Error>)))
    };
    block_on(async {
        is_bounded(&INGEST, &headers, body.len(), [chunks(), chunks()]).await;
        let mut answers = Vec::new();
        let times = if body.len().is_multiple_of(4) { 2 } else { 1 };
        for _ in 0..times {
            let before = COUNTED.0.load(Ordering::Relaxed);
            let response =
                pings::post_pings(State(INGEST.clone()), headers.clone(), chunks()).await;
            let appended = COUNTED.0.load(Ordering::Relaxed) - before;
            let (status, answer) = told(response).await;
            assert!([200, 400, 413, 415].contains(&status), "{status}: {answer}");
            assert_eq!(
                answer["accepted"].as_u64(),
                Some(appended),
                "it is what is durable"
            );
            let rejected = answer["rejected"].as_u64().unwrap_or_default();
            let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
            let indices = errors.iter().filter_map(|error| error["index"].as_u64());
            let indices: Vec<_> = indices.collect();
            is_account(&indices, appended + rejected);
            let omitted = answer["errors_omitted"].as_u64();
            assert_eq!(omitted, Some(rejected - indices.len() as u64));
            answers.push((status, answer));
        }
        assert!(
            answers.windows(2).all(|two| two[0] == two[1]),
            "what is sent again is answered alike"
        );
    });
}

fn headers(first: u8) -> HeaderMap {
    const FORMATS: [&str; 4] = [
        "application/json",
        "application/x-ndjson",
        "application/x-protobuf",
        "text/plain",
    ];
    const ENCODINGS: [&str; 4] = ["identity", "gzip", "zstd", "br"];
    let (format, encoding) = (usize::from(first & 3), usize::from(first >> 2 & 3));
    HeaderMap::from_iter([
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(FORMATS[format]),
        ),
        (
            header::CONTENT_ENCODING,
            HeaderValue::from_static(ENCODINGS[encoding]),
        ),
    ])
}

/// However few bytes came, a body that is read in pieces grows by no more than its ratio, and one that
/// is held whole has the same bytes, within its limit.
async fn is_bounded(ingest: &Ingest, headers: &HeaderMap, sent: usize, bodies: [Body; 2]) {
    let [pieces, whole] = bodies.map(|body| UploadBody::open(ingest, headers, body));
    let (Ok(mut pieces), Ok(whole)) = (pieces, whole) else {
        return;
    };
    let mut read = Vec::new();
    let end = loop {
        match pieces.next().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(stop) => break Some(stop),
        }
        assert_eq!(pieces.bytes(), read.len() as u64);
        assert!(
            read.len() <= (1 << 20).max(200 * sent),
            "what grows more is a bomb"
        );
    };
    let whole = whole.whole().await.map(|(whole, _)| whole);
    let fits = end.is_none() && read.len() <= MAX_BODY_BYTES;
    assert_eq!(whole.ok(), fits.then_some(read));
}

/// The status of a response and its body as JSON.
async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body();
    assert!(
        body.size_hint().exact().is_some(),
        "an answer is made whole"
    );
    let chunks = body
        .into_data_stream()
        .map(|chunk| chunk.unwrap_or_default().to_vec());
    let bytes = chunks.concat().await;
    let told = serde_json::from_slice(&bytes);
    assert!(told.is_ok(), "an answer is JSON");
    (status, told.unwrap_or_default())
}

/// Runs a request to its end, on a runtime that this thread keeps.
fn block_on(future: impl Future<Output = ()>) {
    thread_local! {
        static RUNTIME: io::Result<Runtime> = Builder::new_current_thread().enable_time().build();
    }
    RUNTIME.with(|runtime| match runtime {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => unreachable!("a runtime needs little: {error}"),
    });
}
