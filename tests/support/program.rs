//! The real programs, as processes: `hansom run` on free ports, the services, and commands that end
//! by themselves.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::SystemTime,
};

use serde_json::Value;

use super::process::Process;

/// How to build what the tests run.
const BUILD: &str = "run `cargo build --workspace --bins --tests`, with --release if the tests are";

/// `hansom run` under way. Killed when dropped.
pub(crate) struct Program {
    process: Process,
    pub(crate) ingest: SocketAddr,
    pub(crate) live: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// A command of the program.
pub(crate) fn command(arguments: &[&str]) -> Command {
    undisturbed(env!("CARGO_BIN_EXE_hansom"), arguments)
}

/// The program of a service, which lies beside `hansom` once it is built: cargo builds programs of
/// other packages for no test.
pub(crate) fn service(name: &str, arguments: &[&str]) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_hansom")).with_file_name(name);
    assert!(path.exists(), "{} is not there: {BUILD}", path.display());
    let built = modified(&path);
    let sources = sources(&path);
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}/src/main.rs"));
    assert!(
        sources.contains(&main),
        "{} is not built from {}: {BUILD}",
        path.display(),
        main.display(),
    );
    for source in sources {
        assert!(
            source.exists() && modified(&source) <= built,
            "{} is older than {}: {BUILD}",
            path.display(),
            source.display(),
        );
    }
    undisturbed(path, arguments)
}

/// What a program was built from, as cargo noted it beside the program.
fn sources(program: &Path) -> Vec<PathBuf> {
    let notes = fs::read_to_string(program.with_extension("d")).unwrap();
    let (_, sources) = notes.trim().split_once(": ").unwrap();
    // A space in a path is written as "\ ".
    let sources = sources.replace("\\ ", "\0");
    let paths = sources.split(' ').map(|path| path.replace('\0', " "));
    paths.map(PathBuf::from).collect()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// A command without the settings of whoever runs the tests.
fn undisturbed(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_remove("HANSOM_LOG")
        // Tests of who may do what take it away.
        .env("HANSOM_INSECURE_DEMO", "true")
        // What servers of tests take; without any the SDK would look for an instance's.
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
    command
}

impl Program {
    /// Starts `hansom run` on `data`, and waits until it listens.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        Self::start_at(data, "127.0.0.1:0".parse().unwrap(), flags)
    }

    /// The same with ingest at a given address, so that clients find it again.
    pub(crate) fn start_at(data: &Path, to: SocketAddr, flags: &[&str]) -> Self {
        let mut run = command(&["run", "--live", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        run.arg("--listen").arg(to.to_string());
        run.arg("--data").arg(data).args(flags);
        if flags.contains(&"--api-keys") || flags.contains(&"--jwks") {
            run.env_remove("HANSOM_INSECURE_DEMO");
        }
        let process = Process::start(&mut run);
        Self {
            ingest: process.address("ingest"),
            live: process.address("live"),
            admin: process.address("admin"),
            process,
        }
    }

    /// Kills it: what it holds in memory is gone, what it gave to the system is not.
    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// The first line of its log with this message; waits for it where it is not there yet.
    pub(crate) fn said(&self, message: &str) -> Value {
        self.process.said(message)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it has ended, and hands out its status and its last log lines.
    pub(crate) fn ended(self) -> (ExitStatus, Vec<String>) {
        self.process.ended()
    }

    /// Asks it to stop and checks that it does so in order.
    pub(crate) fn stop(self) {
        self.process.stop();
    }

    /// The most bytes of memory that it has held so far.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.process.peak_bytes()
    }

    /// Reads JSON from the live API; None if it answers otherwise than with 200.
    pub(crate) fn live(&self, path: &str) -> Option<Value> {
        get(&format!("http://{}{path}", self.live))?.parse().ok()
    }

    /// The value of a metric, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        metric(self.admin, name)
    }
}

/// The value of a metric on an admin port, summed over its labels.
pub(crate) fn metric(admin: SocketAddr, name: &str) -> f64 {
    get(&format!("http://{admin}/metrics"))
        .unwrap_or_default()
        .lines()
        .filter(|line| line.split(['{', ' ']).next() == Some(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Reads a page; None if there is none.
pub(crate) fn get(url: &str) -> Option<String> {
    let request = async { reqwest::get(url).await?.error_for_status()?.text().await };
    wait(request).ok()
}

/// Posts a JSON document; None if it is answered otherwise than with 2xx.
pub(crate) fn post(url: &str, document: &Value) -> Option<String> {
    let request = reqwest::Client::new().post(url).json(document).send();
    wait(async { request.await?.error_for_status()?.text().await }).ok()
}

/// Waits for what is asked of a server.
pub(crate) fn wait<Done>(work: impl Future<Output = Done>) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}
