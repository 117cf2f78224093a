//! What the test of compaction runs: the program, facts, and readers by the lists. It knows nothing of
//! what they are to find.

use std::{
    env,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use arrow_array::{Array as _, Int64Array, StringArray};
use objects::{Key, Objects};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::{Coordinate, Ping, PingName, Protocol, Record, Timestamp, VehicleState};

/// 2026-01-05, midnight: long over for every compaction.
const MIDNIGHT_MS: i64 = 1_767_571_200_000;

/// Reads the lists, and then what they name, with DuckDB; again and again until its input ends. Prints
/// how often.
const DIRECTORY: &str = "
import duckdb, glob, select, sys
root, before, reads = sys.argv[1], 0, 0
while not select.select([sys.stdin], [], [], 0.05)[0]:
    if not glob.glob(root + '/tables/pings/*/*/files.txt'):
        continue
    db = duckdb.connect()
    db.execute(f\"\"\"SET VARIABLE files = (SELECT list(uri) FROM read_csv('{root}/tables/pings/*/*/files.txt',
        header = false, delim = '\\n', columns = {{'uri': 'VARCHAR'}}))\"\"\")
    rows, names = db.execute('''SELECT count(*), count(DISTINCT (fleet_id, vehicle_id, epoch, seq))
        FROM read_parquet(getvariable('files'))''').fetchone()
    assert rows == names, f'{rows} rows, {names} names'
    assert rows >= before, f'{rows} rows, {before} before'
    before, reads = rows, reads + 1
print(f'\\nreads {reads}', flush=True)
";

/// The same in a bucket: pyarrow gets the files that the lists name, DuckDB counts.
const BUCKET: &str = "
import duckdb, pyarrow.dataset as dataset, select, sys
from pyarrow.fs import FileSelector, S3FileSystem
store = S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                     endpoint_override='http://' + sys.argv[1])
before, reads = 0, 0
while not select.select([sys.stdin], [], [], 0.05)[0]:
    found = store.get_file_info(FileSelector('rides/sf/tables/pings', recursive=True, allow_not_found=True))
    files = []
    for info in found:
        if info.is_file:
            with store.open_input_stream(info.path) as stream:
                files += stream.read().decode().split()
    if not files:
        continue
    pings = dataset.dataset([uri.removeprefix('s3://') for uri in files], filesystem=store, format='parquet')
    rows, names = duckdb.connect().execute('''SELECT count(*), count(DISTINCT (fleet_id, vehicle_id, epoch, seq))
        FROM pings''').fetchone()
    assert rows == names, f'{rows} rows, {names} names'
    assert rows >= before, f'{rows} rows, {before} before'
    before, reads = rows, reads + 1
print(f'\\nreads {reads}', flush=True)
";

const MAKE_BUCKET: &str = "
import sys
from pyarrow.fs import S3FileSystem
S3FileSystem(access_key='test', secret_key='test', region='us-east-1', allow_bucket_creation=True,
             endpoint_override='http://' + sys.argv[1]).create_dir('rides')
";

/// The Python of the readers; without one `test` is skipped aloud.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let python = env::var_os("HANSOM_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        faults::skip(
            test,
            "HANSOM_TEST_PYTHON names no Python with duckdb and pyarrow",
        );
    }
    python
}

/// What servers of tests take for credentials.
const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
];

/// Whether this process has them: without any the SDK would look for an instance's.
pub(crate) fn has_credentials() -> bool {
    let is_set = |(name, value): (&str, &str)| env::var(name).is_ok_and(|set| set == value);
    CREDENTIALS.into_iter().all(is_set)
}

/// Runs a test of this program again, in a process that has them.
pub(crate) fn again_with_credentials(test: &str) {
    let ran = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .envs(CREDENTIALS)
        .status()
        .unwrap();
    assert!(ran.success(), "{test} has failed in a process of its own");
}

/// The program with these arguments.
pub(crate) fn archiver(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_archiver"));
    command
        .args(arguments)
        .env_remove("HANSOM_LOG")
        .envs(CREDENTIALS);
    command
}

/// Makes the bucket `rides`.
pub(crate) fn make_bucket(python: &Path, server: SocketAddr) {
    let made = Command::new(python)
        .args(["-c", MAKE_BUCKET, &server.to_string()])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// A ping of the vehicle in one of the hours.
pub(crate) fn ping(vehicle: u64, seq: u64, hour: u64) -> Record {
    let time = MIDNIGHT_MS + hour as i64 * 3_600_000 + seq as i64 * 100;
    Record::Ping(Ping {
        fleet: "fleet".parse().unwrap(),
        vehicle: format!("v{vehicle}").parse().unwrap(),
        driver: None,
        ride: (seq % 40 > 20).then(|| format!("r{vehicle}-{}", seq / 40).parse().unwrap()),
        name: PingName { epoch: 1, seq },
        time: Timestamp(time),
        position: Coordinate::from_e7(377_000_000 + seq as i32, -1_224_000_000).unwrap(),
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        state: VehicleState::Available,
        received_at: Timestamp(time + 90),
        protocol: Protocol::HttpJson,
    })
}

/// The names of all pings that the lists lead to, in no order.
pub(crate) async fn listed_pings(objects: &Arc<dyn Objects>) -> Vec<String> {
    let mut names = Vec::new();
    for list in objects.list("tables/pings/", None).await.unwrap() {
        let root = objects.uri(&list);
        let root = root.strip_suffix(list.as_str()).unwrap();
        let uris = objects.get(&list).await.unwrap().unwrap();
        for uri in str::from_utf8(&uris).unwrap().lines() {
            let key = Key::new(uri.strip_prefix(root).unwrap()).unwrap();
            let file = objects.get(&key).await.unwrap();
            let file = file.unwrap_or_else(|| panic!("{uri} is listed and gone"));
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            for batch in reader.build().unwrap() {
                let batch = batch.unwrap();
                let column = |name| batch.column_by_name(name).unwrap().as_any();
                let vehicles: &StringArray = column("vehicle_id").downcast_ref().unwrap();
                let seqs: &Int64Array = column("seq").downcast_ref().unwrap();
                let rows = (0..vehicles.len())
                    .map(|row| format!("{} {}", vehicles.value(row), seqs.value(row)));
                names.extend(rows);
            }
        }
    }
    names
}

/// A reader of others, under way. Killed when dropped.
pub(crate) struct Reader(Child);

impl Reader {
    /// DuckDB on a directory.
    pub(crate) fn of_directory(python: &Path, root: &Path) -> Self {
        Self::start(python, DIRECTORY, &root.display().to_string())
    }

    /// pyarrow and DuckDB on the bucket `rides`.
    pub(crate) fn of_bucket(python: &Path, server: SocketAddr) -> Self {
        Self::start(python, BUCKET, &server.to_string())
    }

    fn start(python: &Path, script: &str, argument: &str) -> Self {
        let mut command = Command::new(python);
        command.args(["-c", script, argument]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Ends it; says how often it has read. It has failed where it saw a row twice or not at all.
    pub(crate) fn end(mut self) -> u64 {
        // Where it has failed, nobody reads this.
        let _told = self.0.stdin.take().unwrap().write_all(b"end\n");
        let mut printed = String::new();
        self.0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut printed)
            .unwrap();
        assert!(
            self.0.wait().unwrap().success(),
            "the reader of others has failed"
        );
        // DuckDB draws the progress of long queries before and behind it.
        let mut reads = printed
            .lines()
            .filter_map(|line| line.strip_prefix("reads "));
        let reads = reads.next_back().unwrap_or_else(|| panic!("{printed:?}"));
        reads.trim().parse().unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _killed = self.0.kill();
        let _status = self.0.wait();
    }
}
