//! Analysts: the statements, queries and limits of `schemas/athena` on an archive that the real program
//! wrote. What is asked and compared stands in Python, in `support/analysts`; it is the language of the
//! readers.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use faults::servers::Ministack;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    program::{Program, command},
    readers, skip,
};

/// When the fleet begins to drive, 2026-01-15 07:00 UTC: the example queries ask for that day, and for a
/// vehicle and a ride of this fleet.
const START: &str = "1768460400000";

/// The archive of a fleet that drove for three hours, with all that goes wrong. A file of pings is large,
/// all others are small.
fn archive_of_a_day() -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    // Ten years back is old enough for the fleet, and not for a device that believes it is 1970.
    let program = Program::start(scratch.path(), &["--max-behind", "3650d"]);
    let to = format!("http://{}", program.ingest);
    let status = command(&["simulate", "--to", &to, "--start", START, "--faults"])
        .args(["--vehicles", "30", "--interval", "2s", "--pings", "160000"])
        .args(["--rate", "0", "--seed", "7"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    program.stop();
    let archive = scratch.path().join("archive");
    (scratch, archive)
}

/// Runs a script of `support/analysts` and reads what it printed last.
fn run(python: &Path, script: &str, arguments: &[&str]) -> Value {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/analysts");
    let output = Command::new(python)
        .arg("-B")
        .arg(scripts.join(script))
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap()
}

#[test]
fn ten_queries_say_what_the_rows_say_wherever_they_run() {
    let test = "ten_queries_say_what_the_rows_say_wherever_they_run";
    let (Some(python), Some(server)) = (readers::python(test), Ministack::start(test)) else {
        return;
    };
    let (_scratch, archive) = archive_of_a_day();
    let endpoint = format!("http://{}", server.address());
    let archive = archive.to_str().unwrap();
    let rows = run(&python, "queries.py", &[archive, &endpoint]);
    let rows = rows.as_object().unwrap();
    assert_eq!(rows.len(), 10, "{rows:?}");
    assert!(
        rows.values().all(|count| count.as_u64() > Some(0)),
        "{rows:?}"
    );
}

#[test]
fn filter_columns_have_their_range_in_every_kind_of_file() {
    let test = "filter_columns_have_their_range_in_every_kind_of_file";
    let Some(python) = readers::python(test) else {
        return;
    };
    let (_scratch, archive) = archive_of_a_day();
    let kinds = run(&python, "ranges.py", &[archive.to_str().unwrap()]);
    for kind in [
        "pings large",
        "pings small",
        "ride_events small",
        "trips small",
    ] {
        assert!(kinds[kind].as_u64() > Some(0), "no {kind}: {kinds}");
    }
}

#[test]
fn the_workgroup_is_one_that_athena_takes() {
    let test = "the_workgroup_is_one_that_athena_takes";
    let (Some(python), Some(server)) = (readers::python(test), Ministack::start(test)) else {
        return;
    };
    let endpoint = format!("http://{}", server.address());
    let limits = run(&python, "workgroup.py", &[&endpoint]);
    assert!(limits["BytesScannedCutoffPerQuery"].is_u64(), "{limits}");
}

#[test]
#[ignore = "it needs Java, and Spark with 1 GB of its own: tests/run --spark"]
fn spark_with_hive_reads_what_others_read() {
    let test = "spark_with_hive_reads_what_others_read";
    let Some(spark) = std::env::var_os("HANSOM_TEST_SPARK_PYTHON").map(PathBuf::from) else {
        skip(
            test,
            "HANSOM_TEST_SPARK_PYTHON names no Python with pyspark: tests/run --spark",
        );
        return;
    };
    let (scratch, archive) = archive_of_a_day();
    let metastore = scratch.path().join("spark");
    std::fs::create_dir(&metastore).unwrap();
    let [archive, metastore] = [&archive, &metastore].map(|path| path.to_str().unwrap());
    let rows = run(&spark, "spark.py", &[archive, metastore]);
    for table in ["pings", "ride_events", "trips"] {
        assert!(rows[table].as_u64() > Some(0), "{rows}");
    }
}
