//! Real input: four million pings of San Francisco cabs through the whole way, counted and
//! compared by DuckDB. Skipped, loudly, where the data or DuckDB is absent.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::support::{
    program::{Program, command},
    readers, skip,
};

/// Where the data lies: `HANSOM_TEST_DATA`, else a directory beside the project's own.
pub(crate) fn data(file: &str, test: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let directory = std::env::var_os("HANSOM_TEST_DATA").map_or_else(beside, PathBuf::from);
    let path = directory.join(file);
    if path.exists() {
        return Some(path);
    }
    skip(test, &format!("{} is absent", path.display()));
    None
}

/// What the archive may take of the bytes that DuckDB takes for the same columns in one file, in %.
const MAX_PERCENT_OF_DUCKDB: u64 = 60;

/// Compares the archive with the file that was replayed: as many rows, the same pings, once each.
/// Then writes the columns that the archive has as DuckDB would, and prints both sizes.
const COMPARE: &str = r#"
import duckdb, glob, os, sys
archive, source, scratch = sys.argv[1:4]
db = duckdb.connect()
db.execute('set enable_progress_bar = false')
db.sql(f"""create view archived as select vehicle_id cab, epoch_ms("time") // 1000 t,
    lat_e7 // 100 lat_e5, lng_e7 // 100 lon_e5, state = 'on_trip' occ
    from read_parquet('{archive}/pings/*/*/*.parquet', hive_partitioning = false)""")
db.sql(f"""create view sent as select cab::varchar cab, t::bigint t, lat_e5::int lat_e5,
    lon_e5::int lon_e5, occ = 1 occ from read_parquet('{source}')""")
rows = db.sql("select count(*) from archived").fetchall()[0][0]
lost = db.sql("select count(*) from (select * from sent except all select * from archived)").fetchall()[0][0]
extra = db.sql("select count(*) from (select * from archived except all select * from sent)").fetchall()[0][0]
ours = sum(os.path.getsize(file) for file in glob.glob(f"{archive}/pings/*/*/*.parquet"))
db.sql(f"""copy (select * from read_parquet('{archive}/pings/*/*/*.parquet', hive_partitioning = false)
    order by received_at) to '{scratch}' (format parquet, compression zstd)""")
print(rows, lost, extra, ours, os.path.getsize(scratch))
"#;

#[test]
fn every_ping_of_san_francisco_is_archived_once() {
    let test = "every_ping_of_san_francisco_is_archived_once";
    let Some(source) = data("sf_cabs_2008.parquet", test) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let program = Program::start(scratch.path(), &["--max-behind", "36500d"]);
    let to = format!("http://{}", program.ingest);
    let status = command(&["replay"])
        .arg(&source)
        .args(["--to", &to, "--speed", "max"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    program.stop();
    let archive = scratch.path().join("archive");
    let copy = scratch.path().join("duckdb.parquet");
    let arguments = [
        archive.to_str().unwrap(),
        source.to_str().unwrap(),
        copy.to_str().unwrap(),
    ];
    let answer = readers::run(&python, COMPARE, &arguments);
    let numbers: Vec<u64> = answer
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    let [rows, lost, extra, ours, duckdbs] = numbers[..] else {
        panic!("{answer}")
    };
    eprintln!("{rows} pings in {ours} bytes; DuckDB writes {duckdbs}");
    assert_eq!((rows, lost, extra), (4_165_519, 0, 0));
    assert!(
        ours * 100 <= duckdbs * MAX_PERCENT_OF_DUCKDB,
        "{ours} bytes, DuckDB {duckdbs}"
    );
}
