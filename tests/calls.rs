//! Pings by gRPC, through the whole program: sent by another's client, acknowledged, archived once each.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    archive,
    program::{Program, command},
    readers,
};

const CALLER: &str = include_str!("support/caller.py");
const PINGS: u64 = 200;

#[test]
fn anothers_client_is_told_what_is_durable_and_all_of_it_is_archived() {
    let test = "anothers_client_is_told_what_is_durable_and_all_of_it_is_archived";
    let Some(python) = readers::python(test) else {
        return;
    };
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("keys.toml");
    let made = command(&["key", "--file"]).arg(&file).output().unwrap();
    let key = String::from_utf8(made.stdout).unwrap();
    let data = scratch.path().join("data");
    fs::create_dir(&data).unwrap();
    let program = Program::start(&data, &["--api-keys", file.to_str().unwrap()]);
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/proto");
    let arguments = [
        protos.to_str().unwrap(),
        &program.ingest.to_string(),
        key.trim(),
        &PINGS.to_string(),
    ];
    let told = readers::run(&python, CALLER, &arguments);
    let told: Value = serde_json::from_str(&told).unwrap();
    let expected: Vec<_> = (2..=PINGS)
        .step_by(2)
        .map(|items| json!([items, "cab-1", 1, items, 0]))
        .collect();
    assert_eq!(told["good"]["code"], "OK", "{told}");
    assert_eq!(told["good"]["acks"], json!(expected));
    assert_eq!(told["bad"]["acks"], json!([[1, "", 0, 0, 1]]));
    assert_eq!(told["large"]["code"], "OUT_OF_RANGE");
    assert_eq!(told["nobody"]["code"], "UNAUTHENTICATED");
    program.stop();
    let rows = archive::rows(&data, "pings");
    let mut seqs: Vec<u64> = rows.iter().map(|row| row["seq"].parse().unwrap()).collect();
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(1..=PINGS));
    assert!(
        rows.iter().all(|row| row["protocol"] == "grpc"),
        "{:?}",
        rows[0]
    );
}
