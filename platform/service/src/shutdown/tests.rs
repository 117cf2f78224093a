//! Signals end processes, so processes of their own are signalled here.

use std::{
    env,
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::*;

/// Tells the child what to do when it shall stop.
const ENDING_VARIABLE: &str = "SHUTDOWN_TEST_ENDING";

/// Longer than any test.
const LONG_GRACE: Duration = Duration::from_hours(1);

#[tokio::test]
#[ignore = "waits for signals, as the child of the tests below"]
async fn wait_for_signals() {
    let Ok(ending) = env::var(ENDING_VARIABLE) else {
        return;
    };
    let grace = if ending == "out of grace" {
        Duration::from_millis(1)
    } else {
        LONG_GRACE
    };
    let shutdown = Shutdown::new();
    on_signal(shutdown.clone(), grace).unwrap();
    println!("\nwatching");
    shutdown.requested().await;
    println!("\nrequested");
    if ending != "clean" {
        // Blocks the runtime for ever: the way out may not depend on it.
        loop {
            thread::park();
        }
    }
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(ending: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "shutdown::tests::wait_for_signals",
                "--ignored",
                "--nocapture",
            ])
            .env(ENDING_VARIABLE, ending)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut process = Self { child, lines };
        process.wait_for("watching");
        process
    }

    fn wait_for(&mut self, wanted: &str) {
        let found = self
            .lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line == wanted);
        assert!(found, "the process ended before it said {wanted:?}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s $0 $1", name, &id])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn a_signal_requests_the_shutdown_and_the_process_ends_by_itself() {
    for signal in ["TERM", "INT"] {
        let mut process = Process::start("clean");
        process.signal(signal);
        process.wait_for("requested");
        assert_eq!(process.exit_code(), Some(0), "{signal}");
    }
}

#[test]
fn a_second_signal_ends_a_process_that_is_stuck() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut process = Process::start("stuck");
        process.signal("TERM");
        process.wait_for("requested");
        process.signal(signal);
        assert_eq!(process.exit_code(), Some(code), "{signal}");
    }
}

#[test]
fn a_process_that_is_stuck_ends_with_the_grace_period() {
    let process = Process::start("out of grace");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(1));
}

#[tokio::test]
async fn a_request_reaches_clones_and_children_and_not_the_parent() {
    let parent = Shutdown::new();
    let (middle, other) = (parent.child(), parent.child());
    let child = middle.child();

    middle.request();
    middle.request();
    child.requested().await;
    middle.clone().requested().await;
    assert!(child.is_requested());
    assert!(!parent.is_requested());
    assert!(!other.is_requested());

    parent.request();
    other.requested().await;
    assert!(
        parent.child().is_requested(),
        "a child that comes late is requested at once"
    );
}

#[tokio::test]
async fn work_that_waits_is_dropped_when_a_stop_is_requested() {
    let shutdown = Shutdown::new();
    assert_eq!(shutdown.unless_requested(async { 7 }).await, Some(7));
    let (waiting, ()) = tokio::join!(
        shutdown.unless_requested(std::future::pending::<()>()),
        async { shutdown.request() },
    );
    assert_eq!(waiting, None);
}
