//! One request through the proxy: what the server sees of it, and what the client sees of that.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, HeaderName, Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;

use super::Fault;

/// More than any request of a test has.
const MAX_BYTES: usize = 256 << 20;
/// An answer that comes late comes so late.
const LATE: Duration = Duration::from_millis(300);
/// Headers that speak of one connection alone.
const OF_CONNECTION: [HeaderName; 3] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::EXPECT,
];

/// What the server answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Forwards a request and answers it, with this fault.
pub(crate) async fn answer(
    client: &reqwest::Client,
    upstream: &str,
    request: Request<Body>,
    fault: Fault,
) -> Response {
    match fault {
        Fault::ErrorBefore => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::SilenceBefore => return broken(),
        _ => {}
    }
    let Some(answer) = ask(client, upstream, request).await else {
        return broken();
    };
    match fault {
        Fault::ErrorAfter => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::SilenceAfter => broken(),
        Fault::Truncated => cut_off(answer),
        Fault::Slow => {
            tokio::time::sleep(LATE).await;
            whole(answer)
        }
        _ => whole(answer),
    }
}

async fn ask(client: &reqwest::Client, upstream: &str, request: Request<Body>) -> Option<Answer> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BYTES).await.ok()?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = head.headers;
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    let asked = client
        .request(head.method, format!("{upstream}{path}"))
        .headers(headers)
        .body(body)
        .send()
        .await
        .ok()?;
    let (status, mut headers) = (asked.status(), asked.headers().clone());
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    let body = asked.bytes().await.ok()?;
    Some(Answer {
        status,
        headers,
        body,
    })
}

fn whole(answer: Answer) -> Response {
    (answer.status, answer.headers, answer.body).into_response()
}

/// The head of an answer and half of its body; then the connection breaks.
fn cut_off(answer: Answer) -> Response {
    let half = answer.body.slice(..answer.body.len() / 2);
    let body = Body::from_stream(stream::iter([Ok(half), Err(gone())]));
    (answer.status, answer.headers, body).into_response()
}

/// No answer: the connection breaks within its head's promise of a body.
fn broken() -> Response {
    let body = Body::from_stream(stream::iter([Err::<Bytes, _>(gone())]));
    ([(header::CONTENT_LENGTH, "1")], body).into_response()
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
