//! The services as separate processes, two of each, on a stream and storage that all of them reach;
//! and what they must have come to when nothing fails any more.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use faults::servers::free_port;

use super::{
    archive,
    fleet::{Acked, Outcome, state, trips},
    outcome,
    process::Process,
    program, wait_for,
};

/// Where services find each other.
pub(crate) struct Places {
    /// The stream, for the one and the other of two processes that read it.
    pub(crate) streams: [String; 2],
    pub(crate) state: String,
    pub(crate) archive: String,
    /// The processors' cache.
    pub(crate) cache: String,
    /// Where the ingests have their spools, if they have any.
    pub(crate) spools: Option<PathBuf>,
}

/// What is in an archive, seen from outside.
pub(crate) trait Archive {
    /// How many pings there are, and of how many rides there are trips.
    fn counts(&self) -> Counts;

    /// Puts a copy of it below `data`.
    fn copy_to(&self, data: &Path);
}

/// How many pings are archived, and how many rides have trips.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pings: usize,
    pub(crate) rides: usize,
}

/// Two of each service.
pub(crate) struct Services {
    pub(crate) places: Places,
    pub(crate) ingests: Vec<Service>,
    pub(crate) processors: Vec<Service>,
    pub(crate) archivers: Vec<Service>,
}

impl Services {
    /// Starts them.
    pub(crate) fn start(places: Places) -> Self {
        let Places {
            streams,
            state,
            archive,
            cache,
            spools,
        } = &places;
        let spool = |at: u32| spools.as_ref().map(|below| below.join(at.to_string()));
        let processor = |stream: &String| processor(stream, state, cache, "1s");
        let archiver = |stream: &String| archiver(stream, archive, "2s");
        Self {
            ingests: (0..2)
                .map(|at| ingest_with(&streams[0], spool(at).as_deref()))
                .collect(),
            processors: streams.iter().map(processor).collect(),
            archivers: streams.iter().map(archiver).collect(),
            places,
        }
    }

    /// Kills the services in turn.
    pub(crate) fn kill(&mut self, turn: usize) {
        let kind = match turn % 3 {
            0 => &mut self.ingests,
            1 => &mut self.processors,
            _ => &mut self.archivers,
        };
        kind[turn / 3 % 2].kill_and_start();
    }

    /// Waits until all that was acked is processed and archived, stops everything, and checks that
    /// it has come to the same as a run in which nothing failed.
    pub(crate) fn check(self, archived: &impl Archive, calm: &Outcome, acked: &Acked) {
        assert!(*acked == calm.acked, "both runs were told the same");
        for service in self.ingests.into_iter().chain(self.processors) {
            service.stop();
        }
        let Places {
            streams, state: at, ..
        } = &self.places;
        let processor = processor(&streams[0], at, "memory:", "1s");
        wait_for("the rides of the undisturbed run", || {
            let now = state(processor.address("live"), acked.keys())?;
            (now == calm.state).then_some(())
        });
        let expected = Counts {
            pings: acked.values().map(Vec::len).sum(),
            rides: calm.trips.len(),
        };
        wait_for("the archive of the undisturbed run", || {
            (archived.counts() == expected).then_some(())
        });
        processor.stop();
        for archiver in self.archivers {
            archiver.stop();
        }

        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        archived.copy_to(data);
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

/// Starts one of ingest.
pub(crate) fn ingest(stream: &str) -> Service {
    ingest_with(stream, None)
}

/// Starts one of ingest, perhaps with a spool.
fn ingest_with(stream: &str, spool: Option<&Path>) -> Service {
    let listen = free_port().to_string();
    let mut flags = vec!["--stream", stream, "--listen", &listen];
    flags.extend(["--max-behind", "3650d"]);
    if let Some(spool) = spool {
        flags.extend(["--spool", spool.to_str().unwrap()]);
    }
    Service::start("ingest", &flags)
}

/// Starts an archiver, which archives a shard so often.
pub(crate) fn archiver(stream: &str, archive: &str, every: &str) -> Service {
    let flags = ["--stream", stream, "--archive", archive];
    let often = ["--archive-max-age", every];
    Service::start("archiver", &[flags.as_slice(), &often].concat())
}

/// Starts a processor, which stores the state of a shard so often.
pub(crate) fn processor(stream: &str, state: &str, cache: &str, every: &str) -> Service {
    let flags = ["--stream", stream, "--state", state, "--cache", cache];
    let more = ["--live", "127.0.0.1:0", "--snapshot-interval", every];
    Service::start("processor", &[flags.as_slice(), &more].concat())
}

/// A service that is started again whenever it is killed.
pub(crate) struct Service {
    name: &'static str,
    arguments: Vec<String>,
    process: Process,
}

impl Service {
    /// Starts it, with its name as its key for AWS.
    pub(crate) fn start(name: &'static str, arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let process = Process::start(&mut command(name, &arguments));
        Self {
            name,
            arguments,
            process,
        }
    }

    /// Kills it and starts it again.
    pub(crate) fn kill_and_start(&mut self) {
        self.process.end_at_once();
        self.process = Process::start(&mut command(self.name, &self.arguments));
    }

    /// Asks it to stop and checks that it does so in order.
    pub(crate) fn stop(self) {
        self.process.stop();
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// The name under which it shares out shards with others.
    pub(crate) fn worker(&self) -> String {
        let joined = self.process.said("joined");
        joined["worker"].as_str().unwrap().to_owned()
    }

    /// Kills it.
    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// Where it listens.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.process.address(name)
    }
}

fn command(name: &str, arguments: &[String]) -> Command {
    let mut command = program::service(name, &["--admin", "127.0.0.1:0"]);
    command.args(arguments).env("AWS_ACCESS_KEY_ID", name);
    command
}
