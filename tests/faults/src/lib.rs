//! A proxy that stands between a client and a real HTTP server, and makes the network fail as
//! networks do: errors and silence before the server has done what it was asked, errors and silence
//! after it has, answers that are cut off or slow. It is for tests; it knows no protocol but HTTP.
//!
//! What fails is drawn from a seed, so that a run that found something can be run again, as far as
//! the order of requests is the same. How much fails can be changed while it runs: a test lets the
//! network heal before it counts what arrived.
//!
//! Test servers are often less careful than what they stand for: they look and then write, where
//! the real one does both at once. [`Plan::one_at_a_time`] lets one request of a kind through at a
//! time, which gives them the order that the real one has.

mod forward;
mod json;
mod own_runtime;
mod plan;
pub mod servers;
mod skip;
#[cfg(test)]
mod testing;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Body, extract::State, http::Request, response::Response};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use own_runtime::OwnRuntime;
pub use plan::{Counts, Fault, Plan, writes};
pub use skip::skip;

/// A proxy under way; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: OwnRuntime,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    client: reqwest::Client,
    state: Mutex<Draws>,
    one_at_a_time: tokio::sync::Mutex<()>,
}

/// What is drawn next, and what was drawn.
#[derive(Debug)]
struct Draws {
    plan: Plan,
    dice: StdRng,
    counts: Counts,
}

impl Proxy {
    /// Starts a proxy before `upstream`, on a free port of the loopback address.
    ///
    /// # Panics
    /// Where no port can be bound: it is for tests.
    pub async fn start(upstream: SocketAddr, plan: Plan, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            upstream: format!("http://{upstream}"),
            client: reqwest::Client::new(),
            state: Mutex::new(Draws {
                plan,
                dice: StdRng::seed_from_u64(seed),
                counts: Counts::default(),
            }),
            one_at_a_time: tokio::sync::Mutex::new(()),
        });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let runtime = OwnRuntime::start();
        let address = runtime.serve(router).await;
        Self {
            address,
            shared,
            _runtime: runtime,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on faults come by this plan.
    pub fn set_plan(&self, plan: Plan) {
        self.shared.draws(|draws| draws.plan = plan);
    }

    /// What has failed so far.
    pub fn counts(&self) -> Counts {
        self.shared.draws(|draws| draws.counts)
    }
}

impl Shared {
    fn draws<T>(&self, act: impl FnOnce(&mut Draws) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Draws what happens to a request.
    fn draw(&self) -> (Fault, Plan) {
        self.draws(|draws| {
            let fault = draws.plan.fault(draws.dice.random());
            draws.counts.count(fault);
            (fault, draws.plan)
        })
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (fault, plan) = shared.draw();
    let is_alone = (plan.one_at_a_time)(request.method(), request.uri(), request.headers());
    let _turn = if is_alone {
        Some(shared.one_at_a_time.lock().await)
    } else {
        None
    };
    forward::answer(&shared.client, &shared.upstream, request, fault).await
}
