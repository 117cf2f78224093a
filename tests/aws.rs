//! The services as separate processes on what stands for AWS: two of each, killed one after the
//! other, over networks that fail, while the stream's shards are split and merged. Every acked ping
//! is in the bucket once, and rides and trips are those of a run in which nothing failed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use faults::Plan;
use serde_json::Value;

use crate::support::{
    archive,
    cloud::{BUCKET, Cloud, Service},
    iam, outcome,
    program::{Program, command, free_port, get},
    readers, wait_for,
};

/// The simulated clock of all runs: 2026-03-02 06:00 UTC.
const START: &str = "1772431200000";
const FLEETS: [&str; 2] = ["east", "west"];
/// Of each fleet; faults add some and lose some.
const FIXES: &str = "160000";
/// Leases run out soon and reads come often, so that a test of a minute sees much of it.
const STREAM_OPTIONS: &str = "linger=20ms&poll=50ms&failover=3s";

/// Copies the archive from the bucket.
const COPY: &str = "
import sys
from pyarrow import fs
store = fs.S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                        endpoint_override='http://' + sys.argv[1])
for table in ('pings', 'ride_events', 'trips'):
    fs.copy_files(f'{sys.argv[2]}/archive/{table}', f'{sys.argv[3]}/archive/{table}',
                  source_filesystem=store, destination_filesystem=fs.LocalFileSystem())
";

/// Counts the pings that are archived, and the rides that have trips.
const COUNT: &str = "
import sys
import pyarrow.dataset as dataset
from pyarrow import fs
store = fs.S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                        endpoint_override='http://' + sys.argv[1])
def of(table): return dataset.dataset(f'{sys.argv[2]}/archive/{table}', filesystem=store, format='parquet')
rides = of('trips').to_table(columns=['fleet_id', 'ride_id']).to_pylist()
print(of('pings').count_rows(), len({(ride['fleet_id'], ride['ride_id']) for ride in rides}))
";

/// A simulated fleet that sends to one ingest.
struct Fleet {
    sending: Child,
    acked: PathBuf,
}

impl Fleet {
    fn start(fleet: &str, to: SocketAddr, directory: &Path) -> Self {
        let acked = directory.join(format!("{fleet}.txt"));
        let sending = command(&["simulate", "--faults", "--vehicles", "150", "--rate", "0"])
            .args(["--pings", FIXES, "--start", START, "--fleet", fleet])
            .args(["--seed", &fleet.len().to_string(), "--batch", "100"])
            .args([
                "--patience",
                "300s",
                "--to",
                &format!("http://{to}"),
                "--acked",
            ])
            .arg(&acked)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { sending, acked }
    }

    fn is_sending(&mut self) -> bool {
        self.sending.try_wait().unwrap().is_none()
    }

    /// Waits until it has sent all; returns the names of the pings that were acked.
    fn acked(mut self) -> Vec<String> {
        let status = self.sending.wait().unwrap();
        assert!(
            status.success(),
            "the fleet was answered otherwise than expected"
        );
        outcome::acked_names(&self.acked)
    }
}

/// What a run has come to.
struct Outcome {
    acked: Vec<Vec<String>>,
    state: BTreeMap<String, Value>,
    trips: Trips,
}

/// The first version of every trip, by fleet and ride.
type Trips = BTreeMap<outcome::Ride, BTreeMap<String, String>>;

/// What a live API shows of all fleets; None while it does not know all it has to.
fn state(live: SocketAddr) -> Option<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for fleet in FLEETS {
        let page = |path: &str| {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = get(&format!("http://{live}{path}{sign}fleet={fleet}"))?;
            page.parse().ok()
        };
        let state = outcome::live_state(page)?;
        all.extend(
            state
                .into_iter()
                .map(|(name, value)| (format!("{fleet} {name}"), value)),
        );
    }
    Some(all)
}

/// The first trips in an archive, which has each version of a trip once.
fn trips(data: &Path) -> Trips {
    for (ride, versions) in outcome::trips(data) {
        let is_once = versions.is_sorted_by(|version, next| version < next);
        assert!(is_once, "{ride:?}: {versions:?}");
    }
    outcome::first_trips(data)
}

/// A run of one process in which nothing fails.
fn undisturbed(directory: &Path) -> Outcome {
    let data = directory.join("calm");
    let flags = ["--max-behind", "3650d", "--archive-max-age", "2s"];
    let program = Program::start(&data, &flags);
    let fleets = FLEETS.map(|fleet| Fleet::start(fleet, program.ingest, directory));
    let acked: Vec<_> = fleets.into_iter().map(Fleet::acked).collect();
    outcome::wait_for_processor(&program);
    let state = state(program.live).unwrap();
    program.stop();
    let trips = trips(&data);
    Outcome {
        acked,
        state,
        trips,
    }
}

/// Two of each service.
struct Services {
    ingests: Vec<Service>,
    processors: Vec<Service>,
    archivers: Vec<Service>,
}

impl Services {
    fn start(cloud: &Cloud) -> Self {
        let stream = cloud.stream(STREAM_OPTIONS);
        let (state, archive) = (cloud.objects("state"), cloud.objects("archive"));
        let ingest = |_| {
            let listen = free_port().to_string();
            let flags = [
                "--stream",
                &stream,
                "--listen",
                &listen,
                "--max-behind",
                "3650d",
            ];
            Service::start("ingest", &flags)
        };
        let archiver = |_| {
            let flags = [
                "--stream",
                &stream,
                "--archive",
                &archive,
                "--archive-max-age",
                "2s",
            ];
            Service::start("archiver", &flags)
        };
        Self {
            ingests: (0..2).map(ingest).collect(),
            processors: (0..2).map(|_| processor(&stream, &state)).collect(),
            archivers: (0..2).map(archiver).collect(),
        }
    }

    /// Kills the services in turn.
    fn kill(&mut self, turn: usize) {
        let kind = match turn % 3 {
            0 => &mut self.ingests,
            1 => &mut self.processors,
            _ => &mut self.archivers,
        };
        kind[turn / 3 % 2].kill_and_start();
    }
}

fn processor(stream: &str, state: &str) -> Service {
    let flags = [
        "--stream",
        stream,
        "--state",
        state,
        "--live",
        "127.0.0.1:0",
    ];
    let often = ["--snapshot-interval", "1s"];
    Service::start("processor", &[&flags[..], &often].concat())
}

#[test]
fn every_acked_ping_is_archived_once_on_aws_whatever_fails() {
    let test = "every_acked_ping_is_archived_once_on_aws_whatever_fails";
    let Some(cloud) = Cloud::start(test, 4, Plan::each_of_aws(60)) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let calm = undisturbed(scratch.path());
    let count: usize = calm.acked.iter().map(Vec::len).sum();
    assert!(count >= 300_000, "only {count} pings");
    assert!(calm.trips.len() > 50, "only {} trips", calm.trips.len());

    let begun = Instant::now();
    let mut services = Services::start(&cloud);
    let directory = tempfile::tempdir().unwrap();
    let addresses = [0, 1].map(|at: usize| services.ingests[at].address("ingest"));
    let mut fleets = [0, 1].map(|at| Fleet::start(FLEETS[at], addresses[at], directory.path()));
    let mut turn = 0;
    while turn < 12 || fleets.iter_mut().any(Fleet::is_sending) {
        thread::sleep(Duration::from_millis(700));
        match turn {
            2 => drop(cloud.split("shardId-000000000001")),
            6 => drop(cloud.merge("shardId-000000000002", "shardId-000000000003")),
            _ => services.kill(turn),
        }
        turn += 1;
    }
    let acked: Vec<_> = fleets.into_iter().map(Fleet::acked).collect();
    let faults = cloud.faults();
    cloud.heal();
    eprintln!(
        "{turn} kills and reshards, {faults} faults, {count} pings, {:?}",
        begun.elapsed()
    );
    assert!(faults > 100, "only {faults} faults");
    assert!(acked == calm.acked, "both runs were told the same");

    for service in services.ingests.into_iter().chain(services.processors) {
        service.stop();
    }
    let stream = cloud.stream(STREAM_OPTIONS);
    let processor = processor(&stream, &cloud.objects("state"));
    wait_for("the rides of the undisturbed run", || {
        let now = state(processor.address("live"))?;
        (now == calm.state).then_some(())
    });
    let server = cloud.moto.address().to_string();
    let expected = format!("{count} {}", calm.trips.len());
    wait_for("the archive of the undisturbed run", || {
        let found = readers::run(&python, COUNT, &[&server, BUCKET]);
        (found == expected).then_some(())
    });
    processor.stop();
    for archiver in services.archivers {
        archiver.stop();
    }
    eprintln!("all is there after {:?}", begun.elapsed());

    let data = directory.path().join("stormy");
    readers::run(&python, COPY, &[&server, BUCKET, data.to_str().unwrap()]);
    let rows = archive::rows(&data, "pings");
    for (fleet, acked) in FLEETS.iter().zip(&acked) {
        let of_fleet = rows.iter().filter(|row| row["fleet_id"] == *fleet);
        let odd = outcome::first_difference(&archive::names(of_fleet), acked);
        assert!(odd.is_none(), "archive and acked differ in {odd:?}");
    }
    let calls = cloud.calls();
    for (service, prefix) in [
        ("ingest", ""),
        ("processor", "state"),
        ("archiver", "archive"),
    ] {
        let lacking = iam::lacking(service, prefix, &calls);
        assert!(
            lacking.is_empty(),
            "deploy/iam/{service}.json lacks {lacking:#?}"
        );
        assert!(calls.iter().any(|call| call.access_key == service));
    }
    let trips = trips(&data);
    assert!(
        trips == calm.trips,
        "{} trips, {}",
        trips.len(),
        calm.trips.len()
    );
}
