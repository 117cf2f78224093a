//! The archive in a bucket: over a network that fails, and with the program killed meanwhile, it
//! holds every acked ping once. Read back by pyarrow, which has a client of its own.

use std::{collections::BTreeSet, fs, process::Stdio, thread, time::Duration};

use faults::{Plan, servers::free_port};

use crate::support::{
    moto::Moto,
    program::{Program, command},
    readers, wait_for,
};

const KILLS: usize = 6;
const PINGS: &str = "30000";

/// Prints the name of every ping in the bucket.
const NAMES: &str = "
import sys
import pyarrow.dataset as dataset
from pyarrow.fs import S3FileSystem
store = S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                     endpoint_override='http://' + sys.argv[1])
pings = dataset.dataset('rides/sf/pings', filesystem=store, format='parquet')
table = pings.to_table(columns=['vehicle_id', 'epoch', 'seq'])
for row in zip(*(column.to_pylist() for column in table.columns)):
    print(*row)
";

#[test]
fn the_archive_in_a_bucket_has_every_acked_ping_once_though_the_network_fails() {
    let test = "the_archive_in_a_bucket_has_every_acked_ping_once_though_the_network_fails";
    let Some(python) = readers::python(test) else {
        return;
    };
    let Some(moto) = Moto::start(test, Plan::each(12)) else {
        return;
    };
    moto.make_bucket("rides");
    let scratch = tempfile::tempdir().unwrap();
    let (data, acked) = (scratch.path().join("data"), scratch.path().join("acked"));
    let archive = format!(
        "s3://rides/sf?region=us-east-1&endpoint=http://{}",
        moto.proxy.address()
    );
    let flags = [
        "--archive",
        &archive,
        "--archive-max-age",
        "2s",
        "--max-behind",
        "3650d",
    ];
    let ingest = free_port();
    let mut fleet = command(&["simulate", "--faults", "--vehicles", "50", "--rate", "0"])
        .args([
            "--pings",
            PINGS,
            "--seed",
            "5",
            "--batch",
            "50",
            "--patience",
            "300s",
        ])
        .args(["--to", &format!("http://{ingest}"), "--acked"])
        .arg(&acked)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut kills = 0;
    while kills < KILLS || fleet.try_wait().unwrap().is_none() {
        let program = Program::start_at(&data, ingest, &flags);
        thread::sleep(Duration::from_millis(1_500));
        program.kill();
        kills += 1;
    }
    assert!(
        fleet.wait().unwrap().success(),
        "the fleet was answered otherwise than expected"
    );
    let faults = moto.proxy.counts().faults;
    moto.proxy.set_plan(Plan::CALM);
    let program = Program::start_at(&data, ingest, &flags);
    wait_for("the archiver to begin", || {
        (program.metric("hansom_archiver_window_vehicles") > 0.0).then_some(())
    });
    program.stop();

    assert!(faults > 10, "only {faults} requests failed");
    let acked = fs::read_to_string(acked).unwrap();
    let acked: BTreeSet<&str> = acked.lines().collect();
    let archived = readers::run(&python, NAMES, &[&moto.address().to_string()]);
    let rows: Vec<&str> = archived.lines().collect();
    let names: BTreeSet<&str> = rows.iter().copied().collect();
    eprintln!(
        "{kills} kills, {faults} faults, {} pings acked",
        acked.len()
    );
    assert_eq!(rows.len(), names.len(), "no ping is there twice");
    assert!(
        names == acked,
        "{} archived, {} acked",
        names.len(),
        acked.len()
    );
}
