//! The dedupe window of a shard: the names of what was archived lately.
//! Its only clock is the stream's, so that it is a function of what was read and of nothing else.
//!
//! Bounds: a vehicle is forgotten 8 days after its last record, as late uploads are accepted for 7
//! unless ingest is told otherwise; of one vehicle's pings `schemas::seen::Seen` keeps the highest
//! names; of ride events and of trips the latest [`recent::MAX_NAMES`] each are kept. All vehicles
//! together have [`BOUNDS`], which hold after each commit: what a draft adds to the window is bounded
//! by its rows, and what a shard inherits by its parents' bounds. A repeat from beyond these bounds
//! is a row again.

mod inherit;
mod recent;

use std::{
    hash::BuildHasher as _,
    io::{BufWriter, IntoInnerError, Write as _},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use schemas::{
    FleetId, Ping, RideEvent, Trip, VehicleId,
    kept::VehicleKey,
    seen::{Seen, Sighting},
};
use serde::{Deserialize, Serialize};

use crate::{chunked::Chunked, rows::ride_events::kind_number};
use recent::{Name, Recent};

/// A vehicle that was silent for so long by the stream's clock is forgotten, in ms: 8 days.
const FORGET_AFTER_MS: i64 = 8 * 24 * 3_600_000;

/// What the vehicles of a window may take: 40 MB of vehicles and up to 30 MB of runs. A hundred runs
/// are left to each of 10,000 vehicles that name their pings by time.
const BOUNDS: Size = Size {
    vehicles: 500_000,
    runs: 1_000_000,
};

/// The compression of a stored window: it is written once a commit, and mostly numbers.
const ZSTD_LEVEL: i32 = 1;

/// The number of a vehicle in the window, from 0 on without holes; valid until [`Window::forget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VehicleNumber(pub(crate) u32);

/// What was archived lately.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The time of the latest record by the stream's clock.
    clock_ms: i64,
    vehicles: Chunked<Vehicle>,
    /// Places in `vehicles`, by fleet and vehicle.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    events: Recent,
    trips: Recent,
}

/// A vehicle: 72 bytes, as long as its ids are short and it counts without holes.
#[derive(Debug, Serialize, Deserialize)]
struct Vehicle {
    key: VehicleKey,
    last_ms: i64,
    pings: Seen,
}

/// How much a window remembers of vehicles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) vehicles: usize,
    /// Runs of sequence numbers, over all vehicles.
    pub(crate) runs: usize,
}

/// A window as it is stored: vehicles in order, so that equal windows are equal bytes.
#[derive(Serialize, Deserialize)]
struct Stored<Vehicle, Names> {
    clock_ms: i64,
    vehicles: Vec<Vehicle>,
    events: Names,
    trips: Names,
}

/// Says that bytes are no stored window.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WindowError {
    #[error("window compression: {0}")]
    Compression(#[from] std::io::Error),
    #[error("window encoding: {0}")]
    Encoding(#[from] postcard::Error),
}

impl Window {
    /// Moves the clock to when the stream took the record that comes next. It never goes back.
    pub(crate) fn advance(&mut self, appended_ms: i64) {
        self.clock_ms = self.clock_ms.max(appended_ms);
    }

    /// Puts a ping's name into the window and says whether it was there.
    pub(crate) fn see_ping(&mut self, ping: &Ping) -> (VehicleNumber, Sighting) {
        let number = self.number(ping.fleet, ping.vehicle);
        let vehicle = self.vehicles.get_mut(number);
        vehicle.last_ms = self.clock_ms;
        (VehicleNumber(number), vehicle.pings.insert(ping.name))
    }

    /// Puts a ride event's name into the window and says whether it was there.
    pub(crate) fn see_event(&mut self, event: &RideEvent) -> Sighting {
        let kind = [kind_number(&event.kind) as u8];
        let time = event.time.0.to_be_bytes();
        let parts = [
            event.fleet.as_str().as_bytes(),
            event.ride.as_str().as_bytes(),
            &kind,
            &time,
        ];
        let name = Name {
            parts: &parts,
            time: event.time,
        };
        self.events.insert(name, self.clock_ms)
    }

    /// Puts a trip's name into the window and says whether it was there.
    pub(crate) fn see_trip(&mut self, trip: &Trip) -> Sighting {
        let version = trip.version.to_be_bytes();
        let parts = [
            trip.fleet.as_str().as_bytes(),
            trip.ride.as_str().as_bytes(),
            &version,
        ];
        let name = Name {
            parts: &parts,
            time: trip.ended,
        };
        self.trips.insert(name, self.clock_ms)
    }

    /// How much it remembers of vehicles.
    pub(crate) fn size(&self) -> Size {
        Size {
            vehicles: self.vehicles.len(),
            runs: self.vehicles.iter().map(|one| one.pings.runs()).sum(),
        }
    }

    /// Forgets what is too old or too much, at a commit. Vehicle numbers from before are void.
    /// Returns how many vehicles there was no room for.
    pub(crate) fn forget(&mut self) -> usize {
        self.forget_beyond(BOUNDS)
    }

    fn forget_beyond(&mut self, bounds: Size) -> usize {
        let horizon = self.clock_ms.saturating_sub(FORGET_AFTER_MS);
        self.events.forget_before(horizon);
        self.trips.forget_before(horizon);
        self.keep_vehicles(|vehicle| vehicle.last_ms >= horizon);
        let surplus = self.forget_longest_silent(bounds.vehicles);
        if self.size().runs > bounds.runs {
            let runs = self.vehicles.iter().map(|one| one.pings.runs());
            let share = fair_share(runs.collect(), bounds.runs);
            for vehicle in self.vehicles.iter_mut() {
                vehicle.pings.shrink_to(share);
            }
        }
        surplus
    }

    /// Keeps at most `max` vehicles; returns how many had to go.
    fn forget_longest_silent(&mut self, max: usize) -> usize {
        let surplus = self.vehicles.len().saturating_sub(max);
        if surplus > 0 {
            // Of equally silent ones the first in order go, so that nothing depends on numbers.
            let order = |vehicle: &Vehicle| (vehicle.last_ms, vehicle.key.clone());
            let mut all: Vec<_> = self.vehicles.iter().map(order).collect();
            let (_, first_kept, _) = all.select_nth_unstable(surplus);
            let first_kept = first_kept.clone();
            drop(all);
            self.keep_vehicles(|vehicle| {
                (vehicle.last_ms, &vehicle.key) >= (first_kept.0, &first_kept.1)
            });
        }
        surplus
    }

    fn keep_vehicles(&mut self, is_kept: impl Fn(&Vehicle) -> bool) {
        if !self.vehicles.iter().all(&is_kept) {
            let all = std::mem::take(&mut self.vehicles);
            self.vehicles = all.into_iter().filter(is_kept).collect();
            self.rebuild_index();
        }
    }

    /// The window as bytes. Equal windows are equal bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, WindowError> {
        let mut vehicles: Vec<_> = self.vehicles.iter().collect();
        vehicles.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let stored = Stored {
            clock_ms: self.clock_ms,
            vehicles,
            events: &self.events,
            trips: &self.trips,
        };
        // Compressed while it is encoded: never is it in memory twice.
        let compressed = BufWriter::new(zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?);
        let mut compressed = postcard::to_io(&stored, compressed)?;
        compressed.flush()?;
        let encoder = compressed
            .into_inner()
            .map_err(IntoInnerError::into_error)?;
        Ok(encoder.finish()?)
    }

    /// Reads a window back.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WindowError> {
        let stored: Stored<Vehicle, Recent> =
            postcard::from_bytes(&zstd::stream::decode_all(bytes)?)?;
        Ok(Self::from(stored))
    }

    fn number(&mut self, fleet: FleetId, vehicle: VehicleId) -> u32 {
        if let Some(number) = self.find(fleet, vehicle) {
            return number;
        }
        self.push(Vehicle {
            key: VehicleKey::new(fleet, vehicle),
            last_ms: self.clock_ms,
            pings: Seen::default(),
        })
    }

    fn find(&self, fleet: FleetId, vehicle: VehicleId) -> Option<u32> {
        let hash = self.hasher.hash_one((fleet, vehicle));
        let is_it = |number: &u32| self.vehicles.get(*number).key.is(fleet, vehicle);
        self.index.find(hash, is_it).copied()
    }

    /// Adds a vehicle that is not there.
    fn push(&mut self, vehicle: Vehicle) -> u32 {
        let number = self.vehicles.len() as u32;
        self.vehicles.push(vehicle);
        let (vehicles, hasher) = (&self.vehicles, &self.hasher);
        let hash = hash_of(hasher, vehicles, number);
        self.index
            .insert_unique(hash, number, |number| hash_of(hasher, vehicles, *number));
        number
    }

    fn rebuild_index(&mut self) {
        let (vehicles, hasher) = (&self.vehicles, &self.hasher);
        self.index.clear();
        for number in 0..vehicles.len() as u32 {
            self.index
                .insert_unique(hash_of(hasher, vehicles, number), number, |number| {
                    hash_of(hasher, vehicles, *number)
                });
        }
    }
}

impl From<Stored<Vehicle, Recent>> for Window {
    fn from(stored: Stored<Vehicle, Recent>) -> Self {
        let mut window = Self {
            clock_ms: stored.clock_ms,
            vehicles: stored.vehicles.into_iter().collect(),
            events: stored.events,
            trips: stored.trips,
            ..Self::default()
        };
        window.rebuild_index();
        window
    }
}

/// The most that each may keep so that all together keep at most `max`: who has most gives first.
fn fair_share(mut counts: Vec<usize>, max: usize) -> usize {
    counts.sort_unstable();
    let (mut left, mut sharing) = (max, counts.len());
    for count in counts {
        let share = left / sharing;
        if count > share {
            return share;
        }
        left -= count;
        sharing -= 1;
    }
    usize::MAX
}

fn hash_of(hasher: &DefaultHashBuilder, vehicles: &Chunked<Vehicle>, number: u32) -> u64 {
    hasher.hash_one(&vehicles.get(number).key)
}

#[cfg(test)]
mod tests;
