//! The audit log: who was refused which write, and why, as lines of the process's log with the target
//! `audit`. It holds no secret: it names credentials by their holder.

use access::{Credential, Guard, Rates};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, Uri, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use service::{Client, RequestId};
use tracing::info;

use crate::{api::SharedIngest, devices::key_in, metrics};

/// Lines a second. An attack makes a counter grow, not the disk full.
const LINES_PER_SECOND: u32 = 100;

/// The audit log, which has a limit.
pub(crate) struct Audit(Rates<()>);

/// What a refused write is recognised by.
pub(crate) struct About {
    request: Option<RequestId>,
    client: Option<Client>,
    method: Method,
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// Why a write was refused, all of it or in part. It is among an answer's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) &'static str);

impl Audit {
    pub(crate) fn new() -> Self {
        Self(Rates::new(LINES_PER_SECOND))
    }

    /// Writes that something was refused for this reason.
    pub(crate) fn write(&self, guard: &Guard, about: &About, Refused(reason): Refused) {
        if self.0.take(&()).is_err() {
            metrics::audit_omitted();
            return;
        }
        let request = about.request.as_ref().map(RequestId::as_str);
        let client = about.client.map(|Client(address)| address.to_string());
        let holder = guard.holder(about.credential().as_ref());
        info!(
            target: "audit",
            request,
            client,
            holder,
            method = %about.method,
            path = about.uri.path(),
            reason,
            "write refused"
        );
    }
}

impl About {
    pub(crate) fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            request: extensions.get().cloned(),
            client: extensions.get().copied(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            authorization: request.headers().get(AUTHORIZATION).cloned(),
        }
    }

    fn credential(&self) -> Option<Credential> {
        let in_query = || key_in(self.uri.query().unwrap_or_default()).map(Credential::new);
        in_query().or_else(|| Credential::of_header(self.authorization.as_ref()?))
    }
}

/// Writes down what is refused of the requests that come this way.
pub(crate) async fn write_refused(
    State(ingest): State<SharedIngest>,
    request: Request,
    next: Next,
) -> Response {
    let about = About::of(&request);
    let response = next.run(request).await;
    if let Some(refused) = response.extensions().get() {
        ingest.audit.write(&ingest.guard, &about, *refused);
    }
    response
}
