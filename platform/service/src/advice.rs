//! What an answer that refuses tells its client of how to go on. Why it refuses is the services' to say.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

/// Tells when to try again, in seconds, where trying again is of use, and that a credential is wanted where
/// one is.
pub fn advise(response: &mut Response, retry_after: HeaderValue) {
    let status = response.status();
    let headers = response.headers_mut();
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        headers.insert(header::RETRY_AFTER, retry_after);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}
