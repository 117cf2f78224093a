//! The services as separate processes on what stands for AWS, two of each, and something that comes
//! between: see the tests below. Every acked ping is in the bucket once, and rides and trips are
//! those of a run in which nothing failed.

mod frozen;
mod killed;
mod scaled;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use faults::servers::free_port;
use serde_json::Value;

use crate::support::{
    archive,
    cloud::{BUCKET, Cloud, Service},
    outcome,
    program::{Program, command, get},
    readers, wait_for,
};

/// The simulated clock of all runs: 2026-03-02 06:00 UTC.
const START: &str = "1772431200000";
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

/// What a fleet sends.
#[derive(Clone, Copy)]
struct Traffic {
    vehicles: u32,
    /// Faults add some and lose some.
    fixes: u32,
    /// Requests under way at once.
    connections: u32,
    /// Pings in one of them.
    batch: u32,
}

impl Traffic {
    /// As much as ingest takes.
    const fn full(fixes: u32) -> Self {
        Self {
            vehicles: 150,
            fixes,
            connections: 8,
            batch: 100,
        }
    }
}

/// A simulated fleet that sends to one ingest, as fast as it is answered.
struct Fleet {
    name: String,
    sending: Child,
    acked: PathBuf,
}

impl Fleet {
    /// Starts one.
    fn start(name: &str, traffic: Traffic, to: SocketAddr, directory: &Path) -> Self {
        let acked = directory.join(format!("{name}.txt"));
        let seed: u32 = name.bytes().map(u32::from).sum();
        let sending = command(&["simulate", "--faults", "--rate", "0", "--start", START])
            .args(["--vehicles", &traffic.vehicles.to_string()])
            .args(["--connections", &traffic.connections.to_string()])
            .args(["--batch", &traffic.batch.to_string()])
            .args(["--pings", &traffic.fixes.to_string()])
            .args(["--seed", &seed.to_string(), "--patience", "300s"])
            .args(["--fleet", name, "--to", &format!("http://{to}"), "--acked"])
            .arg(&acked)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let name = name.to_owned();
        Self {
            name,
            sending,
            acked,
        }
    }

    fn is_sending(&mut self) -> bool {
        self.sending.try_wait().unwrap().is_none()
    }

    /// Waits until it has sent all; returns its name and those of the pings that were acked.
    fn acked(mut self) -> (String, Vec<String>) {
        let status = self.sending.wait().unwrap();
        assert!(
            status.success(),
            "the fleet was answered otherwise than expected"
        );
        (self.name, outcome::acked_names(&self.acked))
    }
}

/// What was acked, by fleet.
type Acked = BTreeMap<String, Vec<String>>;

/// What a run has come to.
struct Outcome {
    acked: Acked,
    state: BTreeMap<String, Value>,
    trips: Trips,
}

/// The first version of every trip, by fleet and ride.
type Trips = BTreeMap<outcome::Ride, BTreeMap<String, String>>;

/// What a live API shows of these fleets; None while it does not know all it has to.
fn state<'a>(
    live: SocketAddr,
    fleets: impl Iterator<Item = &'a String>,
) -> Option<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for fleet in fleets {
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

/// A run of one process in which nothing fails, with these fleets.
fn undisturbed(fleets: &[&str], traffic: Traffic) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("calm");
    let flags = ["--max-behind", "3650d", "--archive-max-age", "2s"];
    let program = Program::start(&data, &flags);
    let start = |name: &&str| Fleet::start(name, traffic, program.ingest, directory.path());
    let sending: Vec<_> = fleets.iter().map(start).collect();
    let acked: Acked = sending.into_iter().map(Fleet::acked).collect();
    outcome::wait_for_processor(&program);
    let state = state(program.live, acked.keys()).unwrap();
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
    /// Starts them, with this cache for the processors.
    fn start(cloud: &Cloud, cache: &str) -> Self {
        let stream = cloud.stream(STREAM_OPTIONS);
        let (state, archive) = (cloud.objects("state"), cloud.objects("archive"));
        // Of each kind one reads by calls, and one by fan-out.
        let streams = [&*stream, &format!("{stream}&fanout=fast")];
        Self {
            ingests: (0..2).map(|_| ingest(&stream)).collect(),
            processors: streams
                .map(|stream| processor(stream, &state, cache, "1s"))
                .into(),
            archivers: streams
                .map(|stream| archiver(stream, &archive, "2s"))
                .into(),
        }
    }

    /// Waits until all that was acked is processed and archived, stops everything, and checks that
    /// it has come to the same as a run in which nothing failed.
    fn check(self, cloud: &Cloud, python: &PathBuf, calm: &Outcome, acked: &Acked) {
        assert!(*acked == calm.acked, "both runs were told the same");
        for service in self.ingests.into_iter().chain(self.processors) {
            service.stop();
        }
        let stream = cloud.stream(STREAM_OPTIONS);
        let processor = processor(&stream, &cloud.objects("state"), "memory:", "1s");
        wait_for("the rides of the undisturbed run", || {
            let now = state(processor.address("live"), acked.keys())?;
            (now == calm.state).then_some(())
        });
        let server = cloud.moto.address().to_string();
        let count: usize = acked.values().map(Vec::len).sum();
        let expected = format!("{count} {}", calm.trips.len());
        wait_for("the archive of the undisturbed run", || {
            let found = readers::run(python, COUNT, &[&server, BUCKET]);
            (found == expected).then_some(())
        });
        processor.stop();
        for archiver in self.archivers {
            archiver.stop();
        }

        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        readers::run(python, COPY, &[&server, BUCKET, data.to_str().unwrap()]);
        let rows = archive::rows(data, "pings");
        for (fleet, acked) in acked {
            let of_fleet = rows.iter().filter(|row| row["fleet_id"] == *fleet);
            let odd = outcome::first_difference(&archive::names(of_fleet), acked);
            assert!(odd.is_none(), "archive and acked differ in {odd:?}");
        }
        let (trips, calm) = (trips(data), &calm.trips);
        assert!(trips == *calm, "{} trips, {}", trips.len(), calm.len());
    }
}

fn ingest(stream: &str) -> Service {
    let listen = free_port().to_string();
    let flags = ["--stream", stream, "--listen", &listen];
    Service::start("ingest", &[&flags[..], &["--max-behind", "3650d"]].concat())
}

/// Archives a shard so often.
fn archiver(stream: &str, archive: &str, every: &str) -> Service {
    let flags = ["--stream", stream, "--archive", archive];
    Service::start(
        "archiver",
        &[&flags[..], &["--archive-max-age", every]].concat(),
    )
}

/// Stores the state of a shard so often.
fn processor(stream: &str, state: &str, cache: &str, every: &str) -> Service {
    let flags = [
        "--stream",
        stream,
        "--state",
        state,
        "--live",
        "127.0.0.1:0",
    ];
    let more = ["--cache", cache, "--snapshot-interval", every];
    Service::start("processor", &[&flags[..], &more].concat())
}
