//! S3 and DynamoDB, as moto serves their protocols: a process of the Python that
//! `HANSOM_TEST_PYTHON` names.
//!
//! It looks and then writes, where AWS does both at once, and writes in threads. So what tests its
//! conditions asks it through a proxy that lets writes in one at a time ([`crate::writes`]).

use std::{
    env,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

/// A server of its own; killed when dropped.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts a server and waits until it listens. None, and said loudly, if there is none to start:
    /// then this test is skipped.
    ///
    /// # Panics
    /// Where the Python that is named has no `moto[server]`, or it does not listen.
    pub fn start(test: &str) -> Option<Self> {
        let Some(python) = env::var_os("HANSOM_TEST_PYTHON") else {
            crate::skip(test, "HANSOM_TEST_PYTHON names no Python with moto[server]");
            return None;
        };
        let address = super::free_port();
        let port = address.port().to_string();
        #[expect(clippy::expect_used, reason = "it is for tests")]
        let process = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the Python that HANSOM_TEST_PYTHON names");
        let mut moto = Self { process, address };
        let name = "moto; is moto[server] installed?";
        super::wait_until_listening(&mut moto.process, address, name);
        Some(moto)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
