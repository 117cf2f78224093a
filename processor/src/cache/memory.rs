//! The cache in this process's memory, for one machine. It ends with the process, and is filled
//! again from the snapshots.

use std::{
    collections::{BTreeMap, HashMap as StdHashMap},
    hash::BuildHasher as _,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use hashbrown::{DefaultHashBuilder, HashTable};
use schemas::{Coordinate, FleetId, RideId, RideProgress, VehicleId, VehiclePosition};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};

use super::{
    Cache, CacheError, Change, NearQuery, Nearby, RidesQuery,
    grid::{Cell, Grid},
};
use crate::metrics;

/// Writers and readers of different vehicles seldom wait for each other with so many locks.
const SLICES: usize = 16;
/// Vehicles, and rides, kept at most in a slice: one million of each in all, 0.5 GB. New ones
/// beyond are refused and counted.
const MAX_PER_SLICE: usize = 65_536;
/// Changes of a ride that a slow watcher may lag behind.
const WATCHED_CHANGES: usize = 32;
/// How long a ride that is over is kept after its last write, and everything else.
const KEEP_OVER: Duration = Duration::from_hours(1);
const KEEP: Duration = Duration::from_hours(24);
/// What is to go is looked for once in so long, while there are writes.
const SWEEP: Duration = Duration::from_mins(1);

/// The cache in memory.
#[derive(Default)]
pub struct MemoryCache {
    hasher: DefaultHashBuilder,
    rides: [Mutex<Rides>; SLICES],
    vehicles: [Mutex<Vehicles>; SLICES],
    /// Vehicles by their hashes. Locked after a slice, never before.
    grid: Mutex<Grid>,
    watchers: Mutex<StdHashMap<RideKey, broadcast::Sender<RideProgress>>>,
    swept: Mutex<Option<Instant>>,
}

type RideKey = (FleetId, RideId);
type Rides = BTreeMap<RideKey, Kept<RideProgress>>;
/// One allocation for each vehicle: a growing table moves pointers.
type Vehicles = HashTable<Box<KeptVehicle>>;

struct Kept<Value> {
    value: Value,
    until: Instant,
}

struct KeptVehicle {
    hash: u64,
    cell: Option<Cell>,
    kept: Kept<VehiclePosition>,
}

#[async_trait]
impl Cache for MemoryCache {
    async fn write(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        let now = Instant::now();
        for change in changes {
            match change {
                Change::Vehicle(vehicle) => self.write_vehicle(vehicle, now),
                Change::Ride(ride) => self.write_ride(ride, now),
            }
        }
        self.sweep(now);
        Ok(())
    }

    async fn ride(&self, fleet: FleetId, ride: RideId) -> Result<Option<RideProgress>, CacheError> {
        let key = (fleet, ride);
        Ok(lock(self.rides_of(&key))
            .get(&key)
            .map(|kept| kept.value.clone()))
    }

    async fn rides(&self, query: RidesQuery) -> Result<Vec<RideProgress>, CacheError> {
        let mut found = Vec::new();
        for slice in &self.rides {
            let rides = lock(slice);
            let start = match query.after {
                Some(after) => Bound::Excluded((query.fleet, after)),
                None => first_of(query.fleet),
            };
            let matching = rides
                .range((start, Bound::Unbounded))
                .take_while(|((fleet, _), _)| *fleet == query.fleet)
                .map(|(_, kept)| &kept.value)
                .filter(|ride| query.phase.is_none_or(|phase| ride.phase == phase));
            found.extend(matching.take(query.limit).cloned());
        }
        found.sort_unstable_by_key(|ride| ride.ride_id);
        found.truncate(query.limit);
        Ok(found)
    }

    async fn vehicle(
        &self,
        fleet: FleetId,
        vehicle: VehicleId,
    ) -> Result<Option<VehiclePosition>, CacheError> {
        let hash = self.hasher.hash_one((fleet, vehicle));
        let vehicles = lock(self.vehicles_of(hash));
        let kept = vehicles.find(hash, |kept| kept.is(fleet, vehicle));
        Ok(kept.map(|kept| kept.kept.value.clone()))
    }

    async fn near(&self, query: NearQuery) -> Result<Vec<Nearby>, CacheError> {
        let hashes = lock(&self.grid).around(query.fleet, query.place, query.radius);
        let mut found = Vec::new();
        for hash in hashes {
            let vehicles = lock(self.vehicles_of(hash));
            let Some(kept) = vehicles.find(hash, |kept| kept.hash == hash) else {
                continue;
            };
            let vehicle = &kept.kept.value;
            let Some(place) = place_of(vehicle) else {
                continue;
            };
            let distance = query.place.distance(place);
            if distance.0 <= query.radius.0 {
                found.push(Nearby {
                    vehicle: vehicle.clone(),
                    distance,
                });
            }
        }
        found.sort_unstable_by(|one, other| {
            let by_distance = one.distance.0.total_cmp(&other.distance.0);
            by_distance.then_with(|| one.vehicle.vehicle_id.cmp(&other.vehicle.vehicle_id))
        });
        found.truncate(query.limit);
        Ok(found)
    }

    async fn watch(
        &self,
        fleet: FleetId,
        ride: RideId,
    ) -> Result<Option<BoxStream<'static, RideProgress>>, CacheError> {
        let key = (fleet, ride);
        // The slice stays locked, so that no write comes between the state now and the watching.
        let rides = lock(self.rides_of(&key));
        let Some(kept) = rides.get(&key) else {
            return Ok(None);
        };
        let now = kept.value.clone();
        let changes = lock(&self.watchers)
            .entry(key)
            .or_insert_with(|| broadcast::channel(WATCHED_CHANGES).0)
            .subscribe();
        drop(rides);
        let later = stream::unfold(changes, |mut changes| async {
            loop {
                match changes.recv().await {
                    Ok(ride) => return Some((ride, changes)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(Some(stream::iter([now]).chain(later).boxed()))
    }
}

impl MemoryCache {
    fn write_ride(&self, ride: RideProgress, now: Instant) {
        let key = (ride.fleet_id, ride.ride_id);
        let keep = if ride.phase.is_over() {
            KEEP_OVER
        } else {
            KEEP
        };
        let mut rides = lock(self.rides_of(&key));
        let known = rides.get(&key).map(|kept| kept.value.version);
        if known.is_none() && rides.len() >= MAX_PER_SLICE {
            metrics::cache_refused();
            return;
        }
        if known.is_some_and(|known| known > ride.version) {
            return;
        }
        if known != Some(ride.version) {
            self.publish(key, &ride);
        }
        rides.insert(
            key,
            Kept {
                value: ride,
                until: now + keep,
            },
        );
    }

    /// Tells watchers of a ride. Nobody who watches is told twice of one version.
    fn publish(&self, key: RideKey, ride: &RideProgress) {
        let mut watchers = lock(&self.watchers);
        if let Some(sender) = watchers.get(&key)
            && sender.send(ride.clone()).is_err()
        {
            watchers.remove(&key);
        }
    }

    fn write_vehicle(&self, vehicle: VehiclePosition, now: Instant) {
        let fleet = vehicle.fleet_id;
        let hash = self.hasher.hash_one((fleet, vehicle.vehicle_id));
        let cell = place_of(&vehicle).map(Cell::of);
        let until = now + KEEP;
        let mut vehicles = lock(self.vehicles_of(hash));
        let is_full = vehicles.len() >= MAX_PER_SLICE;
        let known = vehicles.find_mut(hash, |kept| kept.is(fleet, vehicle.vehicle_id));
        let before = match known {
            Some(kept) if kept.kept.value.version > vehicle.version => return,
            Some(kept) => {
                kept.kept = Kept {
                    value: vehicle,
                    until,
                };
                std::mem::replace(&mut kept.cell, cell)
            }
            None if is_full => {
                metrics::cache_refused();
                return;
            }
            None => {
                let kept = KeptVehicle {
                    hash,
                    cell,
                    kept: Kept {
                        value: vehicle,
                        until,
                    },
                };
                vehicles.insert_unique(hash, Box::new(kept), |kept| kept.hash);
                None
            }
        };
        if before != cell {
            let mut grid = lock(&self.grid);
            if let Some(before) = before {
                grid.remove(fleet, before, hash);
            }
            if let Some(cell) = cell {
                grid.insert(fleet, cell, hash);
            }
        }
    }

    /// Forgets what was not written for long.
    fn sweep(&self, now: Instant) {
        {
            let mut swept = lock(&self.swept);
            if now.duration_since(*swept.get_or_insert(now)) < SWEEP {
                return;
            }
            *swept = Some(now);
        }
        for slice in &self.rides {
            lock(slice).retain(|_, kept| kept.until > now);
        }
        for slice in &self.vehicles {
            lock(slice).retain(|kept| {
                let stays = kept.kept.until > now;
                if !stays && let Some(cell) = kept.cell {
                    lock(&self.grid).remove(kept.kept.value.fleet_id, cell, kept.hash);
                }
                stays
            });
        }
        let is_known = |key: &RideKey| lock(self.rides_of(key)).contains_key(key);
        // Taken out before the slices are asked: a watcher locks them in the other order.
        let watched: Vec<_> = lock(&self.watchers).keys().copied().collect();
        for key in watched {
            let known = is_known(&key);
            let mut watchers = lock(&self.watchers);
            if !known
                || watchers
                    .get(&key)
                    .is_some_and(|sender| sender.receiver_count() == 0)
            {
                watchers.remove(&key);
            }
        }
    }

    fn rides_of(&self, key: &RideKey) -> &Mutex<Rides> {
        &self.rides[self.hasher.hash_one(key) as usize % SLICES]
    }

    fn vehicles_of(&self, hash: u64) -> &Mutex<Vehicles> {
        // The table goes by the highest and the lowest bits.
        &self.vehicles[(hash >> 32) as usize % SLICES]
    }
}

impl KeptVehicle {
    fn is(&self, fleet: FleetId, vehicle: VehicleId) -> bool {
        self.kept.value.vehicle_id == vehicle && self.kept.value.fleet_id == fleet
    }
}

/// The first key that a fleet can have: no id is below `-`.
fn first_of(fleet: FleetId) -> Bound<RideKey> {
    RideId::new("-").map_or(Bound::Unbounded, |least| Bound::Included((fleet, least)))
}

fn place_of(vehicle: &VehiclePosition) -> Option<Coordinate> {
    Coordinate::from_degrees(vehicle.lat, vehicle.lng).ok()
}

/// Nothing panics between two changes that belong together, so that a poisoned lock is whole.
fn lock<Value>(mutex: &Mutex<Value>) -> MutexGuard<'_, Value> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
