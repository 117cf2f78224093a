//! What the whole program learns: drives that end teach a model beside the state, from which it goes on
//! when it starts again; and a model that is none keeps it from starting.

use std::{fs, path::Path, process::Stdio};

use crate::support::{
    program::{Program, command},
    wait_for,
};

const FLAGS: [&str; 6] = [
    "--learn-interval",
    "1s",
    "--snapshot-interval",
    "500ms",
    "--max-behind",
    "3650d",
];
/// The simulated clock: 2026-03-02 06:00 UTC.
const START: &str = "1772431200000";

fn simulate(program: &Program) {
    let status = command(&["simulate", "--vehicles", "20", "--rate", "0"])
        .args(["--pings", "20000", "--seed", "11", "--start", START])
        .args(["--to", &format!("http://{}", program.ingest)])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

/// The links of everywhere's model.
fn links(data: &Path) -> usize {
    fs::read_dir(data.join("state/_models/everywhere")).map_or(0, Iterator::count)
}

/// Waits until a model remembers drives; how many they are.
fn drives(program: &Program) -> f64 {
    wait_for("drives that are remembered", || {
        let drives = program.metric("hansom_processor_model_drives");
        (drives > 0.0).then_some(drives)
    })
}

#[test]
fn drives_that_end_are_learned_and_known_when_it_starts_again() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &FLAGS);
    assert_eq!(links(data.path()), 0);
    simulate(&program);
    let learned = drives(&program);
    assert!(program.metric("hansom_processor_eta_lessons_total") >= learned);
    assert!(program.metric("hansom_processor_eta_promises_total") > learned);
    assert!((1..=3).contains(&links(data.path())));
    program.stop();
    let again = Program::start(data.path(), &FLAGS);
    assert!(drives(&again) >= learned);
    again.stop();
}

#[test]
fn a_file_that_is_no_model_is_told_by_its_flag() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("rides.csv");
    fs::write(&file, "ride,fare").unwrap();
    let mut run = command(&["run", "--live", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    run.args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data.path());
    let output = run.arg("--model").arg(&file).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_told = errors.contains("--model") && errors.contains("rides.csv");
    assert!(
        !output.status.success() && is_told && errors.contains("no model"),
        "{errors}"
    );
}
