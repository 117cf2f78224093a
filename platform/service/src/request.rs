//! What every request is given before its route sees it: whom it came from, and a name. The route
//! is the service's.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header},
    response::IntoResponse as _,
};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::{
    activity::{Activity, LastPart, UnderWay},
    client::{AddressRate, Client, Proxies},
    metrics,
};

/// By which header a request is named, by who sends it or who answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer name is not taken: it stands in logs.
const MAX_ID_BYTES: usize = 64;
/// Seconds after which a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// The name of a request in logs and in its answer. It is among the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The name in `X-Request-Id` if it is short and harmless, or a new one.
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        match given.filter(|id| is_harmless(id)) {
            Some(id) => Self(id.into()),
            None => Self(format!("{:032x}", rand::random::<u128>()).into()),
        }
    }

    /// Its text: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_harmless(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(is_plain)
}

/// Where the requests of one connection go.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) router: Router,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    pub(crate) activity: Arc<Activity>,
    pub(crate) bounds: Arc<Bounds>,
}

/// What the requests of all connections of a listener share.
pub(crate) struct Bounds {
    /// How many more may be under way.
    pub(crate) free: Arc<Semaphore>,
    pub(crate) proxies: Proxies,
    pub(crate) rate: AddressRate,
}

impl Requests {
    /// Answers one.
    ///
    /// # Errors
    /// None: it is the form of services.
    pub(crate) async fn answer(
        self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let client = self.bounds.proxies.client(self.peer, request.headers());
        let id = RequestId::of(request.headers());
        let header = HeaderValue::from_str(id.as_str());
        let mut response = match self.begin(client) {
            Ok(under_way) => {
                request.extensions_mut().insert(client);
                request.extensions_mut().insert(id);
                let response = self.router.oneshot(request).await?;
                response.map(|body| Body::new(LastPart::new(body, under_way)))
            }
            Err(status) => (status, [(header::RETRY_AFTER, RETRY_AFTER)]).into_response(),
        };
        if let Ok(id) = header {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        Ok(response)
    }

    fn begin(&self, client: Client) -> Result<UnderWay, StatusCode> {
        if !self.bounds.rate.allows(client) {
            metrics::address_too_frequent();
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        let Ok(place) = self.bounds.free.clone().try_acquire_owned() else {
            metrics::requests_full();
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        };
        Ok(self.activity.clone().begin(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, is_taken: bool) {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(given).unwrap())]);
        let id = RequestId::of(&headers);
        assert_eq!(id.as_str() == given, is_taken, "{given:?}: {id:?}");
        assert!(is_harmless(id.as_str()), "{id:?}");
    }

    #[test]
    fn a_name_is_taken_if_it_is_short_and_harmless() {
        check("a", true);
        check("Trip_7.retry-2", true);
        check(&"x".repeat(64), true);
        check(&"x".repeat(65), false);
        check("", false);
        check("two words", false);
        check("a=\"b\"", false);
        check("a\tb", false);
    }

    #[test]
    fn requests_without_a_name_get_one_each() {
        let none = HeaderMap::new();
        assert_ne!(RequestId::of(&none), RequestId::of(&none));
    }
}
