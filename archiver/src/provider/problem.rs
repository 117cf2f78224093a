//! What goes wrong with a request of the Provider API, as MDS tells errors. Which request is wrong is
//! said where it is read.

use access::Refusal;
use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use service::advise;
use tracing::error;

use super::{accept::MEDIA_TYPE, vehicles::TooMany};

/// Seconds after which a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Problem {
    NoSuchPage,
    WrongMethod,
    /// A parameter that is missing or cannot be read: what is wrong with it.
    BadParameter(String),
    /// No version that is asked for is answered.
    WrongVersion,
    NotOver,
    NotOperating,
    NothingPublished,
    UnknownVehicle,
    TooManyVehicles(TooMany),
    TooManyAnswers,
    /// What is published cannot be read: told to the log alone.
    Unreadable,
    /// Who asks may not, and why.
    Refused(Refusal),
}

/// The body of an answer that tells of a problem.
#[derive(Debug, Serialize)]
struct ProblemBody {
    /// What kind of problem it is, for programs.
    error: &'static str,
    /// What kind of problem it is, for people.
    error_description: &'static str,
    /// What is wrong with this request: one at least.
    error_details: [String; 1],
}

impl Problem {
    /// Its status, and what kind it is for programs and for people.
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "no_such_page", "no such page"),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong_method",
                "this page is not asked for by that method",
            ),
            Self::BadParameter(_) => (
                StatusCode::BAD_REQUEST,
                "bad_parameter",
                "a parameter is missing or cannot be read",
            ),
            Self::WrongVersion => (
                StatusCode::NOT_ACCEPTABLE,
                "wrong_version",
                "no version that is asked for is answered",
            ),
            Self::NotOver => (StatusCode::NOT_FOUND, "not_over", "the hour is not over"),
            Self::NotOperating => (
                StatusCode::NOT_FOUND,
                "not_operating",
                "the provider did not operate in that hour",
            ),
            Self::NothingPublished => (
                StatusCode::NOT_FOUND,
                "nothing_published",
                "nothing has been published yet",
            ),
            Self::UnknownVehicle => (StatusCode::NOT_FOUND, "unknown_vehicle", "no such vehicle"),
            Self::TooManyVehicles(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "too_many_vehicles",
                "there are more vehicles than the server keeps",
            ),
            Self::TooManyAnswers => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_answers",
                "too many answers are under way",
            ),
            Self::Unreadable => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "unreadable",
                "what is published cannot be read",
            ),
            Self::Refused(refusal) => {
                let wanted = refusal.wants();
                (wanted.status(), refusal.code(), wanted.title())
            }
        }
    }

    fn detail(self, title: &str) -> String {
        match self {
            Self::BadParameter(detail) => detail,
            Self::WrongVersion => format!("send Accept: {MEDIA_TYPE}"),
            Self::TooManyVehicles(TooMany { most }) => {
                format!("it keeps {most}: its operator raises --max-vehicles")
            }
            Self::Refused(refusal) => refusal.to_string(),
            Self::NoSuchPage
            | Self::WrongMethod
            | Self::NotOver
            | Self::NotOperating
            | Self::NothingPublished
            | Self::UnknownVehicle
            | Self::TooManyAnswers
            | Self::Unreadable => title.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, error, error_description) = self.kind();
        let body = ProblemBody {
            error,
            error_description,
            error_details: [self.detail(error_description)],
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        advise(&mut response, RETRY_AFTER);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Self {
        Self::TooManyVehicles(too_many)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        let error = format!("{error:#}");
        error!(error, "a request has no answer");
        Self::Unreadable
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
