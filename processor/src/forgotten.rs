//! Rides that are over and forgotten: their ids' hashes, so that an event that comes days late
//! does not begin them anew. It keeps nothing else of them.

use hashbrown::HashMap;
use schemas::{FleetId, RideId};
use serde::{Deserialize, Serialize};

/// Hashes kept at most, some 30 bytes each; beyond, rides are remembered for a shorter time.
const MAX_RIDES: usize = 1_000_000;
/// So long, by the stream's clock, is a ride remembered to be over: a day longer than events are
/// taken after their time.
const MEMORY_MS: i64 = 8 * 24 * 3_600_000;

/// Which rides are over, and since when they are forgotten.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ForgottenRides(HashMap<u64, i64>);

impl ForgottenRides {
    /// Remembers that a ride was forgotten.
    pub(crate) fn insert(&mut self, fleet: FleetId, ride: RideId, clock_ms: i64) {
        self.0.insert(hash(fleet, ride), clock_ms);
    }

    /// Says whether a ride was forgotten within the last eight days.
    pub(crate) fn holds(&self, fleet: FleetId, ride: RideId) -> bool {
        self.0.contains_key(&hash(fleet, ride))
    }

    /// Adds what another shard remembers.
    pub(crate) fn merge(&mut self, other: Self) {
        for (ride, since_ms) in other.0 {
            let known = self.0.entry(ride).or_insert(since_ms);
            *known = since_ms.max(*known);
        }
    }

    /// Drops what is older than that, and more where there is too much.
    pub(crate) fn sweep(&mut self, clock_ms: i64) {
        let mut memory_ms = MEMORY_MS;
        self.0
            .retain(|_, since_ms| *since_ms + memory_ms > clock_ms);
        while self.0.len() > MAX_RIDES && memory_ms > 0 {
            memory_ms /= 2;
            self.0
                .retain(|_, since_ms| *since_ms + memory_ms > clock_ms);
        }
    }
}

/// FNV-1a, 64 bits: it is stored, so that it must be the same in every process.
fn hash(fleet: FleetId, ride: RideId) -> u64 {
    let bytes = fleet
        .as_str()
        .bytes()
        .chain([b'/'])
        .chain(ride.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
