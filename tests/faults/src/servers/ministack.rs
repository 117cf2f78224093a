//! Athena, Glue and S3, as ministack serves their protocols: the program that `HANSOM_TEST_MINISTACK`
//! names.
//!
//! It really runs queries, by DuckDB, on what S3 has at the places of Glue's tables. It knows no views, no
//! projection of partitions and no lists of files, and takes SQL that Athena would not.

use std::{
    env,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

/// A server of its own; killed when dropped, with what it stored.
#[derive(Debug)]
pub struct Ministack {
    process: Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Ministack {
    /// Starts a server and waits until it listens. None, and said loudly, if there is none to start:
    /// then this test is skipped.
    ///
    /// # Panics
    /// Where what is named is no such program, or it does not listen.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    pub fn start(test: &str) -> Option<Self> {
        let Some(program) = env::var_os("HANSOM_TEST_MINISTACK") else {
            crate::skip(test, "HANSOM_TEST_MINISTACK names no ministack");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory for what it stores");
        let address = super::free_port();
        let process = Command::new(program)
            .envs([
                ("BIND_HOST", "127.0.0.1"),
                ("SERVICES", "s3,glue,athena"),
                ("LOG_LEVEL", "ERROR"),
                // Times are shown in its own zone, where Athena shows them in UTC.
                ("TZ", "UTC"),
            ])
            .env("GATEWAY_PORT", address.port().to_string())
            .env("S3_DATA_DIR", directory.path())
            .env("TMPDIR", directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program that HANSOM_TEST_MINISTACK names");
        let mut server = Self {
            process,
            address,
            _directory: directory,
        };
        super::wait_until_listening(&mut server.process, address, "ministack");
        Some(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
