//! The cache in this process's memory, for one machine. It ends with the process, and is filled
//! again from the snapshots.

mod kept;
mod rides;

use std::{
    collections::HashMap as StdHashMap, hash::BuildHasher as _, sync::Mutex, time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use hashbrown::{DefaultHashBuilder, HashTable};
use schemas::{FleetId, Meters, RideId, RideProgress, VehicleId, VehiclePosition};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};

use super::{
    Cache, CacheError, Change, KEEP, KEEP_OVER, NearQuery, Nearby, RidesQuery,
    grid::{Cell, Grid},
    lock, sort_nearest_first,
};
use crate::metrics;
use kept::{KeptFix, KeptRide, KeptVehicle, Second};
use rides::{Name, Rides};

/// Writers and readers of different vehicles seldom wait for each other with so many locks.
const SLICES: usize = 16;
/// Vehicles, and rides, kept at most in a slice: one million of each in all, 0.2 and 0.3 GB. New
/// ones beyond are refused and counted.
const MAX_PER_SLICE: usize = 65_536;
/// Changes of a ride that a slow watcher may lag behind.
const WATCHED_CHANGES: usize = 32;
/// What is to go is looked for once in so long, while there are writes.
const SWEEP: Duration = Duration::from_mins(1);

/// The cache in memory.
pub(crate) struct MemoryCache {
    began: Instant,
    hasher: DefaultHashBuilder,
    rides: [Mutex<Rides>; SLICES],
    vehicles: [Mutex<Vehicles>; SLICES],
    /// Vehicles by their hashes. Locked after a slice, never before.
    grid: Mutex<Grid>,
    watchers: Mutex<StdHashMap<RideKey, broadcast::Sender<RideProgress>>>,
    swept: Mutex<Instant>,
}

type RideKey = (FleetId, RideId);
/// One allocation for each vehicle: a growing table moves pointers.
type Vehicles = HashTable<Box<KeptVehicle>>;

impl Default for MemoryCache {
    fn default() -> Self {
        let began = Instant::now();
        Self {
            began,
            hasher: DefaultHashBuilder::default(),
            rides: Default::default(),
            vehicles: Default::default(),
            grid: Mutex::default(),
            watchers: Mutex::default(),
            swept: Mutex::new(began),
        }
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn write(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        let now = Instant::now();
        for change in changes {
            match change {
                Change::Vehicle(vehicle) => self.write_vehicle(&vehicle, now),
                Change::Ride(ride) => self.write_ride(&ride, now),
                Change::RideAbandoned {
                    fleet,
                    ride,
                    version,
                } => self.remove_ride(fleet, ride, version),
            }
        }
        self.sweep(now);
        Ok(())
    }

    fn losses(&self) -> u64 {
        0
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn ride(&self, fleet: FleetId, ride: RideId) -> Result<Option<RideProgress>, CacheError> {
        let (name, now) = (self.name(fleet, ride), self.now());
        let rides = lock(self.rides_of(name));
        Ok(shown(&rides, name, now).map(KeptRide::show))
    }

    async fn rides(&self, query: RidesQuery) -> Result<Vec<RideProgress>, CacheError> {
        let (mut found, now) = (Vec::new(), self.now());
        for slice in &self.rides {
            let rides = lock(slice);
            let hash = |fleet, ride| self.hasher.hash_one((fleet, ride));
            found.extend(rides.list(&query, now, hash).take(query.limit));
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
        let (hash, now) = (self.hasher.hash_one((fleet, vehicle)), self.now());
        let vehicles = lock(self.vehicles_of(hash));
        let kept = vehicles.find(hash, |kept| kept.key.is(fleet, vehicle));
        Ok(kept.filter(|kept| kept.until > now).map(|kept| kept.show()))
    }

    async fn near(&self, query: NearQuery) -> Result<Vec<Nearby>, CacheError> {
        let now = self.now();
        let hashes = lock(&self.grid).around(query.fleet, query.place, query.radius);
        let within = |nearby: &(f64, u64)| nearby.0 <= query.radius.0;
        let mut around: Vec<_> = hashes
            .into_iter()
            .filter_map(|hash| self.look_at((hash, now), &query, |distance, _| (distance.0, hash)))
            .filter(within)
            .collect();
        // Only those that are asked for are made ready to be shown: a city may lie around.
        if query.limit < around.len() {
            around.select_nth_unstable_by(query.limit, |one, other| one.0.total_cmp(&other.0));
            around.truncate(query.limit);
        }
        let show = |distance, kept: &KeptVehicle| Nearby {
            vehicle: kept.show(),
            distance,
        };
        let mut found: Vec<_> = around
            .into_iter()
            .filter_map(|(_, hash)| self.look_at((hash, now), &query, show))
            .collect();
        sort_nearest_first(&mut found);
        Ok(found)
    }

    async fn watch(
        &self,
        fleet: FleetId,
        ride: RideId,
    ) -> Result<Option<BoxStream<'static, RideProgress>>, CacheError> {
        let (name, now) = (self.name(fleet, ride), self.now());
        // The slice stays locked, so that no write comes between the state now and the watching.
        let rides = lock(self.rides_of(name));
        let Some(now) = shown(&rides, name, now).map(KeptRide::show) else {
            return Ok(None);
        };
        if now.phase.is_over() {
            return Ok(Some(stream::iter([now]).boxed()));
        }
        let changes = lock(&self.watchers)
            .entry((fleet, ride))
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
    fn write_ride(&self, ride: &RideProgress, now: Instant) {
        let (fleet, id) = (ride.fleet_id, ride.ride_id);
        let until = self.second(if ride.phase.is_over() {
            now + KEEP_OVER
        } else {
            now + KEEP
        });
        let name = self.name(fleet, id);
        let mut rides = lock(self.rides_of(name));
        let is_full = rides.len() >= MAX_PER_SLICE;
        match rides.get_mut(name) {
            Some(known) if known.stage.version > ride.version => {}
            Some(known) => {
                if known.stage.version != ride.version {
                    self.publish((fleet, id), ride);
                }
                known.update(ride, until);
            }
            None if is_full => metrics::cache_refused(),
            None => {
                self.publish((fleet, id), ride);
                let hash = |kept: &KeptRide| self.hasher.hash_one(&kept.key);
                rides.insert(name, KeptRide::new(ride, until), hash);
            }
        }
    }

    fn remove_ride(&self, fleet: FleetId, ride: RideId, version: u64) {
        let name = self.name(fleet, ride);
        let mut rides = lock(self.rides_of(name));
        if rides
            .get(name)
            .is_some_and(|kept| kept.stage.version <= version)
        {
            rides.remove(name);
            lock(&self.watchers).remove(&(fleet, ride));
        }
    }

    /// Tells watchers of a ride, for the last time when it is over. Nobody who watches is told
    /// twice of one version.
    fn publish(&self, key: RideKey, ride: &RideProgress) {
        let mut watchers = lock(&self.watchers);
        if let Some(sender) = watchers.get(&key)
            && (sender.send(ride.clone()).is_err() || ride.phase.is_over())
        {
            watchers.remove(&key);
        }
    }

    fn write_vehicle(&self, vehicle: &VehiclePosition, now: Instant) {
        let Some(fix) = KeptFix::of(vehicle) else {
            metrics::cache_refused();
            return;
        };
        let (fleet, id) = (vehicle.fleet_id, vehicle.vehicle_id);
        let hash = self.hasher.hash_one((fleet, id));
        let cell = Cell::of(fix.place);
        let until = self.second(now + KEEP);
        let mut vehicles = lock(self.vehicles_of(hash));
        let is_full = vehicles.len() >= MAX_PER_SLICE;
        let known = vehicles.find_mut(hash, |kept| kept.key.is(fleet, id));
        let before = match known {
            Some(kept) if kept.fix.version > fix.version => return,
            Some(kept) => {
                let before = Cell::of(kept.fix.place);
                kept.update(vehicle, fix, until);
                Some(before)
            }
            None if is_full => {
                metrics::cache_refused();
                return;
            }
            None => {
                let kept = KeptVehicle::new(vehicle, fix, until);
                vehicles.insert_unique(hash, Box::new(kept), |kept| self.hash(kept));
                None
            }
        };
        if before != Some(cell) {
            let mut grid = lock(&self.grid);
            if let Some(before) = before {
                grid.remove(fleet, before, hash);
            }
            grid.insert(fleet, cell, hash);
        }
    }

    /// What `look` sees in a vehicle that the query may ask for, and its distance from the place.
    fn look_at<Seen>(
        &self,
        (hash, now): (u64, Second),
        query: &NearQuery,
        look: impl FnOnce(Meters, &KeptVehicle) -> Seen,
    ) -> Option<Seen> {
        let vehicles = lock(self.vehicles_of(hash));
        let kept = vehicles.find(hash, |kept| self.hash(kept) == hash)?;
        // The grid may tell of vehicles of another fleet.
        let is_asked_for = kept.until > now && kept.key.parts().0 == query.fleet.as_str();
        is_asked_for.then(|| look(query.place.distance(kept.fix.place), kept))
    }

    /// Forgets what was not written for long.
    fn sweep(&self, now: Instant) {
        {
            let mut swept = lock(&self.swept);
            if now.duration_since(*swept) < SWEEP {
                return;
            }
            *swept = now;
        }
        let now = self.second(now);
        for slice in &self.rides {
            lock(slice).forget(now);
        }
        for slice in &self.vehicles {
            lock(slice).retain(|kept| {
                let stays = kept.until > now;
                if !stays {
                    let cell = Cell::of(kept.fix.place);
                    lock(&self.grid).remove(kept.key.fleet(), cell, self.hash(kept));
                }
                stays
            });
        }
        let is_known = |&(fleet, ride): &RideKey| {
            let name = self.name(fleet, ride);
            lock(self.rides_of(name)).get(name).is_some()
        };
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

    fn now(&self) -> Second {
        self.second(Instant::now())
    }

    fn second(&self, time: Instant) -> Second {
        Second::from(time.duration_since(self.began))
    }

    fn name(&self, fleet: FleetId, ride: RideId) -> Name {
        let hash = self.hasher.hash_one((fleet, ride));
        Name { fleet, ride, hash }
    }

    fn hash(&self, kept: &KeptVehicle) -> u64 {
        self.hasher.hash_one(&kept.key)
    }

    fn rides_of(&self, name: Name) -> &Mutex<Rides> {
        &self.rides[slice(name.hash)]
    }

    fn vehicles_of(&self, hash: u64) -> &Mutex<Vehicles> {
        &self.vehicles[slice(hash)]
    }
}

/// A ride that may be shown.
fn shown(rides: &Rides, name: Name, now: Second) -> Option<&KeptRide> {
    rides.get(name).filter(|kept| kept.until > now)
}

/// The slice of what has this hash. Its table goes by the highest and the lowest bits.
fn slice(hash: u64) -> usize {
    (hash >> 32) as usize % SLICES
}

#[cfg(test)]
mod tests;
