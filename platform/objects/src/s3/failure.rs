//! What an error of the SDK says of the request: done, not done, or nobody knows. It decides
//! nothing about trying again.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::ObjectError;

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such object.
    Absent,
    /// A condition does not hold: an object is there that should not, or another.
    Unmet,
    /// The range begins behind the object's end.
    BeyondEnd,
    /// It did not happen, and may when it is tried again.
    NotDone(String),
    /// It happened or not.
    Unknown(String),
    /// It will never happen.
    Refused(String),
}

impl Failure {
    /// Reads an error.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let said = match error.code() {
            Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
            None => DisplayErrorContext(error).to_string(),
        };
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        match (error, status) {
            (SdkError::ConstructionFailure(_), _) => Self::Refused(said),
            (SdkError::ServiceError(_), Some(status)) => of_answer(status, error.code(), said),
            _ => Self::Unknown(said),
        }
    }

    /// What the caller is told of it.
    pub(super) fn error(self, key: &impl ToString) -> ObjectError {
        let key = key.to_string();
        match self {
            Self::Refused(reason) => ObjectError::Refused { key, reason },
            other => ObjectError::Unavailable {
                key,
                reason: other.reason(),
            },
        }
    }

    /// In words.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Absent => "there is no such object".to_owned(),
            Self::Unmet => "a condition is not met".to_owned(),
            Self::BeyondEnd => "the range lies behind the end".to_owned(),
            Self::NotDone(said) | Self::Unknown(said) | Self::Refused(said) => said,
        }
    }
}

/// Reads what the service answered, by its status and its code.
fn of_answer(status: u16, code: Option<&str>, said: String) -> Failure {
    match (status, code) {
        // Answers to HEAD have no code.
        (404, None | Some("NoSuchKey" | "NotFound")) => Failure::Absent,
        (412, _) => Failure::Unmet,
        (416, _) => Failure::BeyondEnd,
        // Another request for the key was faster, or the service has too many.
        (409 | 429, _) | (503, Some("SlowDown")) => Failure::NotDone(said),
        (400, Some("RequestTimeout" | "BadDigest" | "RequestTimeTooSkewed")) => {
            Failure::NotDone(said)
        }
        // The head of an answer that takes long goes out before anybody knows how it ends.
        (200 | 500.., _) => Failure::Unknown(said),
        _ => Failure::Refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: Option<&str>, expected: fn(String) -> Failure) {
        let said = "words".to_owned();
        assert_eq!(
            of_answer(status, code, said.clone()),
            expected(said),
            "{status} {code:?}"
        );
    }

    #[test]
    fn answers_say_whether_it_happened() {
        check(404, Some("NoSuchKey"), |_| Failure::Absent);
        check(404, None, |_| Failure::Absent);
        check(404, Some("NoSuchBucket"), Failure::Refused);
        check(412, Some("PreconditionFailed"), |_| Failure::Unmet);
        check(409, Some("ConditionalRequestConflict"), Failure::NotDone);
        check(503, Some("SlowDown"), Failure::NotDone);
        check(503, None, Failure::Unknown);
        check(500, Some("InternalError"), Failure::Unknown);
        check(200, Some("InternalError"), Failure::Unknown);
        check(403, Some("AccessDenied"), Failure::Refused);
        check(400, Some("InvalidRequest"), Failure::Refused);
    }
}
