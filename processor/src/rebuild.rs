//! `processor rebuild`: writes all rides and vehicles of the last snapshots to a cache, without the
//! stream. It takes no shard: workers that are at it meanwhile know more, and by the versions that
//! stays.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, ensure};
use objects::{Key, Objects};
use transport::Position;

use crate::{
    Cache,
    cache::Change,
    snapshot::{self, Loaded},
};

/// So many vehicles and rides are written at once, a quarter of a MB.
const CHANGES_AT_ONCE: usize = 500;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Shards with a snapshot that counts.
    pub shards: usize,
    /// Shards that were split or merged: what they had is with their children.
    pub closed_shards: usize,
    /// Rides written, those that ended within the hour among them.
    pub rides: usize,
    /// Vehicles written.
    pub vehicles: usize,
}

/// Writes what the last snapshot of each shard in `objects` has to `cache`.
///
/// What came since a snapshot is missing until a worker shows its shard, which each does when it
/// takes it over, and when it finds that the cache was away.
///
/// # Errors
/// An error of the storage or the cache, a snapshot that cannot be read, and no snapshot at all.
/// Doing it again is safe.
pub async fn rebuild(objects: Arc<dyn Objects>, cache: Arc<dyn Cache>) -> anyhow::Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    for shard in shards(&*objects).await? {
        let Some(Loaded { state, position }) = snapshot::last(&objects, &shard).await? else {
            continue;
        };
        if position.is_some_and(Position::is_end_of_shard) {
            rebuilt.closed_shards += 1;
            continue;
        }
        rebuilt.shards += 1;
        let mut live = state.live();
        loop {
            let part: Vec<_> = live.by_ref().take(CHANGES_AT_ONCE).collect();
            if part.is_empty() {
                break;
            }
            let is_ride = |change: &&Change| matches!(change, Change::Ride(_));
            let rides = part.iter().filter(is_ride).count();
            rebuilt.rides += rides;
            rebuilt.vehicles += part.len() - rides;
            let written = cache.write(part).await;
            written.with_context(|| format!("show shard {shard}"))?;
        }
    }
    let found = rebuilt.shards + rebuilt.closed_shards;
    ensure!(
        found > 0,
        "there is no snapshot: is --state the one of the processors?"
    );
    Ok(rebuilt)
}

/// The names of all shards that have snapshots.
async fn shards(objects: &dyn Objects) -> anyhow::Result<BTreeSet<String>> {
    let mut shards = BTreeSet::new();
    let mut last: Option<Key> = None;
    loop {
        let page = objects.list(snapshot::ROOT, last.as_ref()).await;
        let page = page.context("list the snapshots")?;
        let names = page.iter().filter_map(|key| {
            let below = key.as_str().strip_prefix(snapshot::ROOT)?;
            below.split('/').next().map(str::to_owned)
        });
        shards.extend(names);
        last = page.last().cloned();
        if last.is_none() {
            return Ok(shards);
        }
    }
}

#[cfg(test)]
mod tests {
    use objects::memory::MemoryObjects;
    use schemas::{FleetId, RideId};
    use transport::{Shard, Stream as _, memory::MemoryStream};

    use super::*;
    use crate::{
        ShardState,
        cache::memory::MemoryCache,
        snapshot::Snapshots,
        testing::{assigned, event, ping, second},
    };

    async fn shards(count: u32) -> Vec<Box<dyn Shard>> {
        let stream = MemoryStream::open(&format!("memory:?shards={count}")).unwrap();
        let mut consumer = stream.consumer("test");
        let mut shards = Vec::new();
        while shards.len() < count as usize {
            shards.push(consumer.acquire().await.unwrap());
        }
        shards
    }

    /// Stores a state with one ride on its way, as of so many pings.
    async fn store(
        objects: &Arc<dyn Objects>,
        shard: &dyn Shard,
        at: &str,
        ride: &str,
        pings: i64,
    ) {
        let mut state = ShardState::default();
        let vehicle = format!("of-{ride}");
        let event = event(ride, &vehicle, 0, assigned(100.0, 900.0));
        state.apply(&event, second(0).0);
        for at_s in 1..=pings {
            state.apply(&ping(&vehicle, at_s, at_s as f64 * 10.0), second(at_s).0);
        }
        let mut snapshots = Snapshots::of(objects.clone(), shard.id());
        snapshots.load(shard.lineage()).await.unwrap();
        let encoded = snapshots.encode(state, at.parse().unwrap()).await;
        let _stored = snapshots.store(encoded.unwrap().1).await.unwrap();
    }

    async fn shown_at(cache: &Arc<dyn Cache>, ride: &str) -> Option<i64> {
        let ride = cache.ride(FleetId::default(), RideId::new(ride).unwrap());
        ride.await.unwrap().map(|ride| ride.as_of_ms.0)
    }

    #[tokio::test]
    async fn every_ride_of_the_last_snapshots_is_shown_unless_a_newer_one_is() {
        let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
        let cache: Arc<dyn Cache> = Arc::new(MemoryCache::default());
        let shards = shards(3).await;
        store(&objects, &*shards[0], "1", "a", 1).await;
        store(&objects, &*shards[0], "4", "a", 4).await;
        store(&objects, &*shards[1], "7", "b", 7).await;
        // Split long ago: its children have gone on with its ride, which is over and forgotten there.
        store(&objects, &*shards[2], "9/4294967295", "gone", 9).await;
        let rebuilt = rebuild(objects.clone(), cache.clone()).await.unwrap();
        let expected = Rebuilt {
            shards: 2,
            closed_shards: 1,
            rides: 2,
            vehicles: 2,
        };
        assert_eq!(rebuilt, expected);
        assert_eq!(shown_at(&cache, "a").await, Some(second(4).0));
        assert_eq!(shown_at(&cache, "b").await, Some(second(7).0));
        assert_eq!(shown_at(&cache, "gone").await, None);

        let older: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
        store(&older, &*shards[1], "2", "b", 2).await;
        rebuild(older, cache.clone()).await.unwrap();
        assert_eq!(shown_at(&cache, "b").await, Some(second(7).0));
    }

    #[tokio::test]
    async fn a_place_without_snapshots_is_told() {
        let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
        let error = rebuild(objects, Arc::new(MemoryCache::default())).await;
        assert!(error.unwrap_err().to_string().contains("--state"));
    }
}
