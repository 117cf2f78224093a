//! The live API: where rides and vehicles are, over HTTP. It reads the cache alone, so that any
//! instance answers for any ride; it changes nothing. Who may see what is [`reader`]'s.
//!
//! Of a cache in another process it remembers answers ([`recent`]).

mod events;
mod problem;
mod reader;
mod recent;
mod rides;
mod shares;
mod vehicles;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use access::Guard;
use anyhow::Context;
use axum::{
    Json, Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use clap::Args;
use schemas::{FleetId, RideId, RideProgress, Timestamp, VehicleId, VehiclePosition};
use service::{Listener, Shutdown, Terms, parse_duration};
use tokio::{net::TcpListener, sync::Semaphore};
use utoipa::OpenApi as _;

use crate::{Cache, cache::CacheError, metrics};
use problem::Problem;
use recent::{Aged, Recent};

/// Streams of events open at once, at most: each holds a connection and some KB.
const MAX_STREAMS: usize = 10_000;
/// An answer that is under way at the end gets this long; a client that is stuck gets no more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How old an answer may be.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Live API")]
pub struct Settings {
    /// Age up to which an answer from another process's cache is given again; equal questions within
    /// it are one. How old an answer is says its header `Age`: more than this, up to 10 minutes, while
    /// that cache is away.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = parse_duration)]
    pub live_max_age: Duration,
}

/// What the live API answers from.
pub struct Sources {
    /// Where rides and vehicles are kept.
    pub cache: Arc<dyn Cache>,
    /// Who may read them.
    pub guard: Arc<Guard>,
}

/// A port of the live API that is bound and not served yet.
pub struct Live {
    socket: TcpListener,
    address: SocketAddr,
}

impl Live {
    /// Binds the port (0: any that is free).
    ///
    /// # Errors
    /// An error where the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(address)
            .await
            .with_context(|| format!("bind the live port at {address}"))?;
        let address = socket
            .local_addr()
            .context("read the live port's address")?;
        Ok(Self { socket, address })
    }

    /// The address that is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is requested; streams of events end then.
    ///
    /// # Errors
    /// None so far: trouble with one connection is not the port's. It is the form of services.
    pub async fn serve(
        self,
        settings: Settings,
        terms: Terms,
        sources: Sources,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let Sources { cache, guard } = sources;
        let router = routes(App::new(
            cache,
            guard,
            settings.live_max_age,
            shutdown.clone(),
        ));
        let listener = Listener::new(self.socket, &terms);
        service::serve_within(listener, router, shutdown, LAST_ANSWERS).await;
        Ok(())
    }
}

/// The description of the live API, generated from its handlers and types.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    cache: Arc<dyn Cache>,
    guard: Arc<Guard>,
    recent: Option<Arc<RecentOf>>,
    streams: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// What was read lately from a cache in another process.
struct RecentOf {
    rides: Recent<(FleetId, RideId), RideProgress>,
    vehicles: Recent<(FleetId, VehicleId), VehiclePosition>,
}

impl App {
    fn new(
        cache: Arc<dyn Cache>,
        guard: Arc<Guard>,
        max_age: Duration,
        shutdown: Shutdown,
    ) -> Self {
        let recent = cache.is_remote().then(|| {
            Arc::new(RecentOf {
                rides: Recent::new(max_age),
                vehicles: Recent::new(max_age),
            })
        });
        Self {
            cache,
            guard,
            recent,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            shutdown,
        }
    }

    async fn ride(&self, fleet: FleetId, ride: RideId) -> Result<Aged<RideProgress>, CacheError> {
        let read = self.cache.ride(fleet, ride);
        match &self.recent {
            Some(recent) => recent.rides.get((fleet, ride), read).await,
            None => Ok(Aged::new(read.await?)),
        }
    }

    async fn vehicle(
        &self,
        fleet: FleetId,
        vehicle: VehicleId,
    ) -> Result<Aged<VehiclePosition>, CacheError> {
        let read = self.cache.vehicle(fleet, vehicle);
        match &self.recent {
            Some(recent) => recent.vehicles.get((fleet, vehicle), read).await,
            None => Ok(Aged::new(read.await?)),
        }
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Hansom live API",
        description = "Where rides and vehicles are now."
    ),
    paths(
        rides::show,
        rides::list,
        events::follow,
        vehicles::show,
        vehicles::near,
        shares::make
    )
)]
struct Description;

fn routes(app: App) -> Router {
    Router::new()
        .route("/v1/rides", get(rides::list))
        .route("/v1/rides/{id}", get(rides::show))
        .route("/v1/rides/{id}/events", get(events::follow))
        .route("/v1/rides/{id}/shares", post(shares::make))
        .route("/v1/vehicles", get(vehicles::near))
        .route("/v1/vehicles/{id}", get(vehicles::show))
        .route("/v1/openapi.json", get(async || Json(openapi())))
        .fallback(async || Problem::NoSuchPage)
        .method_not_allowed_fallback(async || Problem::WrongMethod)
        .layer(middleware::from_fn(count))
        .with_state(app)
}

/// The moment of an answer, from which riders' apps count down.
fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since_1970.unwrap_or_default().as_millis() as i64)
}

async fn count(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics::live_answered(response.status().as_u16());
    response
}

#[cfg(test)]
mod tests;
