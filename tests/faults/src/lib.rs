//! What stands for AWS in tests: the real servers of its protocols ([`servers`]), and a proxy that
//! stands between a client and a server and makes the network and the services fail as they do:
//! errors and silence before the server has done what it was asked, errors and silence after it
//! has, answers that are cut off or slow, calls and parts of calls that are throttled. It mocks
//! nothing: what is stored and read is the server's. Its README says how each is used, and why.
//!
//! What fails is drawn from a seed, so that a run that found something can be run again, as far as
//! the order of requests is the same. How much fails can be changed while it runs: a test lets the
//! network heal before it counts what arrived.
//!
//! Test servers are often less careful than what they stand for: they look and then write, where
//! the real one does both at once, and show what is half written. [`Plan::one_at_a_time`] lets one
//! request of a kind through at a time, and no other beside it, which gives them the order that the
//! real one has.
//!
//! A request's way: [`Proxy`] notes it as a [`Call`], draws its [`Fault`] by the [`Plan`], asks the
//! server, if it is a call of Kinesis by way of what mends those, and delivers the answer as the
//! fault leaves it.

mod call;
mod draws;
mod events;
mod fault;
mod json;
mod kinesis;
mod network;
mod own_runtime;
mod plan;
pub mod servers;
mod skip;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod upstream;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
    response::{IntoResponse as _, Response},
};
use tokio::sync::RwLock;

pub use call::Call;
use draws::Draws;
pub use fault::{Counts, Fault};
use kinesis::{Order, Reshard};
use own_runtime::OwnRuntime;
pub use plan::{KinesisPlan, Plan, writes};
pub use skip::skip;
use upstream::{Answer, Question, Upstream};

/// A proxy under way; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: OwnRuntime,
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    draws: Mutex<Draws>,
    reshards: Mutex<Vec<Order>>,
    /// Held alone by requests that come one at a time, and by all others together.
    turns: RwLock<()>,
}

impl Proxy {
    /// Starts a proxy before `upstream`, on a free port of the loopback address.
    ///
    /// # Panics
    /// Where no port can be bound: it is for tests.
    pub async fn start(upstream: SocketAddr, plan: Plan, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            upstream: Upstream {
                url: format!("http://{upstream}"),
                client: reqwest::Client::new(),
            },
            draws: Mutex::new(Draws::of(plan, seed)),
            reshards: Mutex::default(),
            turns: RwLock::default(),
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

    /// What was asked so far, and how often, whether it failed or not.
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.shared.draws(|draws| draws.calls.clone())
    }

    /// Splits a shard in the middle right before a `PutRecords` to its stream is forwarded: the
    /// next if `put` is 1. So records land elsewhere than its sender took for granted.
    pub fn split_before_put(&self, put: u64, stream: &str, shard: &str) {
        self.order(put, stream, Reshard::Split(shard.to_owned()));
    }

    /// Merges two shards, of which `lower` has the hash keys below those of `upper`, right before a
    /// `PutRecords` to their stream is forwarded: the next if `put` is 1.
    pub fn merge_before_put(&self, put: u64, stream: &str, lower: &str, upper: &str) {
        self.order(put, stream, Reshard::Merge(lower.into(), upper.into()));
    }

    fn order(&self, put: u64, stream: &str, reshard: Reshard) {
        let stream = stream.to_owned();
        let order = Order {
            stream,
            put,
            reshard,
        };
        self.shared.reshards(|reshards| reshards.push(order));
    }
}

impl Shared {
    fn draws<T>(&self, act: impl FnOnce(&mut Draws) -> T) -> T {
        act(&mut self.draws.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn reshards<T>(&self, act: impl FnOnce(&mut Vec<Order>) -> T) -> T {
        act(&mut self.reshards.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the server do what a client asked, in its turn. None where it does not answer.
    async fn ask(&self, question: Question, plan: &Plan) -> Option<Answer> {
        let Question {
            method,
            uri,
            headers,
            ..
        } = &question;
        let is_alone = (plan.one_at_a_time)(method, uri, headers);
        let (_alone, _together);
        if is_alone {
            _alone = self.turns.write().await;
        } else {
            _together = self.turns.read().await;
        }
        if kinesis::is_understood(headers) {
            kinesis::ask(self, question, plan).await
        } else {
            self.upstream.ask(question).await
        }
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let method = request.method().clone();
    let Some(question) = Question::read(request).await else {
        return network::broken(&method);
    };
    let call = Call::of(&question);
    let draw = shared.draws(|draws| draws.draw(&call));
    match draw.fault {
        Fault::ErrorBefore => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::SilenceBefore => return network::broken(&method),
        Fault::Throttled => return network::throttled(&call),
        Fault::ExpiredIterator => {
            let why = "Iterator expired, says the proxy";
            return json::refusal("ExpiredIteratorException", why).into_response();
        }
        _ => {}
    }
    // It is done to its end though its client leaves: the server goes on as well, and the next one
    // must not come beside it.
    let asked = tokio::spawn(async move { shared.ask(question, &draw.plan).await });
    match asked.await {
        Ok(Some(answer)) if draw.fault != Fault::SilenceAfter => {
            network::deliver(answer, draw.fault, draw.events).await
        }
        _ => network::broken(&method),
    }
}
