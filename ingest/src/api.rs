//! The HTTP interface of ingest: its routes, what they share, and its OpenAPI document.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use access::{Credential, Grant, Guard, Refusal, Right};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use schemas::Timestamp;
use service::Shutdown;
use tokio::sync::Semaphore;
use transport::Producer;
use utoipa::OpenApi as _;

use crate::{
    accept::{AgeLimit, FleetRate},
    answer::Answer,
    audit::{self, Audit},
    authority::Authority,
    devices::paths,
    events, grpc,
    intake::Intake,
    pings,
    problem::{self, Stop},
    session::MAX_SESSIONS,
    settings::Settings,
    socket,
};

/// What the routes share.
pub(crate) struct Ingest {
    pub(crate) age_limit: AgeLimit,
    pub(crate) fleet_rate: FleetRate,
    pub(crate) intake: Intake,
    pub(crate) guard: Arc<Guard>,
    pub(crate) audit: Audit,
    pub(crate) settings: Settings,
    /// Places for WebSockets and calls of gRPC.
    pub(crate) sessions: Arc<Semaphore>,
    /// From then on they are closed.
    pub(crate) stopping: Shutdown,
    /// From then on no body is waited for.
    pub(crate) closing: Shutdown,
}

impl Ingest {
    /// What the routes share, on a producer for each [`crate::lane::Lane`], for whom the guard lets in.
    pub(crate) fn new(
        settings: Settings,
        lanes: [Arc<dyn Producer>; 2],
        guard: Arc<Guard>,
    ) -> SharedIngest {
        Arc::new(Self {
            age_limit: AgeLimit {
                max_ahead: settings.max_ahead,
                max_behind: settings.max_behind,
            },
            fleet_rate: FleetRate::new(settings.fleet_rate),
            intake: Intake::new(
                lanes,
                settings.queue_bytes,
                settings.body_bytes,
                settings.stream_timeout,
            ),
            guard,
            audit: Audit::new(),
            settings,
            sessions: Arc::new(Semaphore::new(MAX_SESSIONS)),
            stopping: Shutdown::new(),
            closing: Shutdown::new(),
        })
    }

    /// What whoever sent these headers may write; `key` is a credential that came otherwise.
    ///
    /// # Errors
    /// [`Stop`] for who may write nothing.
    pub(crate) fn admit(&self, headers: &HeaderMap, key: Option<&str>) -> Result<Authority, Stop> {
        let credential = key.map(Credential::new).or_else(|| Credential::of(headers));
        let grant = self.guard.admit(credential.as_ref(), Right::Write);
        self.authority(grant)
    }

    /// What whoever was admitted by this credential may write now.
    ///
    /// # Errors
    /// [`Stop`] for who may write nothing.
    pub(crate) fn look_again(&self, credential: Option<&Credential>) -> Result<Authority, Stop> {
        self.authority(self.guard.look(credential, Right::Write))
    }

    fn authority(&self, grant: Result<Grant, Refusal>) -> Result<Authority, Stop> {
        let authority = grant.and_then(|grant| {
            Authority::try_from(grant).map_err(|refusal| self.guard.refuse(refusal))
        });
        authority.map_err(Stop::Refused)
    }
}

/// What every request gets a handle of.
pub(crate) type SharedIngest = Arc<Ingest>;

/// Builds the routes.
pub(crate) fn router(ingest: SharedIngest) -> Router {
    Router::new()
        .route("/v1/pings", post(pings::post_pings))
        .route("/v1/stream", get(socket::open))
        .route(grpc::PATH, post(grpc::stream))
        .route("/v1/rides/{ride_id}/events", post(events::post_event))
        .route("/osmand", get(paths::get_osmand).post(paths::post_osmand))
        .route("/traccar", post(paths::post_traccar))
        .route("/owntracks", post(paths::post_owntracks))
        .route(
            "/gpslogger",
            get(paths::get_gpslogger).post(paths::post_gpslogger),
        )
        .layer(middleware::from_fn(refuse_other_sites))
        .layer(middleware::from_fn_with_state(
            ingest.clone(),
            audit::write_refused,
        ))
        .with_state(ingest)
}

/// Refuses what a browser sends on behalf of a page of another site: no app is one, and where anybody
/// may write, such a page could, from within a network that it does not reach itself.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    // Some apps send one as browsers do, and name the server itself.
    let is_of_other = |origin: &HeaderValue| {
        let mut parts = origin.as_bytes().splitn(2, |byte| *byte == b':');
        let rest = parts.nth(1).and_then(|rest| rest.strip_prefix(b"//"));
        rest.is_none() || rest != host
    };
    let is_of_site = headers.get(header::ORIGIN).is_some_and(is_of_other)
        || headers
            .get("sec-fetch-site")
            .is_some_and(|site| site.as_bytes() == b"cross-site");
    if is_of_site {
        return problem::stopped(&Stop::OtherSite, Answer::default());
    }
    next.run(request).await
}

/// The time by this machine's clock: what decides the age of items and stands in `received_at`.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(since_1970.as_millis() as i64)
}

/// The OpenAPI document of ingest.
pub fn openapi() -> utoipa::openapi::OpenApi {
    /// Collects the routes.
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Hansom ingest",
            description = "Takes pings and ride events, and answers when they are durable."
        ),
        paths(
            pings::post_pings,
            socket::open,
            events::post_event,
            paths::get_osmand,
            paths::post_osmand,
            paths::post_traccar,
            paths::post_owntracks,
            paths::get_gpslogger,
            paths::post_gpslogger
        )
    )]
    struct Document;
    Document::openapi()
}
