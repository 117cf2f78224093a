//! Exports for regulators, on an archive that the real program wrote: each profile is made, verified and
//! made again; late rows make a revision; what is wrong is said, and leaves nothing behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};

use crate::support::{
    archive,
    office::{DAY, HOUR, Office, check, check_refused, said},
    program::post,
    readers,
    tools::Tools,
};

/// The rows of a JSON document's array.
fn rows(path: &Path, array: &str) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    document[array].as_array().unwrap().clone()
}

#[test]
fn every_profile_is_exported_and_verified_and_is_the_same_when_made_again() {
    let office = Office::open();
    let profiles = [
        ("mds", HOUR),
        ("chicago-tnp", DAY),
        ("cpuc", DAY),
        ("sf-taxi", DAY),
        ("nyc-hvfhv", DAY),
    ];
    for (profile, period) in profiles {
        let exported = format!("exported {profile}/bay/{period}/r001");
        check(&office.export("out", profile, period, &[]), &exported);
        check(&office.export("again", profile, period, &[]), &exported);
        let unchanged = format!("unchanged {profile}/bay/{period}/r001");
        check(&office.export("out", profile, period, &[]), &unchanged);
    }
    check(&office.verify("out"), "ok    mds/bay");
    // All but the links, which say when they were signed.
    let exported = |out| -> Vec<_> {
        let files = office.files(out).into_iter();
        files
            .filter(|(name, _)| !name.contains("_chain/"))
            .collect()
    };
    let (first, second) = (exported("out"), exported("again"));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&first), names(&second));
    assert!(first == second, "the same archive gives the same bytes");
}

#[test]
fn an_hour_of_mds_is_what_the_archive_has_of_it() {
    let test = "an_hour_of_mds_is_what_the_archive_has_of_it";
    let office = Office::open();
    let (vehicles, rides) = office.registry();
    let registry = ["--registry", &vehicles, "--registry", &rides];
    check(
        &office.export("out", "mds", HOUR, &registry),
        ", 0 exceptions",
    );
    let directory = office.path("out").join("mds/bay").join(HOUR).join("r001");
    let in_hour =
        |row: &BTreeMap<String, String>, column: &str| row[column].starts_with("2026-03-08 09:");
    let telemetry = rows(&directory.join("telemetry-1.json"), "telemetry");
    let pings = archive::rows(office.scratch.path(), "pings");
    let pings = pings.iter().filter(|row| in_hour(row, "time")).count();
    assert!(pings > 10_000, "{pings}");
    assert_eq!(telemetry.len(), pings);
    let ids: BTreeSet<&str> = telemetry
        .iter()
        .map(|row| row["telemetry_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), pings, "no fix is there twice");

    let trips = rows(&directory.join("trips-1.json"), "trips");
    let archived = archive::rows(office.scratch.path(), "trips");
    let ended: BTreeSet<&String> = archived
        .iter()
        .filter(|row| in_hour(row, "ended_at") && row["outcome"] == "completed")
        .map(|row| &row["ride_id"])
        .collect();
    assert!(!ended.is_empty());
    assert_eq!(trips.len(), ended.len());
    let metres: u64 = trips
        .iter()
        .map(|trip| trip["distance"].as_u64().unwrap())
        .sum();
    assert!(metres > 1_000, "{metres}");

    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/json/mds");
    let Some(tools) = Tools::find(test) else {
        return;
    };
    for topic in ["trips", "telemetry", "events", "vehicles"] {
        let checked = tools
            .command("check-jsonschema")
            .arg("--schemafile")
            .arg(schemas.join(format!("{topic}.schema.json")))
            .arg(directory.join(format!("{topic}-1.json")))
            .output()
            .unwrap();
        assert!(checked.status.success(), "{topic}: {}", said(&checked));
    }
}

#[test]
fn what_nobody_has_told_is_an_exception_until_the_registry_tells_it() {
    let office = Office::open();
    check(&office.export("out", "sf-taxi", DAY, &[]), "exported");
    let exceptions = office
        .path("out/_exceptions/sf-taxi/bay")
        .join(DAY)
        .join("r001.csv");
    let before = fs::read_to_string(&exceptions).unwrap();
    assert!(
        before.contains("taxi-trips,vehicle_placard_number,missing"),
        "{before}"
    );
    let vehicles: BTreeSet<String> = archive::rows(office.scratch.path(), "trips")
        .into_iter()
        .map(|row| format!("{},{}", row["fleet_id"], row["vehicle_id"]))
        .collect();
    let lines: Vec<String> = vehicles
        .iter()
        .map(|id| format!("{id},P-{}", id.len()))
        .collect();
    let registry = format!("fleet_id,vehicle_id,placard\n{}\n", lines.join("\n"));
    fs::write(office.path("vehicles.csv"), registry).unwrap();
    let registry = office.text("vehicles.csv");
    let again = office.export("out", "sf-taxi", DAY, &["--registry", &registry]);
    check_refused(&again, "--revise makes a new one");
    let revised = office.export(
        "out",
        "sf-taxi",
        DAY,
        &["--registry", &registry, "--revise"],
    );
    check(&revised, "r002");
    let after = exceptions.with_file_name("r002.csv");
    let after = fs::read_to_string(after).unwrap();
    assert!(!after.contains("vehicle_placard_number"), "{after}");
    check(&office.verify("out"), "r002");
}

#[test]
fn a_row_that_comes_late_needs_a_revision_that_names_what_it_supersedes() {
    let office = Office::open();
    check(&office.export("out", "mds", HOUR, &[]), "exported");
    let program = office.program();
    let ping = json!({
        "vehicle_id": "late-cab", "time_ms": 1_772_962_200_000_i64, "lat": 37.77, "lng": -122.42,
    });
    post(&format!("http://{}/v1/pings", program.ingest), &ping).unwrap();
    program.stop();
    check_refused(
        &office.export("out", "mds", HOUR, &[]),
        "has changed since revision 1",
    );
    check(&office.export("out", "mds", HOUR, &["--revise"]), "r002");
    let revisions = ["r001", "r002"].map(|revision| {
        let directory = office.path("out").join("mds/bay").join(HOUR).join(revision);
        let manifest = fs::read(directory.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        (
            manifest,
            rows(&directory.join("telemetry-1.json"), "telemetry").len(),
        )
    });
    let [(first, before), (second, after)] = revisions;
    assert_eq!(after, before + 1);
    assert_eq!(first["supersedes"], Value::Null);
    assert_eq!(second["supersedes"], second["previous"]);
    assert!(second["previous"].is_string());
    check(&office.verify("out"), "r002");
}

#[test]
fn an_empty_period_is_an_empty_signed_export() {
    let office = Office::open();
    let empty = "2026-03-07T20";
    check(&office.export("out", "mds", empty, &[]), "0 rows");
    check(&office.verify("out"), "ok    mds/bay/2026-03-07T20/r001");
    let directory = office.path("out").join("mds/bay").join(empty).join("r001");
    assert_eq!(rows(&directory.join("trips-1.json"), "trips").len(), 0);
}

#[test]
fn a_mistake_is_said_and_leaves_nothing_behind() {
    let office = Office::open();
    let open = office.export("out", "mds", "2999-01-01T00", &[]);
    check_refused(&open, "is still open");
    let unknown = office.export("out", "mds", HOUR, &["--jurisdiction", "mars"]);
    check_refused(&unknown, "unknown jurisdiction \"mars\"");
    check_refused(&office.export("out", "pluto", HOUR, &[]), "unknown profile");
    check_refused(
        &office.export("out", "mds", "yesterday", &[]),
        "is not YYYY-MM-DDTHH",
    );
    let nowhere = office.url("nowhere");
    let elsewhere = || office.export("out", "mds", HOUR, &["--archive", &nowhere]);
    check_refused(&elsewhere(), "No such file or directory");
    fs::create_dir(office.path("nowhere")).unwrap();
    check_refused(&elsewhere(), "it is no archive");
    assert_eq!(office.files("out"), []);

    let files = archive::files(office.scratch.path(), "pings");
    let file = files
        .iter()
        .find(|file| file.to_str().unwrap().contains("hour=09"))
        .unwrap();
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..whole.len() / 2]).unwrap();
    let cut = office.export("out", "mds", HOUR, &[]);
    check_refused(&cut, "cut off");
    check_refused(&cut, file.file_name().unwrap().to_str().unwrap());
    fs::write(file, b"no parquet at all").unwrap();
    check_refused(&office.export("out", "mds", HOUR, &[]), "hour=09");
    assert_eq!(office.files("out"), [], "nothing half written is there");

    fs::write(file, &whole).unwrap();
    check(&office.export("out", "mds", HOUR, &[]), "exported");
    let trips = office
        .path("out")
        .join("mds/bay")
        .join(HOUR)
        .join("r001/trips-1.json");
    let mut bytes = fs::read(&trips).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&trips, bytes).unwrap();
    check_refused(&office.verify("out"), "trips-1.json");
}

#[test]
fn parquet_for_new_york_is_read_by_others() {
    let test = "parquet_for_new_york_is_read_by_others";
    let Some(python) = readers::python(test) else {
        return;
    };
    let office = Office::open();
    check(&office.export("out", "nyc-hvfhv", DAY, &[]), "exported");
    let directory = office
        .path("out")
        .join("nyc-hvfhv/bay")
        .join(DAY)
        .join("r001");
    let script = "
import glob, sys, duckdb, pyarrow.parquet as pq
file, = glob.glob(sys.argv[1] + '/*.parquet')
table = pq.read_table(file)
rows, = duckdb.sql(f\"select count(*), count(distinct PULocationID), min(trip_time) from '{file}'\").fetchall()
print(table.num_rows, rows[0], rows[1], rows[2] > 0, table.schema.field('pickup_datetime').type)
";
    let printed = readers::run(&python, script, &[directory.to_str().unwrap()]);
    let words: Vec<&str> = printed.split_whitespace().collect();
    assert_eq!(words[0], words[1], "{printed}");
    assert!(words[0].parse::<u64>().unwrap() > 0, "{printed}");
    assert_eq!(words[2..], ["2", "True", "timestamp[us]"], "{printed}");
}
