//! S3 and DynamoDB, as moto serves their protocols: a process of the Python that
//! `HANSOM_TEST_PYTHON` names.
//!
//! It looks and then writes, where AWS does both at once, and writes in threads. So what tests its
//! conditions asks it through a proxy that lets writes in one at a time ([`crate::writes`]).

use std::{
    env,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// It listens within two seconds, on a machine that is busy within some more.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked whether it listens.
const POLL: Duration = Duration::from_millis(20);

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
        moto.wait();
        Some(moto)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[expect(clippy::panic, reason = "it is for tests")]
    fn wait(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Ok(Some(ended)) = self.process.try_wait() {
                panic!("moto ended before it listened, with {ended}: is moto[server] installed?");
            }
            assert!(begun.elapsed() < PATIENCE, "moto listens");
            thread::sleep(POLL);
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
