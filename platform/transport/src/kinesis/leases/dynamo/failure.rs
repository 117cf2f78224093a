//! What an error of the SDK says of a request: done, not done, or nobody knows. It decides nothing
//! about trying again.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It did not happen, and may when it is tried again.
    NotDone(String),
    /// It happened, or may yet.
    Unknown(String),
    /// It will never happen.
    Hopeless(String),
}

impl Failure {
    /// Reads an error.
    pub(super) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let said = match error.code() {
            Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
            None => DisplayErrorContext(error).to_string(),
        };
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        match (error, status) {
            (SdkError::ConstructionFailure(_), _) => Self::Hopeless(said),
            (SdkError::ServiceError(_), Some(status)) => of_answer(status, error.code(), said),
            _ => Self::Unknown(said),
        }
    }

    /// In words.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::NotDone(said) | Self::Unknown(said) | Self::Hopeless(said) => said,
        }
    }
}

/// Reads what the service answered. It throttles with status 400 and a code.
fn of_answer(status: u16, code: Option<&str>, said: String) -> Failure {
    match (status, code) {
        (
            400,
            Some(
                "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                | "TransactionConflictException"
                | "LimitExceededException",
            ),
        )
        | (429, _) => Failure::NotDone(said),
        (500.., _) => Failure::Unknown(said),
        _ => Failure::Hopeless(said),
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
        check(400, Some("ThrottlingException"), Failure::NotDone);
        check(400, Some("RequestLimitExceeded"), Failure::NotDone);
        check(400, Some("ValidationException"), Failure::Hopeless);
        check(400, Some("ResourceNotFoundException"), Failure::Hopeless);
        check(400, Some("AccessDeniedException"), Failure::Hopeless);
        check(500, Some("InternalServerError"), Failure::Unknown);
        check(503, None, Failure::Unknown);
    }
}
