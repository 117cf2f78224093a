//! SIGTERM ends the program in order, with everything written; a second signal ends it at once;
//! bad settings are told before anything starts.

use std::time::Duration;

use crate::support::{
    archive,
    program::{Program, command},
};

fn simulate(program: &Program, pings: &str) {
    let status = command(&[
        "simulate",
        "--vehicles",
        "20",
        "--rate",
        "0",
        "--pings",
        pings,
    ])
    .args(["--to", &format!("http://{}", program.ingest)])
    .stdout(std::process::Stdio::null())
    .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_sigterm_writes_everything_and_exits_with_0() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &[]);
    simulate(&program, "5000");
    program.stop();
    assert_eq!(archive::ping_names(data.path()).len(), 5_000);
}

#[test]
fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &[]);
    simulate(&program, "5000");
    // A request that never ends holds the first signal up.
    let half = std::net::TcpStream::connect(program.ingest).unwrap();
    let head = b"POST /v1/pings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    std::io::Write::write_all(&mut &half, head).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    program.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    program.signal("TERM");
    let (status, _) = program.ended();
    // 128 and the number of the signal.
    assert_eq!(status.code(), Some(143));
    Program::start(data.path(), &[]).stop();
    assert_eq!(archive::ping_names(data.path()).len(), 5_000);
}

#[test]
fn a_port_in_use_is_told_by_its_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let output = command(&[
        "run",
        "--live",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--listen",
    ])
    .arg(taken.local_addr().unwrap().to_string())
    .arg("--data")
    .arg(data.path())
    .output()
    .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("--listen"),
        "{errors}"
    );
}
