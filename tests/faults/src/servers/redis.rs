//! Redis, as Debian has it: a process of `redis-server` that keeps nothing on disk, so that whoever
//! starts it again finds it empty.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A certificate that says nobody else's word is needed for it.
const CERTIFICATE: [&str; 16] = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-batch",
];

/// A server of its own; killed when dropped.
pub struct Redis {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
    transport: Transport,
}

#[derive(Clone, Copy)]
enum Transport {
    Plain,
    Tls,
}

impl Redis {
    /// Starts a server and waits until it listens. None, and said loudly, if there is none to start:
    /// then this test is skipped.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_by(test, Transport::Plain)
    }

    /// The same for a server that is reached by TLS alone. It says who it is by a certificate of its
    /// own.
    ///
    /// # Panics
    /// As [`Redis::start`], and where there is no openssl.
    pub fn start_with_tls(test: &str) -> Option<Self> {
        Self::start_by(test, Transport::Tls)
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn start_by(test: &str, transport: Transport) -> Option<Self> {
        if Command::new("redis-server")
            .arg("--version")
            .output()
            .is_err()
        {
            crate::skip(test, "there is no redis-server");
            return None;
        }
        let address = super::free_port();
        let directory = tempfile::tempdir().expect("a directory");
        let mut redis = Self {
            process: spawn(address, &directory, transport),
            address,
            directory,
            transport,
        };
        redis.wait();
        Some(redis)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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
        self.process = spawn(self.address, &self.directory, self.transport);
        self.wait();
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

#[expect(clippy::expect_used, reason = "it is for tests")]
fn spawn(address: SocketAddr, directory: &TempDir, transport: Transport) -> Child {
    let port = address.port().to_string();
    let file = |name: &str| directory.path().join(name);
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(directory.path());
    match transport {
        Transport::Plain => command.args(["--port", &port]),
        Transport::Tls => {
            let made = Command::new("openssl")
                .args(CERTIFICATE)
                .arg("-keyout")
                .arg(file("key"))
                .arg("-out")
                .arg(file("certificate"))
                .output();
            let made = made.expect("openssl, which makes a certificate");
            assert!(made.status.success(), "{made:?}");
            command
                .args(["--port", "0", "--tls-port", &port])
                .args(["--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(file("certificate"))
                .arg("--tls-key-file")
                .arg(file("key"))
                .arg("--tls-ca-cert-file")
                .arg(file("certificate"))
        }
    };
    command.stdout(Stdio::null()).spawn().expect("redis-server")
}
