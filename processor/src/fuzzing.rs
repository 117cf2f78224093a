//! The records that strangers may bring about, in any order, and the laws of a shard's state whatever
//! they are. Compiled for fuzzing and for tests; no product has it.

#![allow(
    clippy::missing_panics_doc,
    reason = "a law that is broken is a panic, and nothing else is"
)]

use std::{collections::BTreeMap, time::Duration};

use schemas::{
    CancelledBy, Coordinate, FleetId, Heading, Phase, Ping, PingName, PlannedRoute, Protocol,
    Record, RideEvent, RideEventKind, RideId, RideProgress, Speed, Timestamp, Trip, VehicleId,
    VehicleState, polyline,
};

use crate::{Outcome, ShardState, cache::Change, shard_state::Image};

/// What reads one kind of input.
pub type Target = fn(&[u8]);

/// All of them, by the names that they have in `fuzz/`.
pub const TARGETS: [(&str, Target); 1] = [("shard", shard)];

/// When the first record is appended.
const START_MS: i64 = 1_800_000_000_000;
/// Records of one input at most: what more of them would show is shown by these.
const MAX_STEPS: usize = 100;
const STEP_BYTES: usize = 6;
/// Where vehicles are: in a town, beside the null island, at a pole and at the edge of the map.
const PLACES_E7: [(i32, i32); 4] = [
    (377_700_000, -1_224_200_000),
    (0, 3),
    (899_999_990, 0),
    (100_000_000, 1_799_999_000),
];

/// One record and what comes before it, as six bytes say.
struct Step<'a>(&'a [u8]);

impl Step<'_> {
    /// By how much the stream's clock goes on: mostly seconds, at times days.
    fn waits_ms(&self) -> i64 {
        match self.0[2] {
            long @ 240.. => i64::from(long - 239) * 3_600_000,
            short => i64::from(short) * 250,
        }
    }

    /// How far the device's clock is behind, or ahead.
    fn time(&self, clock_ms: i64) -> Timestamp {
        let late = i64::from(self.0[3] as i8);
        Timestamp(clock_ms - late.pow(3) / 8)
    }

    fn vehicle(&self) -> VehicleId {
        id(["v0", "v1", "v2", "v3"][usize::from(self.0[1] & 3)])
    }

    fn ride(&self) -> RideId {
        id(["r0", "r1", "r2", "r3"][usize::from(self.0[1] >> 2 & 3)])
    }

    fn fleet(&self) -> FleetId {
        id(["default", "other"][usize::from(self.0[1] >> 4 & 1)])
    }

    fn place(&self) -> Option<Coordinate> {
        let (lat, lng) = PLACES_E7[usize::from(self.0[1] >> 5 & 3)];
        let offset = |byte: u8| i32::from(byte as i8).pow(3);
        let (north, east) = (offset(self.0[4]), offset(self.0[5]));
        Coordinate::from_e7(lat + north, lng + east).ok()
    }

    /// The record; None where the place is none.
    fn record(&self, clock_ms: i64) -> Option<Record> {
        let kind = match self.0[0] % 16 {
            0..8 => return self.ping(clock_ms).map(Record::Ping),
            8..10 => RideEventKind::Assigned {
                pickup: self.place()?,
                dropoff: self.destination()?,
                route: self.route(),
            },
            10 => RideEventKind::Arrived,
            11 | 12 => RideEventKind::PickedUp,
            13 => RideEventKind::Rerouted {
                dropoff: self.destination()?,
                route: self.route(),
            },
            14 => RideEventKind::DroppedOff { fare: None },
            _ => RideEventKind::Cancelled {
                by: CancelledBy::ALL[usize::from(self.0[4] & 3)],
            },
        };
        Some(Record::RideEvent(Box::new(RideEvent {
            fleet: self.fleet(),
            ride: self.ride(),
            vehicle: self.vehicle(),
            driver: None,
            time: self.time(clock_ms),
            received_at: Timestamp(clock_ms),
            kind,
        })))
    }

    fn ping(&self, clock_ms: i64) -> Option<Ping> {
        let (time, byte) = (self.time(clock_ms), self.0[0] >> 4);
        let name = match self.0[0] & 4 {
            0 => PingName::of_time(time),
            _ => PingName {
                epoch: 1,
                seq: u64::from(self.0[3]),
            },
        };
        Some(Ping {
            fleet: self.fleet(),
            vehicle: self.vehicle(),
            driver: None,
            ride: (self.0[0] & 2 == 0).then(|| self.ride()),
            name,
            time,
            position: self.place()?,
            speed: Speed::from_mps(f64::from(byte)).filter(|_| byte < 14),
            heading: Heading::from_degrees(f64::from(byte) * 24.0),
            accuracy: None,
            altitude: None,
            state: VehicleState::ALL[usize::from(byte) % VehicleState::ALL.len()],
            received_at: Timestamp(clock_ms),
            protocol: Protocol::HttpJson,
        })
    }

    fn destination(&self) -> Option<Coordinate> {
        let pickup = self.place()?;
        let east = i32::from(self.0[4]) * 10_000;
        Coordinate::from_e7(pickup.lat_e7(), pickup.lng_e7() + east).ok()
    }

    /// The planned way, if there is one that passes the door.
    fn route(&self) -> Option<PlannedRoute> {
        let way = polyline::encode([self.place()?, self.destination()?]);
        let is_planned = self.0[0] & 16 == 0 && polyline::decode(&way).is_ok();
        let seconds = u64::from(self.0[4]) * 30;
        is_planned.then(|| PlannedRoute {
            way: way.into(),
            duration: (seconds > 0).then(|| Duration::from_secs(seconds)),
        })
    }
}

fn id<Kind>(text: &str) -> schemas::id::Id<Kind> {
    let Ok(id) = schemas::id::Id::new(text) else {
        unreachable!("{text} is an id");
    };
    id
}

/// What was shown last of every ride, and of every vehicle.
#[derive(Default)]
struct Shown {
    rides: BTreeMap<(FleetId, RideId), u64>,
    vehicles: BTreeMap<(FleetId, VehicleId), u64>,
}

impl Shown {
    /// Nothing that is shown goes back, and all of it makes sense.
    fn take(&mut self, change: &Change) {
        match change {
            Change::Vehicle(vehicle) => {
                assert!(vehicle.lat.abs() <= 90.0 && vehicle.lng.abs() <= 180.0);
                let key = (vehicle.fleet_id, vehicle.vehicle_id);
                let before = self.vehicles.insert(key, vehicle.version);
                assert!(before.is_none_or(|before| before <= vehicle.version));
            }
            Change::Ride(ride) => {
                makes_sense(ride);
                let before = self
                    .rides
                    .insert((ride.fleet_id, ride.ride_id), ride.version);
                assert!(before.is_none_or(|before| before <= ride.version));
            }
            Change::RideAbandoned {
                fleet,
                ride,
                version,
            } => {
                let before = self.rides.remove(&(*fleet, *ride));
                assert!(before.is_none_or(|before| before <= *version));
            }
        }
    }
}

fn makes_sense(ride: &RideProgress) {
    let is_length = |meters: f64| meters.is_finite() && meters >= 0.0;
    assert!(is_length(ride.travelled_m));
    assert!(ride.remaining_m.is_none_or(is_length));
    assert!(
        ride.fraction
            .is_none_or(|fraction| (0.0..=1.0).contains(&fraction))
    );
    assert!(
        ride.eta_s
            .is_none_or(|seconds| seconds.is_finite() && seconds >= 0.0)
    );
    assert!(ride.eta_ms.is_none_or(|eta| eta >= ride.as_of_ms));
    let arrivals = [ride.eta_p10_ms, ride.eta_ms, ride.eta_p90_ms];
    assert!(arrivals.is_sorted());
    let is_known = |arrival: &Option<Timestamp>| arrival.is_some() == ride.eta_s.is_some();
    assert!(arrivals.iter().all(is_known));
    assert!(ride.eta_ms.is_none() || matches!(ride.phase, Phase::ToPickup | Phase::OnTrip));
    assert!(ride.stale_after_ms.is_none() || !ride.phase.is_over());
    assert_eq!(ride.lat.is_some(), ride.lng.is_some());
}

/// Everything that can be told from outside.
fn told(state: &ShardState) -> (Vec<String>, Vec<Trip>) {
    let mut live: Vec<_> = state.live().map(|change| format!("{change:?}")).collect();
    live.sort();
    (live, trips(state))
}

fn trips(state: &ShardState) -> Vec<Trip> {
    let batch = state.outbox().first(usize::MAX);
    let trip = |(_, payload): (&[u8], &[u8])| match Record::decode(payload) {
        Ok(Record::Trip(trip)) => *trip,
        other => unreachable!("what is written is a trip: {other:?}"),
    };
    batch.iter().map(trip).collect()
}

/// What is counted by phase is what is shown.
fn is_counted(state: &ShardState) {
    let mut counts = [0; Phase::ALL.len()];
    for change in state.live() {
        if let Change::Ride(ride) = change {
            counts[ride.phase as usize] += 1;
        }
    }
    assert_eq!(counts, state.rides());
}

/// A way that was driven can be read; of none or one point there is none.
fn is_readable(trip: &Trip) {
    let is_way = polyline::decode(&trip.route).is_ok();
    assert!(is_way || trip.route.is_empty(), "{:?}", trip.route);
    assert!(trip.version > 0);
}

/// A state that was stored and loaded.
fn stored(state: &ShardState) -> ShardState {
    let bytes = postcard::to_stdvec(state.image()).unwrap_or_default();
    let Ok(image) = postcard::from_bytes::<Image>(&bytes) else {
        unreachable!("what is stored can be loaded");
    };
    image.into()
}

/// The records of a shard. The first byte says after which of them the state is stored and loaded, which
/// makes no difference to anything.
pub fn shard(bytes: &[u8]) {
    let Some((&stored_after, steps)) = bytes.split_first() else {
        return;
    };
    let (mut state, mut clock_ms) = (ShardState::default(), START_MS);
    let mut other: Option<ShardState> = None;
    let mut shown = Shown::default();
    for (index, bytes) in steps.chunks_exact(STEP_BYTES).take(MAX_STEPS).enumerate() {
        let step = Step(bytes);
        clock_ms += step.waits_ms();
        let Some(record) = step.record(clock_ms) else {
            continue;
        };
        let outcome = state.apply(&record, clock_ms);
        assert_ne!(outcome, Outcome::NoRoom);
        if let Some(other) = &mut other {
            assert_eq!(other.apply(&record, clock_ms), outcome);
        }
        for change in &state.take_effects(usize::MAX).changes {
            shown.take(change);
        }
        if index == usize::from(stored_after) {
            other = Some(stored(&state));
        }
    }
    is_counted(&state);
    let (live, trips) = told(&state);
    trips.iter().for_each(is_readable);
    if let Some(other) = other {
        assert_eq!(told(&other), (live, trips));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn what_fuzzing_kept_breaks_no_law() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for (name, run) in TARGETS {
            let inputs = fs::read_dir(corpus.join(name)).unwrap();
            let run_all = inputs.map(|input| run(&fs::read(input.unwrap().path()).unwrap()));
            assert!(run_all.count() > 5, "{name} has lost its corpus");
        }
    }
}
