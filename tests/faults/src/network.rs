//! What a client sees of an answer when the network fails.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};

use crate::{
    Call, Fault, events, json,
    upstream::{Answer, Content},
};

/// An answer that comes late comes so late.
const LATE: Duration = Duration::from_millis(300);

/// The answer to a request that the server did, with this fault that is no silence. A subscription
/// breaks off after `events`, if it does.
pub(crate) async fn deliver(answer: Answer, fault: Fault, events: usize) -> Response {
    match fault {
        Fault::ErrorAfter => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::Truncated | Fault::BrokenOff => cut_off(answer, events),
        Fault::Slow => {
            tokio::time::sleep(LATE).await;
            answer.into_response()
        }
        _ => answer.into_response(),
    }
}

/// One call too many, as its service says that.
pub(crate) fn throttled(call: &Call) -> Response {
    if call.service != "s3" {
        return json::throttled(&call.service, &call.action).into_response();
    }
    let slow_down = "<Error><Code>SlowDown</Code><Message>says the proxy</Message></Error>";
    (StatusCode::SERVICE_UNAVAILABLE, slow_down).into_response()
}

/// The head of an answer and a part of its body; then the connection breaks.
fn cut_off(answer: Answer, after: usize) -> Response {
    let body = match answer.content {
        Content::Whole(body) => {
            let half = body.slice(..body.len() / 2);
            Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(gone())))
        }
        Content::Events(asked) => {
            Body::from_stream(events::broken_off(asked.bytes_stream(), after))
        }
    };
    (answer.status, answer.headers, body).into_response()
}

/// No answer: the connection breaks within its head's promise of a body. What is asked by HEAD is
/// answered without one, so there the head itself has to be of no use.
pub(crate) fn broken(method: &Method) -> Response {
    if method == Method::HEAD {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let body = Body::from_stream(stream::once(gone()));
    ([(header::CONTENT_LENGTH, "1")], body).into_response()
}

/// The connection breaks, when what was said before is on its way: without a wait it would be
/// thrown away.
pub(crate) async fn gone() -> io::Result<Bytes> {
    tokio::task::yield_now().await;
    Err(io::ErrorKind::ConnectionReset.into())
}
