//! The rides of a slice of the cache in memory: to be found by their ids at every write, and to be
//! listed in order. How long they stay is decided in `memory`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use hashbrown::HashTable;
use schemas::{FleetId, RideId, RideProgress, id, kept::KeptId};

use super::kept::{KeptRide, Second};
use crate::cache::RidesQuery;

/// The rides of a slice. Whoever asks for one brings the hash of its fleet and id.
#[derive(Default)]
pub(super) struct Rides {
    table: HashTable<Box<KeptRide>>,
    /// The order of listing, which only a ride's coming and going changes.
    order: BTreeMap<FleetId, BTreeSet<KeptId<id::Ride>>>,
}

/// A ride to be found, with the hash of both.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) fleet: FleetId,
    pub(super) ride: RideId,
    pub(super) hash: u64,
}

impl Rides {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn get(&self, name: Name) -> Option<&KeptRide> {
        let kept = self.table.find(name.hash, |kept| kept.is(name));
        kept.map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, name: Name) -> Option<&mut KeptRide> {
        let kept = self.table.find_mut(name.hash, |kept| kept.is(name));
        kept.map(Box::as_mut)
    }

    /// Adds a ride that is not there.
    pub(super) fn insert(&mut self, name: Name, kept: KeptRide, hash: impl Fn(&KeptRide) -> u64) {
        let of_fleet = self.order.entry(name.fleet).or_default();
        of_fleet.insert(name.ride.into());
        self.table
            .insert_unique(name.hash, Box::new(kept), |kept| hash(kept));
    }

    /// Takes a ride out.
    pub(super) fn remove(&mut self, name: Name) {
        let Ok(kept) = self.table.find_entry(name.hash, |kept| kept.is(name)) else {
            return;
        };
        kept.remove();
        if let Some(rides) = self.order.get_mut(&name.fleet) {
            rides.remove(name.ride.as_str());
        }
    }

    /// Lists rides that stay beyond `now`, in the order of their ids; `hash` is that of a fleet
    /// and a ride.
    pub(super) fn list(
        &self,
        query: &RidesQuery,
        now: Second,
        hash: impl Fn(FleetId, RideId) -> u64,
    ) -> impl Iterator<Item = RideProgress> {
        let after = query.after.as_ref();
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_str()));
        let of_fleet = self.order.get(&query.fleet);
        let rides = of_fleet
            .into_iter()
            .flat_map(move |rides| rides.range::<str, _>((start, Bound::Unbounded)));
        let (fleet, phase) = (query.fleet, query.phase);
        rides
            .filter_map(move |ride| {
                let (ride, fleet) = (ride.id(), fleet);
                let hash = hash(fleet, ride);
                self.get(Name { fleet, ride, hash })
            })
            .filter(move |kept| kept.until > now)
            .filter(move |kept| phase.is_none_or(|phase| kept.stage.phase == phase))
            .map(KeptRide::show)
    }

    /// Forgets those whose time has come.
    pub(super) fn forget(&mut self, now: Second) {
        let Self { table, order } = self;
        table.retain(|kept| {
            let stays = kept.until > now;
            if !stays && let Some(rides) = order.get_mut(&kept.key.fleet()) {
                rides.remove(kept.key.id().as_str());
            }
            stays
        });
        order.retain(|_, rides| !rides.is_empty());
    }
}
