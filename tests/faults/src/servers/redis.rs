//! Redis, as Debian has it: a process of `redis-server` that keeps nothing on disk, so that whoever
//! starts it again finds it empty; or three of them as a [`RedisCluster`].

mod cluster;

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::certificate::make_certificate;

pub use cluster::RedisCluster;

/// A server of its own; killed when dropped.
pub struct Redis {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
    flags: Vec<String>,
}

impl Redis {
    /// Starts a server and waits until it listens. None, and said loudly, if there is none to start:
    /// then this test is skipped.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_by(test, |address, _| {
            words(&["--port", &address.port().to_string()])
        })
    }

    /// The same for a server that is reached by TLS alone. It says who it is by a certificate of its
    /// own.
    ///
    /// # Panics
    /// As [`Redis::start`], and where there is no openssl.
    pub fn start_with_tls(test: &str) -> Option<Self> {
        Self::start_by(test, |address, directory| {
            let [key, certificate] = make_certificate(directory.path());
            let port = address.port().to_string();
            let listens = words(&[
                "--port",
                "0",
                "--tls-port",
                &port,
                "--tls-auth-clients",
                "no",
            ]);
            let is = words(&["--tls-cert-file", &certificate, "--tls-key-file", &key]);
            let trusts = words(&["--tls-ca-cert-file", &certificate]);
            [listens, is, trusts].concat()
        })
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn start_by(
        test: &str,
        flags: impl FnOnce(SocketAddr, &TempDir) -> Vec<String>,
    ) -> Option<Self> {
        let installed = Command::new("redis-server").arg("--version").output();
        if installed.is_err() {
            crate::skip(test, "there is no redis-server");
            return None;
        }
        let address = super::free_port();
        let directory = tempfile::tempdir().expect("a directory");
        let flags = flags(address, &directory);
        let mut redis = Self {
            process: spawn(&directory, &flags),
            address,
            directory,
            flags,
        };
        redis.wait();
        Some(redis)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// The certificate that whoever connects by TLS must trust, a file in PEM.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("certificate")
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
        self.process = spawn(&self.directory, &self.flags);
        self.wait();
    }

    /// Freezes it: connections stand, and nobody answers.
    ///
    /// # Panics
    /// Where that cannot be done.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`Redis::freeze`].
    ///
    /// # Panics
    /// Where that cannot be done.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill").success(), "{name}");
    }

    fn wait(&mut self) {
        super::wait_until_listening(&mut self.process, self.address, "redis-server");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[expect(clippy::expect_used, reason = "it is for tests")]
fn spawn(directory: &TempDir, flags: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(directory.path())
        .args(flags)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server")
}
