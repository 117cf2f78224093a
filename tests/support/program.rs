//! The real program, as a process: `hansom run` on free ports, and commands that end by themselves.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

/// Starting takes at most this long: the stream may have to be repaired.
const START: Duration = Duration::from_mins(1);

/// `hansom run` under way. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) ingest: SocketAddr,
    pub(crate) live: SocketAddr,
    pub(crate) admin: SocketAddr,
    lines: mpsc::Receiver<String>,
}

/// A command of the program, without the log filter of whoever runs the tests.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansom"));
    command
        .args(arguments)
        .env_remove("HANSOM_LOG")
        // What servers of tests take; without any the SDK would look for an instance's.
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
    command
}

/// A port that is free now; whoever takes it must be quick.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

impl Program {
    /// Starts `hansom run` on `data`, and waits until it listens.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        Self::start_at(data, "127.0.0.1:0".parse().unwrap(), flags)
    }

    /// The same with ingest at a given address, so that clients find it again.
    #[expect(
        clippy::zombie_processes,
        reason = "a test without a program is over anyway"
    )]
    pub(crate) fn start_at(data: &Path, to: SocketAddr, flags: &[&str]) -> Self {
        let mut child = command(&["run", "--live", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--listen")
            .arg(to.to_string())
            .arg("--data")
            .arg(data)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = follow(child.stderr.take().unwrap());
        let mut before = Vec::new();
        loop {
            let line = lines
                .recv_timeout(START)
                .unwrap_or_else(|_| panic!("no start: {before:?}"));
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "listening" {
                let address = |name: &str| event[name].as_str().unwrap().parse().unwrap();
                return Self {
                    child,
                    ingest: address("ingest"),
                    live: address("live"),
                    admin: address("admin"),
                    lines,
                };
            }
            before.push(line);
        }
    }

    /// Kills it: what it holds in memory is gone, what it gave to the system is not.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until it has ended, and hands out its status and its last log lines.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let status = super::wait_for("the end of the program", || self.child.try_wait().unwrap());
        (status, self.lines.try_iter().collect())
    }

    /// Asks it to stop and checks that it does so in order.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        let (status, log) = self.ended();
        assert!(status.success(), "{status}: {log:#?}");
    }

    /// The most bytes of memory that it has held so far.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<u64>()
            .unwrap()
            << 10
    }

    /// Reads JSON from the live API; None if it answers otherwise than with 200.
    pub(crate) fn live(&self, path: &str) -> Option<Value> {
        get(&format!("http://{}{path}", self.live))?.parse().ok()
    }

    /// The value of a metric, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        get(&format!("http://{}/metrics", self.admin))
            .unwrap_or_default()
            .lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a page; None if there is none.
fn get(url: &str) -> Option<String> {
    let request = async { reqwest::get(url).await?.error_for_status()?.text().await };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(request).ok()
}

fn follow(stderr: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}
