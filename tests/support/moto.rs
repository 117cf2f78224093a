//! moto, a server of AWS's protocols by others, as a process behind the fault proxy.

use std::{
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use axum::http::Method;
use faults::{Plan, Proxy};
use tokio::runtime::Runtime;

use super::{program::free_port, wait_for};

/// A server of its own; killed when dropped.
pub(crate) struct Moto {
    process: Child,
    address: SocketAddr,
    pub(crate) proxy: Proxy,
    runtime: Runtime,
}

impl Moto {
    /// Starts it, with a proxy whose faults come by `plan`. Writes come to it one at a time: it
    /// looks whether an object is there and then writes it, where S3 does both at once.
    pub(crate) fn start(python: &PathBuf, plan: Plan) -> Self {
        let address = free_port();
        let port = address.port().to_string();
        let process = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let runtime = Runtime::new().unwrap();
        let plan = Plan {
            one_at_a_time: |method, _, _| method != Method::GET && method != Method::HEAD,
            ..plan
        };
        let proxy = runtime.block_on(Proxy::start(address, plan, 42));
        let moto = Self {
            process,
            address,
            proxy,
            runtime,
        };
        wait_for("moto to listen", || TcpStream::connect(address).ok());
        moto
    }

    /// Makes a bucket.
    pub(crate) fn make_bucket(&self, name: &str) {
        let url = format!("http://{}/{name}", self.address);
        let made = async { reqwest::Client::new().put(url).send().await };
        assert!(self.runtime.block_on(made).unwrap().status().is_success());
    }

    /// Where it listens, without faults.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
