//! The dedupe window of a shard: the names of what was archived lately.
//! Its only clock is the stream's, so that it is a function of what was read and of nothing else.
//!
//! Bounds: a vehicle is forgotten 8 days after its last record, as late uploads are accepted for 7;
//! of one vehicle's pings `schemas::seen::Seen` keeps the highest names; of ride events and of trips
//! the latest [`recent::MAX_NAMES`] each are kept. A repeat from beyond these bounds is a row again.

mod recent;
mod vehicles;

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

use crate::rows::ride_events::kind_number;
use recent::Recent;
use vehicles::{Vehicle, Vehicles};

/// A vehicle that was silent for so long by the stream's clock is forgotten, in ms: 8 days.
const FORGET_AFTER_MS: i64 = 8 * 24 * 3_600_000;

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
    vehicles: Vehicles,
    /// Places in `vehicles`, by fleet and vehicle.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    events: Recent,
    trips: Recent,
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
        let name = [
            event.fleet.as_str().as_bytes(),
            event.ride.as_str().as_bytes(),
            &kind,
            &time,
        ];
        self.events.insert(&name, self.clock_ms)
    }

    /// Puts a trip's name into the window and says whether it was there.
    pub(crate) fn see_trip(&mut self, trip: &Trip) -> Sighting {
        let version = trip.version.to_be_bytes();
        let name = [
            trip.fleet.as_str().as_bytes(),
            trip.ride.as_str().as_bytes(),
            &version,
        ];
        self.trips.insert(&name, self.clock_ms)
    }

    /// Forgets what is too old, at a commit. Vehicle numbers from before are void.
    pub(crate) fn forget(&mut self) {
        let horizon = self.clock_ms.saturating_sub(FORGET_AFTER_MS);
        self.events.forget_before(horizon);
        self.trips.forget_before(horizon);
        let is_known = |vehicle: &Vehicle| vehicle.last_ms >= horizon;
        if !self.vehicles.iter().all(is_known) {
            let all = std::mem::take(&mut self.vehicles);
            self.vehicles = all.into_iter().filter(is_known).collect();
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
        let hash = self.hasher.hash_one((fleet, vehicle));
        let is_it = |number: &u32| self.vehicles.get(*number).key.is(fleet, vehicle);
        if let Some(number) = self.index.find(hash, is_it) {
            return *number;
        }
        let number = self.vehicles.len() as u32;
        self.vehicles.push(Vehicle {
            key: VehicleKey::new(fleet, vehicle),
            last_ms: self.clock_ms,
            pings: Seen::default(),
        });
        let (vehicles, hasher) = (&self.vehicles, &self.hasher);
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

fn hash_of(hasher: &DefaultHashBuilder, vehicles: &Vehicles, number: u32) -> u64 {
    hasher.hash_one(&vehicles.get(number).key)
}

#[cfg(test)]
mod tests;
