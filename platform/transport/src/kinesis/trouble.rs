//! What went wrong with a call, as far as its caller does something different about it.

use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// There were more calls, records or bytes than the service takes: go slower.
    #[error("the service asks to go slower")]
    Throttled,
    /// An iterator or a token was not used in time: get another.
    #[error("the iterator has expired")]
    Expired,
    /// The service does not understand, or does not know what is named any more.
    #[error("{0}")]
    Invalid(String),
    /// Another call of the kind goes on.
    #[error("{0}")]
    InUse(String),
    /// Anything else: it may have been done or not, and may work the next time.
    #[error("{0}")]
    Passing(String),
}

impl<E, R> From<SdkError<E, R>> for Trouble
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    fn from(error: SdkError<E, R>) -> Self {
        let text = format!("{}", DisplayErrorContext(&error));
        match error.code() {
            Some(
                "ProvisionedThroughputExceededException"
                | "LimitExceededException"
                | "KMSThrottlingException"
                | "ThrottlingException",
            ) => Self::Throttled,
            Some("ExpiredIteratorException" | "ExpiredNextTokenException") => Self::Expired,
            Some("InvalidArgumentException" | "ValidationException") => Self::Invalid(text),
            Some("ResourceInUseException") => Self::InUse(text),
            _ => Self::Passing(text),
        }
    }
}
