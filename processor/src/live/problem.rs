//! What goes wrong with a request of the live API, as `application/problem+json` (RFC 9457).
//! Which request is wrong is said where it is read.

use access::Refusal;
use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use service::advise;
use tracing::warn;
use utoipa::ToSchema;

use crate::cache::CacheError;

/// Seconds after which a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Problem {
    NoSuchPage,
    WrongMethod,
    /// A parameter that cannot be read: what is wrong with it.
    BadParameter(String),
    UnknownRide,
    UnknownVehicle,
    TooManyStreams,
    Unavailable,
    /// The reader may not see this, and why.
    Refused(Refusal),
}

/// The body of an answer that tells of a problem.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// The HTTP status.
    status: u16,
    /// What kind of problem it is, for programs.
    code: &'static str,
    /// What kind of problem it is, for people.
    title: &'static str,
    /// What is wrong with this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = match &self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "no_such_page", "no such page"),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong_method",
                "this page is not asked for by that method",
            ),
            Self::BadParameter(_) => (
                StatusCode::BAD_REQUEST,
                "bad_parameter",
                "a parameter cannot be read",
            ),
            Self::UnknownRide => (StatusCode::NOT_FOUND, "unknown_ride", "no such ride"),
            Self::UnknownVehicle => (StatusCode::NOT_FOUND, "unknown_vehicle", "no such vehicle"),
            Self::TooManyStreams => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_streams",
                "too many streams are open",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the cache is unavailable",
            ),
            Self::Refused(refusal) => {
                let wanted = refusal.wants();
                (wanted.status(), refusal.code(), wanted.title())
            }
        };
        let detail = match self {
            Self::BadParameter(detail) => Some(detail),
            Self::Refused(refusal) => Some(refusal.to_string()),
            Self::NoSuchPage
            | Self::WrongMethod
            | Self::UnknownRide
            | Self::UnknownVehicle
            | Self::TooManyStreams
            | Self::Unavailable => None,
        };
        let body = ProblemBody {
            status: status.as_u16(),
            code,
            title,
            detail,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem_json);
        advise(&mut response, RETRY_AFTER);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        warn!(%error, "a request has no answer");
        Self::Unavailable
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::BadParameter(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::BadParameter(rejection.body_text())
    }
}
