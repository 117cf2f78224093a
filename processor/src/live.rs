//! The live API: where rides and vehicles are, over HTTP. It reads the cache alone, so that any
//! instance answers for any ride; it changes nothing.

mod events;
mod problem;
mod rides;
mod vehicles;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use service::Shutdown;
use tokio::{net::TcpListener, sync::Semaphore};
use utoipa::OpenApi as _;

use crate::{Cache, metrics};
use problem::Problem;

/// Streams of events open at once, at most: each holds a connection and some KB.
const MAX_STREAMS: usize = 10_000;
/// An answer that is under way at the end gets this long; a client that is stuck gets no more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A port of the live API that is bound and not served yet.
pub struct Live {
    listener: TcpListener,
    address: SocketAddr,
}

impl Live {
    /// Binds the port (0: any that is free).
    ///
    /// # Errors
    /// An error where the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("bind the live port at {address}"))?;
        let address = listener
            .local_addr()
            .context("read the live port's address")?;
        Ok(Self { listener, address })
    }

    /// The address that is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is requested; streams of events end then.
    ///
    /// # Errors
    /// None so far: trouble with one connection is not the port's. It is the form of services.
    pub async fn serve(self, cache: Arc<dyn Cache>, shutdown: Shutdown) -> anyhow::Result<()> {
        let router = router(cache, shutdown.clone());
        service::serve_within(self.listener, router, shutdown, LAST_ANSWERS).await;
        Ok(())
    }
}

/// The routes of the live API.
fn router(cache: Arc<dyn Cache>, shutdown: Shutdown) -> Router {
    routes(App {
        cache,
        streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        shutdown,
    })
}

/// The description of the live API, generated from its handlers and types.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    cache: Arc<dyn Cache>,
    streams: Arc<Semaphore>,
    shutdown: Shutdown,
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
        vehicles::near
    )
)]
struct Description;

fn routes(app: App) -> Router {
    Router::new()
        .route("/v1/rides", get(rides::list))
        .route("/v1/rides/{id}", get(rides::show))
        .route("/v1/rides/{id}/events", get(events::follow))
        .route("/v1/vehicles", get(vehicles::near))
        .route("/v1/vehicles/{id}", get(vehicles::show))
        .route("/v1/openapi.json", get(async || Json(openapi())))
        .fallback(async || Problem::NoSuchPage)
        .method_not_allowed_fallback(async || Problem::OnlyGet)
        .layer(middleware::from_fn(count))
        .with_state(app)
}

async fn count(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics::live_answered(response.status().as_u16());
    response
}

#[cfg(test)]
mod tests;
