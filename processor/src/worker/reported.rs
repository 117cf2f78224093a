//! What one worker adds to the gauges of the process; it goes with the worker.

use schemas::Phase;

use crate::{ShardState, metrics};

/// A worker's part of the gauges.
pub(super) struct Reported {
    vehicles: usize,
    changed: usize,
    trips_waiting: usize,
    rides: [usize; Phase::ALL.len()],
}

impl Reported {
    /// Begins with an empty shard.
    pub(super) fn begin() -> Self {
        metrics::shards_changed(1.0);
        Self {
            vehicles: 0,
            changed: 0,
            trips_waiting: 0,
            rides: [0; Phase::ALL.len()],
        }
    }

    /// Goes on to what is so now, while so many vehicles are under way to the cache.
    pub(super) fn follow(&mut self, state: &ShardState, under_way: usize) {
        self.set_changed(state.waiting() + under_way);
        self.set(state.vehicles(), state.outbox().len(), state.rides());
    }

    fn set_changed(&mut self, changed: usize) {
        metrics::cache_waiting_changed(changed as f64 - self.changed as f64);
        self.changed = changed;
    }

    fn set(&mut self, vehicles: usize, trips_waiting: usize, rides: [usize; Phase::ALL.len()]) {
        metrics::vehicles_changed(vehicles as f64 - self.vehicles as f64);
        metrics::trips_waiting_changed(trips_waiting as f64 - self.trips_waiting as f64);
        for phase in Phase::ALL {
            let (before, after) = (self.rides[phase as usize], rides[phase as usize]);
            metrics::rides_changed(phase, after as f64 - before as f64);
        }
        self.vehicles = vehicles;
        self.trips_waiting = trips_waiting;
        self.rides = rides;
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        metrics::shards_changed(-1.0);
        self.set_changed(0);
        self.set(0, 0, [0; Phase::ALL.len()]);
    }
}
