//! The admin port: what an operator's tools ask a process. It changes nothing and shows no data
//! of riders or drivers; it is for the inner network alone.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, time};

use crate::{Readiness, Shutdown, http, recorder::Metrics};

/// Histograms are folded this often; between two times they grow with what is recorded.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// An answer that is under way at the end gets this long; a client that is stuck gets no more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The media type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An admin port that is bound and not served yet.
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Metrics,
}

impl Admin {
    /// Binds the port (0: any that is free) and starts recording the metrics of this process.
    ///
    /// What was recorded before the first call is lost, so call it before services start.
    ///
    /// # Errors
    /// An error where the address cannot be bound, or where metrics go to a recorder of another.
    pub async fn bind(addr: SocketAddr) -> anyhow::Result<Self> {
        let metrics = Metrics::install()?;
        let listener = TcpListener::bind(addr)
            .await
            .with_context(|| format!("bind the admin port at {addr}"))?;
        let address = listener
            .local_addr()
            .context("read the admin port's address")?;
        Ok(Self {
            listener,
            address,
            metrics,
        })
    }

    /// The address that is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `/metrics`, `/live` and `/ready` until `shutdown` is requested.
    ///
    /// So that `/ready` can say "draining", the shutdown here is one that comes after the services
    /// have ended, not the one that ends them.
    ///
    /// # Errors
    /// None so far: trouble with one connection is not the port's. It is the form of services.
    pub async fn serve(self, readiness: Readiness, shutdown: Shutdown) -> anyhow::Result<()> {
        let router = routes(self.metrics.clone(), readiness);
        tokio::select! {
            () = http::serve_within(self.listener, router, shutdown, LAST_ANSWERS) => {}
            () = fold_histograms(self.metrics) => {}
        }
        Ok(())
    }
}

fn routes(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics).with_state(metrics))
        .route("/live", get(async || "live\n"))
        .route("/ready", get(show_readiness).with_state(readiness))
}

async fn show_metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    // `/proc` answers from memory, so that this blocks no longer than the rendering itself.
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], metrics.render())
}

async fn show_readiness(State(readiness): State<Readiness>) -> (StatusCode, String) {
    match readiness.why_not() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn fold_histograms(metrics: Metrics) {
    let mut ticks = time::interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests;
