//! The window that a shard begins with where shards were split or merged before it: what its parents
//! recognised as repeats it recognises too. It reads no parent's chain.

use schemas::record::write_key;

use super::{Vehicle, Window};

impl Window {
    /// The windows of all parents in one, with the vehicles whose records `has` says are this
    /// shard's. In which order the parents come makes no difference.
    ///
    /// Names of ride events and trips are digests that tell no vehicle: every child has all of them.
    pub(crate) fn inherit(parents: Vec<Self>, has: impl Fn(&[u8]) -> bool) -> Self {
        let mut heir = Self::default();
        let mut key = Vec::new();
        for parent in parents {
            heir.clock_ms = heir.clock_ms.max(parent.clock_ms);
            heir.events.merge(parent.events);
            heir.trips.merge(parent.trips);
            for vehicle in parent.vehicles {
                key.clear();
                write_key(vehicle.key.fleet(), vehicle.key.id(), &mut key);
                if has(&key) {
                    heir.add(vehicle);
                }
            }
        }
        heir
    }

    fn add(&mut self, vehicle: Vehicle) {
        let Some(number) = self.find(vehicle.key.fleet(), vehicle.key.id()) else {
            self.push(vehicle);
            return;
        };
        let known = self.vehicles.get_mut(number);
        known.last_ms = known.last_ms.max(vehicle.last_ms);
        known.pings.merge(vehicle.pings);
    }
}

#[cfg(test)]
mod tests;
