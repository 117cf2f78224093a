//! Redis, as Debian has it: a process of `redis-server` that keeps nothing on disk, so that whoever
//! starts it again finds it empty.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// It listens within a moment, on a machine that is busy within some more.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it listens.
const POLL: Duration = Duration::from_millis(10);

/// A server of its own; killed when dropped.
pub struct Redis {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Redis {
    /// Starts a server and waits until it listens. None, and said loudly, if there is none to start:
    /// then this test is skipped.
    ///
    /// # Panics
    /// Where it does not listen.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub fn start(test: &str) -> Option<Self> {
        if Command::new("redis-server")
            .arg("--version")
            .output()
            .is_err()
        {
            crate::skip(test, "there is no redis-server");
            return None;
        }
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let directory = tempfile::tempdir().expect("a directory");
        let mut redis = Self {
            process: spawn(address, &directory),
            address,
            directory,
        };
        redis.wait();
        Some(redis)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it, with all that it had.
    pub fn kill(&mut self) {
        // It is gone already, or it goes now.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }

    /// Starts it again where it was, and waits until it listens.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn start_again(&mut self) {
        self.process = spawn(self.address, &self.directory);
        self.wait();
    }

    #[expect(clippy::panic, reason = "it is for tests")]
    fn wait(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Ok(Some(ended)) = self.process.try_wait() {
                panic!("redis-server ended before it listened, with {ended}");
            }
            assert!(begun.elapsed() < PATIENCE, "redis-server listens");
            thread::sleep(POLL);
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(clippy::expect_used, reason = "it is for tests")]
fn spawn(address: SocketAddr, directory: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(address.port().to_string())
        .arg("--dir")
        .arg(directory.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server")
}
