//! No query at any moment sees a row twice or not at all: the archive is compacted by real processes, which
//! are killed, while the program commits late rows and a reader of others reads by the lists, on a directory
//! and in a bucket. What other interleavings do, the archiver's model test knows.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use faults::Plan;
use serde_json::json;

use crate::support::{
    moto::Moto,
    office::{archiver, check},
    program::{Program, service, wait},
    readers,
};

/// How long all go on at once.
const LASTS: Duration = Duration::from_secs(30);
/// Longer than a reader takes, short enough that files are deleted while the test goes on.
const GRACE: &str = "8s";
/// Vehicles, each of which drives through every hour again and again.
const VEHICLES: u64 = 12;
/// Hours that rows fall into, in whatever order.
const HOURS: u64 = 3;
/// 2026-01-05, midnight: long over for every compaction.
const MIDNIGHT_MS: u64 = 1_767_571_200_000;
/// Of these hours, and no other.
const BEFORE: &str = "2026-02-01";

/// Reads the lists, and then what they name, with DuckDB; again and again until its input ends. Prints
/// how often, and how many rows there were in the end.
const DIRECTORY: &str = "
import duckdb, glob, select, sys
root, before, reads = sys.argv[1], 0, 0
while not (select.select([sys.stdin], [], [], 0.05)[0] and reads):
    if not glob.glob(root + '/tables/pings/*/*/files.txt'):
        continue
    db = duckdb.connect()
    db.execute('SET enable_progress_bar = false')
    db.execute(f\"\"\"SET VARIABLE files = (SELECT list(uri) FROM read_csv('{root}/tables/pings/*/*/files.txt',
        header = false, delim = '\\n', columns = {{'uri': 'VARCHAR'}}))\"\"\")
    rows, names = db.execute('''SELECT count(*), count(DISTINCT (fleet_id, vehicle_id, epoch, seq))
        FROM read_parquet(getvariable('files'))''').fetchone()
    assert rows == names, f'{rows} rows, {names} names'
    assert rows >= before, f'{rows} rows, {before} before'
    before, reads = rows, reads + 1
print(reads, before)
";

/// The same in a bucket: pyarrow gets the files that the lists name, DuckDB counts.
const BUCKET: &str = "
import duckdb, pyarrow.dataset as dataset, select, sys
from pyarrow.fs import FileSelector, S3FileSystem
store = S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                     endpoint_override='http://' + sys.argv[1])
before, reads = 0, 0
while not (select.select([sys.stdin], [], [], 0.05)[0] and reads):
    found = store.get_file_info(FileSelector('rides/sf/tables/pings', recursive=True, allow_not_found=True))
    files = []
    for info in found:
        if info.is_file:
            with store.open_input_stream(info.path) as stream:
                files += stream.read().decode().split()
    if not files:
        continue
    pings = dataset.dataset([uri.removeprefix('s3://') for uri in files], filesystem=store, format='parquet')
    db = duckdb.connect()
    db.execute('SET enable_progress_bar = false')
    rows, names = db.execute('''SELECT count(*), count(DISTINCT (fleet_id, vehicle_id, epoch, seq))
        FROM pings''').fetchone()
    assert rows == names, f'{rows} rows, {names} names'
    assert rows >= before, f'{rows} rows, {before} before'
    before, reads = rows, reads + 1
print(reads, before)
";

/// A reader of others, under way. Killed when dropped.
struct Reader(Child);

impl Reader {
    fn start(python: &Path, (script, place): (&str, &str)) -> Self {
        let mut command = Command::new(python);
        command.args(["-c", script, place]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Ends it; says how often it has read, and how many rows at last. It has failed where it saw a row
    /// twice or not at all.
    fn end(mut self) -> (u64, u64) {
        // Where it has failed, nobody reads this.
        let _told = self.0.stdin.take().unwrap().write_all(b"end\n");
        let mut printed = String::new();
        let mut out = self.0.stdout.take().unwrap();
        out.read_to_string(&mut printed).unwrap();
        assert!(self.0.wait().unwrap().success(), "the reader has failed");
        let (reads, rows) = printed.trim().split_once(' ').unwrap();
        (reads.parse().unwrap(), rows.parse().unwrap())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _killed = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Lets vehicles drive through past hours, in any order; says how many pings were acknowledged.
fn drive(program: &Program, is_over: &AtomicBool) -> u64 {
    let client = reqwest::Client::new();
    let mut number = 0;
    let work = async {
        while !is_over.load(Ordering::Relaxed) {
            let lines = (number..number + 40).map(|number| {
                let (vehicle, seq) = (number % VEHICLES, number / VEHICLES);
                let time_ms = MIDNIGHT_MS + number % HOURS * 3_600_000 + seq * 100;
                let ping = json!({
                    "vehicle_id": format!("v{vehicle}"), "epoch": 1, "seq": seq, "time_ms": time_ms,
                    "lat": 37.7 + seq as f64 * 1e-7, "lng": -122.4,
                });
                ping.to_string()
            });
            let post = client.post(format!("http://{}/v1/pings", program.ingest));
            let post = post.header("Content-Type", "application/x-ndjson");
            let body = lines.collect::<Vec<_>>().join("\n");
            post.body(body)
                .send()
                .await
                .unwrap()
                .error_for_status()
                .unwrap();
            number += 40;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    wait(work);
    number
}

/// The command that compacts an archive, and keeps for so long what it replaced.
fn compacting<'a>(archive: &'a str, grace: &'a str) -> [&'a str; 7] {
    let [before, keep] = ["--before", "--grace"];
    ["compact", "--archive", archive, before, BEFORE, keep, grace]
}

/// Compacts again and again, killed after so many milliseconds, now and then by two at once; says how many
/// were killed, and how many ended before.
fn compact(archive: &str, is_over: &AtomicBool) -> (u32, u32) {
    let (mut kills, mut ends) = (0, 0);
    let mut turn = 3;
    while !is_over.load(Ordering::Relaxed) {
        turn = turn * 7 % 1_999;
        // A directory is compacted in a tenth of the time that a bucket takes.
        let wait_ms = if turn % 2 == 0 { turn } else { turn % 100 };
        let start = || {
            let mut command = service("archiver", &compacting(archive, GRACE));
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut running = vec![start()];
        if turn % 3 == 0 {
            running.push(start());
        }
        thread::sleep(Duration::from_millis(wait_ms));
        for mut process in running {
            if process.try_wait().unwrap().is_some() {
                ends += 1;
            } else {
                process.kill().unwrap();
                process.wait().unwrap();
                kills += 1;
            }
        }
    }
    (kills, ends)
}

/// All of it at once, and then the account of it.
fn check_readers(archive: &str, python: &Path, place: (&str, &str)) {
    let data = tempfile::tempdir().unwrap();
    let flags = [
        "--archive",
        archive,
        "--archive-max-age",
        "300ms",
        "--max-behind",
        "3650d",
    ];
    let program = Program::start(data.path(), &flags);
    let reader = Reader::start(python, place);
    let is_over = AtomicBool::new(false);
    let (driven, (kills, ends)) = thread::scope(|scope| {
        let driving = scope.spawn(|| drive(&program, &is_over));
        let compactions = scope.spawn(|| compact(archive, &is_over));
        thread::sleep(LASTS);
        is_over.store(true, Ordering::Relaxed);
        (driving.join().unwrap(), compactions.join().unwrap())
    });
    let (reads, _) = reader.end();
    program.stop();

    check(&archiver(&compacting(archive, "0s")), "");
    assert_eq!(Reader::start(python, place).end().1, driven);
    let flags = [
        "audit",
        "--archive",
        archive,
        "--period",
        "2026-01-05",
        "--deep",
    ];
    let account = format!("pings: {driven} rows committed = {driven} in {HOURS} files");
    check(&archiver(&flags), &account);
    assert!(
        kills > 5 && ends > 1 && reads > 3,
        "too little happened to tell: {kills} killed, {ends} ended, {reads} reads"
    );
}

#[test]
fn queries_on_a_directory_see_each_row_once_whatever_is_compacted_and_killed() {
    let test = "queries_on_a_directory_see_each_row_once_whatever_is_compacted_and_killed";
    let Some(python) = readers::python(test) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("archive").display().to_string();
    check_readers(&format!("file://{root}"), &python, (DIRECTORY, &root));
}

#[test]
fn queries_on_a_bucket_see_each_row_once_whatever_is_compacted_and_killed() {
    let test = "queries_on_a_bucket_see_each_row_once_whatever_is_compacted_and_killed";
    let Some(python) = readers::python(test) else {
        return;
    };
    let Some(moto) = Moto::start(test, Plan::CALM) else {
        return;
    };
    moto.make_bucket("rides");
    let server = moto.proxy.address().to_string();
    let archive = format!("s3://rides/sf?region=us-east-1&endpoint=http://{server}");
    check_readers(&archive, &python, (BUCKET, &server));
}
