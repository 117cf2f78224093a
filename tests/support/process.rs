//! A process of ours that serves: its start, its log, its end. What it serves is not known here.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use serde_json::Value;

/// Starting takes at most this long: the stream may have to be repaired.
const START: Duration = Duration::from_mins(1);

/// A process that listens. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Of one thread at a time, so that several may send it signals.
    log: Mutex<Log>,
    /// The log line that told its addresses.
    listening: Value,
}

impl Process {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = follow(child.stderr.take().unwrap());
        let mut log = Log {
            lines,
            begun: Vec::new(),
        };
        let listening = log.event("listening");
        Self {
            child,
            log: Mutex::new(log),
            listening,
        }
    }

    /// The first line of its log with this message, which it writes when it starts.
    pub(crate) fn said(&self, message: &str) -> Value {
        self.log.lock().unwrap().event(message)
    }

    /// The address of what it calls so.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.listening[name].as_str().unwrap().parse().unwrap()
    }

    /// Kills it: what it holds in memory is gone, what it gave to the system is not.
    pub(crate) fn kill(mut self) {
        self.end_at_once();
    }

    /// The same, for whoever keeps it: afterwards its ports are free.
    pub(crate) fn end_at_once(&mut self) {
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
        let log = self.log.get_mut().unwrap();
        (status, log.lines.try_iter().collect())
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
}

/// What a process says.
struct Log {
    lines: mpsc::Receiver<String>,
    /// What was read of it when it started.
    begun: Vec<String>,
}

impl Log {
    /// The first line with this message; waits for it where it is not there yet.
    fn event(&mut self, message: &str) -> Value {
        let event = |line: &String| {
            let event = serde_json::from_str::<Value>(line).ok()?;
            (event["message"] == message).then_some(event)
        };
        if let Some(event) = self.begun.iter().find_map(event) {
            return event;
        }
        loop {
            let line = self
                .lines
                .recv_timeout(START)
                .unwrap_or_else(|_| panic!("no {message:?}: {:?}", self.begun));
            let event = event(&line);
            self.begun.push(line);
            if let Some(event) = event {
                return event;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
