//! PostgreSQL, as Debian has it: a database of its own in a directory of its own, which counts what
//! it is asked.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// It does not run as root; this user is there where it is installed.
const USER: &str = "postgres";

/// A server of its own; ended when dropped.
pub struct Postgres {
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Postgres {
    /// Starts a server and waits until it listens. None if there is none to start.
    ///
    /// # Panics
    /// Where it does not listen.
    #[expect(clippy::expect_used, reason = "it is for tests and benchmarks")]
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("a directory for data");
        let is_root = is_root();
        if is_root {
            for path in [directory.path(), &data] {
                let given = Command::new("chown").arg(USER).arg(path).status();
                assert!(given.expect("chown").success(), "a directory for {USER}");
            }
        }
        let command = |name: &str| {
            let program = programs.join(name);
            if is_root {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
                command.arg(program);
                command
            } else {
                Command::new(program)
            }
        };
        let made = command("initdb")
            .args(["--auth", "trust", "--username", USER, "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb");
        assert!(made.status.success(), "{made:?}");
        let address = super::free_port();
        let process = command("postgres")
            .args(["-p", &address.port().to_string(), "-D"])
            .arg(&data)
            .args(["-c", "listen_addresses=127.0.0.1"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", data.display()))
            .args(["-c", "shared_preload_libraries=pg_stat_statements"])
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres");
        let mut postgres = Self {
            process,
            address,
            _directory: directory,
        };
        super::wait_until_listening(&mut postgres.process, address, "postgres");
        Some(postgres)
    }

    /// How to reach it.
    pub fn settings(&self) -> String {
        let port = self.address.port();
        format!("host=127.0.0.1 port={port} user={USER}")
    }

    /// The process that all its others are children of.
    pub fn process(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, with all its processes: SIGQUIT. What it has is nobody's.
        let pid = self.process.id().to_string();
        let _sent = Command::new("kill").args(["-s", "QUIT", &pid]).status();
        let _status = self.process.wait();
    }
}

/// Where the programs of the latest version are.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.flatten();
    let each = versions.map(|version| version.path().join("bin"));
    each.filter(|bin| bin.join("postgres").exists()).max()
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output();
    told.is_ok_and(|told| told.stdout == b"0\n")
}
