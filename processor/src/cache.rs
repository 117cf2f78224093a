//! The cache: where every ride and vehicle is now, for whoever asks, from any instance.
//! It holds nothing that the stream could not tell again.
//!
//! Which backend does it is decided once, from a URL, in [`open`].

#[cfg(test)]
mod conformance;
mod grid;
pub(crate) mod memory;
mod redis;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use schemas::{
    Coordinate, FleetId, Meters, Phase, RideId, RideProgress, VehicleId, VehiclePosition,
};

/// How long a ride that is over is kept after its last write, and everything else.
const KEEP_OVER: Duration = Duration::from_hours(1);
const KEEP: Duration = Duration::from_hours(24);

/// Something that the live API shows, or shows no more.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A vehicle as it is now.
    Vehicle(VehiclePosition),
    /// A ride as it is now.
    Ride(RideProgress),
    /// A ride that had not ended and is followed no more, as of its last version.
    RideAbandoned {
        /// The fleet.
        fleet: FleetId,
        /// The ride.
        ride: RideId,
        /// The last version that it had.
        version: u64,
    },
}

impl Change {
    /// Whose it is.
    pub(crate) fn fleet(&self) -> FleetId {
        match self {
            Self::Vehicle(vehicle) => vehicle.fleet_id,
            Self::Ride(ride) => ride.fleet_id,
            Self::RideAbandoned { fleet, .. } => *fleet,
        }
    }
}

/// Where rides and vehicles are now.
///
/// Nothing in it goes backwards: of two versions of a ride or a vehicle the higher stays, whichever
/// is written last, so that a worker that lost its shard cannot show the past. A ride that is over
/// is kept for an hour after its last write, everything else for a day; what is kept no longer is
/// shown no longer. A ride that is abandoned goes at once, unless a higher version is there.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// Writes what changed. Once it returns, every reader sees it, and every watcher will.
    ///
    /// After an error it is open what was written; writing again is safe.
    async fn write(&self, changes: Vec<Change>) -> Result<(), CacheError>;

    /// How often it may have lost what was written: where this has grown, whoever shows something
    /// shows all of it again.
    fn losses(&self) -> u64;

    /// Whether who reads asks another process, which may be slow or away.
    fn is_remote(&self) -> bool;

    /// A ride; None if it is not known.
    async fn ride(&self, fleet: FleetId, ride: RideId) -> Result<Option<RideProgress>, CacheError>;

    /// Rides by their ids in byte order.
    async fn rides(&self, query: RidesQuery) -> Result<Vec<RideProgress>, CacheError>;

    /// A vehicle; None if it is not known.
    async fn vehicle(
        &self,
        fleet: FleetId,
        vehicle: VehicleId,
    ) -> Result<Option<VehiclePosition>, CacheError>;

    /// Vehicles around a place, the nearest first.
    async fn near(&self, query: NearQuery) -> Result<Vec<Nearby>, CacheError>;

    /// A ride as it is now, and then as every later write leaves it; None if it is not known.
    ///
    /// A watcher that is slow misses states in between, never the last. The stream ends with the
    /// first state in which the ride is over, and when the ride is forgotten.
    async fn watch(
        &self,
        fleet: FleetId,
        ride: RideId,
    ) -> Result<Option<BoxStream<'static, RideProgress>>, CacheError>;
}

/// Asks for rides of a fleet.
#[derive(Debug, Clone)]
pub struct RidesQuery {
    /// The fleet.
    pub fleet: FleetId,
    /// Only those in this phase.
    pub phase: Option<Phase>,
    /// Only those after this one.
    pub after: Option<RideId>,
    /// So many at most.
    pub limit: usize,
}

/// Asks for vehicles of a fleet around a place.
#[derive(Debug, Clone)]
pub struct NearQuery {
    /// The fleet.
    pub fleet: FleetId,
    /// The place.
    pub place: Coordinate,
    /// Not farther than this.
    pub radius: Meters,
    /// So many at most.
    pub limit: usize,
}

/// A vehicle and how far off it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearby {
    /// The vehicle.
    pub vehicle: VehiclePosition,
    /// By the crow.
    pub distance: Meters,
}

/// Sorts by distance, and by name where that is the same.
fn sort_nearest_first(found: &mut [Nearby]) {
    found.sort_unstable_by(|one, other| {
        let by_distance = one.distance.0.total_cmp(&other.distance.0);
        by_distance.then_with(|| one.vehicle.vehicle_id.cmp(&other.vehicle.vehicle_id))
    });
}

/// Why the cache has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The URL names no cache that can be opened.
    #[error("cache url {url}: {reason}")]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The cache cannot answer now; the same may succeed later.
    #[error("the cache is unavailable: {0}")]
    Unavailable(String),
}

/// Opens the cache that `url` names: `memory:`, or `redis://host:port/db`, with TLS as `rediss://`; a
/// cluster by some of its nodes, `redis://host:port,host:port`.
///
/// # Errors
/// [`CacheError`] for a URL that is not understood.
pub fn open(url: &str) -> Result<Arc<dyn Cache>, CacheError> {
    match url.split(':').next() {
        Some("memory") if url == "memory:" => Ok(Arc::new(memory::MemoryCache::default())),
        Some("redis" | "rediss") => Ok(Arc::new(redis::RedisCache::open(url)?)),
        _ => Err(CacheError::Url {
            url: url.to_owned(),
            reason: "is none of memory:, redis://host:port and rediss://host:port".to_owned(),
        }),
    }
}

/// Nothing panics between two changes that belong together, so that a poisoned lock is whole.
pub(crate) fn lock<Value>(mutex: &Mutex<Value>) -> MutexGuard<'_, Value> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
