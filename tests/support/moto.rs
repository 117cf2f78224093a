//! A bucket's server behind the fault proxy.

use std::net::SocketAddr;

use faults::{Plan, Proxy, servers};
use tokio::runtime::Runtime;

/// A server of its own; killed when dropped.
pub(crate) struct Moto {
    server: servers::Moto,
    pub(crate) proxy: Proxy,
    runtime: Runtime,
}

impl Moto {
    /// Starts it, with a proxy whose faults come by `plan`; None if `test` is skipped.
    pub(crate) fn start(test: &str, plan: Plan) -> Option<Self> {
        let server = servers::Moto::start(test)?;
        let runtime = Runtime::new().unwrap();
        let plan = Plan {
            one_at_a_time: faults::writes,
            ..plan
        };
        let proxy = runtime.block_on(Proxy::start(server.address(), plan, 42));
        Some(Self {
            server,
            proxy,
            runtime,
        })
    }

    /// Makes a bucket that can lock what is in it.
    pub(crate) fn make_bucket(&self, name: &str) {
        let url = format!("http://{}/{name}", self.address());
        let put = reqwest::Client::new().put(url);
        let put = put.header("x-amz-bucket-object-lock-enabled", "true");
        let made = async { put.send().await };
        assert!(self.runtime.block_on(made).unwrap().status().is_success());
    }

    /// From now on nothing fails.
    pub(crate) fn heal(&self) {
        self.proxy.set_plan(Plan {
            one_at_a_time: faults::writes,
            ..Plan::CALM
        });
    }

    /// Where it listens, without faults.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }
}
