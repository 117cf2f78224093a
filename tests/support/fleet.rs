//! Simulated fleets, and what a run with them comes to where nothing fails: what is expected of one
//! in which everything does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use super::{
    outcome,
    program::{Program, command, get},
};

/// The simulated clock of all runs: 2026-03-02 06:00 UTC.
const START: &str = "1772431200000";

/// What a fleet sends.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) vehicles: u32,
    /// Faults add some and lose some.
    pub(crate) fixes: u32,
    /// Requests under way at once.
    pub(crate) connections: u32,
    /// Pings in one of them.
    pub(crate) batch: u32,
}

impl Traffic {
    /// As much as ingest takes.
    pub(crate) const fn full(fixes: u32) -> Self {
        Self {
            vehicles: 150,
            fixes,
            connections: 8,
            batch: 100,
        }
    }
}

/// A simulated fleet that sends to one ingest, as fast as it is answered.
pub(crate) struct Fleet {
    name: String,
    sending: Child,
    acked: PathBuf,
}

impl Fleet {
    /// Starts one.
    pub(crate) fn start(name: &str, traffic: Traffic, to: SocketAddr, directory: &Path) -> Self {
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

    pub(crate) fn is_sending(&mut self) -> bool {
        self.sending.try_wait().unwrap().is_none()
    }

    /// Sends it a signal by its name: `STOP` holds it, `CONT` lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.sending.id().to_string();
        let told = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(told.unwrap().success());
    }

    /// Waits until it has sent all; returns its name and those of the pings that were acked.
    pub(crate) fn acked(mut self) -> (String, Vec<String>) {
        let status = self.sending.wait().unwrap();
        assert!(
            status.success(),
            "the fleet was answered otherwise than expected"
        );
        (self.name, outcome::acked_names(&self.acked))
    }
}

/// Has fleets send one after the other until it is over, each as it is named and to where it is told by
/// its number.
pub(crate) fn send_until(
    is_over: &AtomicBool,
    traffic: Traffic,
    of: impl Fn(usize) -> (String, SocketAddr),
) -> Acked {
    let directory = tempfile::tempdir().unwrap();
    let mut acked = Acked::new();
    while !is_over.load(Ordering::Relaxed) {
        let (name, to) = of(acked.len());
        let fleet = Fleet::start(&name, traffic, to, directory.path());
        acked.extend([fleet.acked()]);
    }
    acked
}

/// What was acked, by fleet.
pub(crate) type Acked = BTreeMap<String, Vec<String>>;

/// What a run has come to.
pub(crate) struct Outcome {
    pub(crate) acked: Acked,
    pub(crate) state: BTreeMap<String, Value>,
    pub(crate) trips: Trips,
}

/// The first version of every trip, by fleet and ride.
pub(crate) type Trips = BTreeMap<outcome::Ride, BTreeMap<String, String>>;

/// What a live API shows of these fleets; None while it does not know all it has to.
pub(crate) fn state<'a>(
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
pub(crate) fn trips(data: &Path) -> Trips {
    for (ride, versions) in outcome::trips(data) {
        let is_once = versions.is_sorted_by(|version, next| version < next);
        assert!(is_once, "{ride:?}: {versions:?}");
    }
    outcome::first_trips(data)
}

/// A run of one process in which nothing fails, with these fleets.
pub(crate) fn undisturbed(fleets: &[&str], traffic: Traffic) -> Outcome {
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
