//! HTTP responses: what was accepted as JSON, what went wrong as problem details (RFC 9457).
//! It decides the status of everything that ingest says.

use access::Refusal;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemas::Rejection;
use serde::Serialize;
use service::advise;
use utoipa::ToSchema;

use crate::{answer::Answer, audit::Refused, metrics};

/// Seconds after which a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// Why a request was stopped before its last item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// Whoever sent it may not.
    #[error("{0}")]
    Refused(Refusal),
    /// A browser sent it for a page.
    #[error("pages in browsers may not write")]
    OtherSite,
    /// The body has no format that is taken.
    #[error("send {0}")]
    UnknownFormat(&'static str),
    /// The body is compressed in a way that is not undone.
    #[error("send it plain, or with Content-Encoding gzip or zstd")]
    UnknownEncoding,
    /// The body as a whole cannot be read.
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
    /// The body paused for too long.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The body is larger than the server takes.
    #[error("the body has more than {0}")]
    TooLarge(String),
    /// The query of the URL is longer than the server takes.
    #[error("the query has more than {0} bytes")]
    QueryTooLong(usize),
    /// Its fleet sends more than its share.
    #[error("the fleet sends more pings than this server takes from it: send them again later")]
    TooFrequent,
    /// The server holds as much as it can.
    #[error("the server is busy: send it again later")]
    Busy,
    /// The server is about to end.
    #[error("the server is stopping: send it again, to another one or later")]
    Closing,
    /// The stream does not take records now.
    #[error("the stream is not available: send it again later")]
    Unavailable,
}

impl Stop {
    /// Whether there is too much of it.
    pub(crate) fn is_of_size(&self) -> bool {
        matches!(self, Self::TooLarge(_))
    }

    /// What the audit log wants to know of it.
    pub(crate) fn refused(&self) -> Option<Refused> {
        match self {
            Self::Refused(refusal) => Some(Refused(refusal.code())),
            Self::OtherSite => Some(Refused("other_site")),
            _ => None,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.wants().status(),
            Self::OtherSite => StatusCode::FORBIDDEN,
            Self::UnknownFormat(_) | Self::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::QueryTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::TooFrequent => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Closing | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The status of a request in which every item was rejected for this reason.
fn status_of(reason: Rejection) -> StatusCode {
    match reason {
        Rejection::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Rejection::TooFrequent => StatusCode::TOO_MANY_REQUESTS,
        Rejection::NotYours => StatusCode::FORBIDDEN,
        Rejection::Malformed
        | Rejection::WrongShape
        | Rejection::InvalidId
        | Rejection::InvalidCoordinate
        | Rejection::NullIsland
        | Rejection::OutOfRange
        | Rejection::InvalidCurrency
        | Rejection::UnpairedName
        | Rejection::InvalidRoute
        | Rejection::InvalidRouteDuration
        | Rejection::TooOld
        | Rejection::TooNew
        | Rejection::Refused => StatusCode::BAD_REQUEST,
    }
}

/// The status for an app that sends again, for ever, what it gets no 2xx for: 200 for what no
/// repeat can mend.
fn status_for_app(reason: Rejection) -> StatusCode {
    match reason {
        Rejection::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Rejection::TooFrequent => StatusCode::TOO_MANY_REQUESTS,
        Rejection::NotYours => StatusCode::FORBIDDEN,
        // Its settings are wrong: once they are mended, what waits in the phone is taken.
        Rejection::InvalidId | Rejection::Malformed => StatusCode::BAD_REQUEST,
        Rejection::WrongShape
        | Rejection::InvalidCoordinate
        | Rejection::NullIsland
        | Rejection::OutOfRange
        | Rejection::InvalidCurrency
        | Rejection::UnpairedName
        | Rejection::InvalidRoute
        | Rejection::InvalidRouteDuration
        | Rejection::TooOld
        | Rejection::TooNew
        | Rejection::Refused => StatusCode::OK,
    }
}

/// Problem details, with what became of the items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, in plain words.
    detail: String,
    #[serde(flatten)]
    answer: Answer,
}

/// Answers a request that was read to its end.
pub(crate) fn finished(answer: Answer) -> Response {
    if answer.too_frequent() > 0 {
        let detail = format!("{} items are too frequent", answer.too_frequent());
        return problem(StatusCode::TOO_MANY_REQUESTS, detail, answer);
    }
    if answer.accepted > 0 || answer.rejected == 0 {
        let refused = answer.refused();
        return mark(Json(answer).into_response(), refused);
    }
    let status = answer
        .common_reason()
        .map_or(StatusCode::BAD_REQUEST, status_of);
    problem(status, "no item was accepted".to_owned(), answer)
}

/// Answers an app whose request was read to its end, by `thank` if it may forget all that it sent.
pub(crate) fn finished_for_app(answer: Answer, thank: fn(Answer) -> Response) -> Response {
    let statuses = answer.reasons().iter().copied().map(status_for_app);
    let status = statuses.max().unwrap_or(StatusCode::OK);
    if status == StatusCode::OK {
        return thank(answer);
    }
    let detail = format!("{} items were not accepted", answer.rejected);
    problem(status, detail, answer)
}

/// Answers a request that was stopped; what was accepted until then is durable.
pub(crate) fn stopped(stop: &Stop, answer: Answer) -> Response {
    metrics::request_stopped(stop.status().as_u16());
    let response = problem(stop.status(), stop.to_string(), answer);
    mark(response, stop.refused())
}

/// Marks an answer for the audit log, if there is something to write down.
pub(crate) fn mark(mut response: Response, refused: Option<Refused>) -> Response {
    if let Some(refused) = refused {
        response.extensions_mut().insert(refused);
    }
    response
}

fn problem(status: StatusCode, detail: String, answer: Answer) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let refused = answer.refused();
    let mut response = (
        status,
        Json(Problem {
            title,
            status: status.as_u16(),
            detail,
            answer,
        }),
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    advise(&mut response, RETRY_AFTER);
    mark(response, refused)
}
