//! What a view promises of its shard: each thing is written once an interval, as it is then; nobody
//! waits for the cache; and what the cache missed or lost it gets again.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use schemas::{FleetId, RideId, RideProgress, VehicleId, VehiclePosition};
use tokio::{sync::Semaphore, time::timeout};

use super::*;
use crate::{
    cache::{Change, NearQuery, Nearby, RidesQuery, lock, memory::MemoryCache},
    testing::{assigned, event, ping, second},
};

const INTERVAL: Duration = Duration::from_millis(100);

/// A cache in memory that remembers what was written when, and fails or is slow when told to.
struct Moody {
    kept: MemoryCache,
    writes: Mutex<Vec<Vec<Change>>>,
    is_away: AtomicBool,
    losses: AtomicU64,
    /// A write takes one of these to go on.
    goes: Semaphore,
}

impl Moody {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            kept: MemoryCache::default(),
            writes: Mutex::default(),
            is_away: AtomicBool::new(false),
            losses: AtomicU64::new(0),
            goes: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    /// How many changes each write had so far.
    fn sizes(&self) -> Vec<usize> {
        lock(&self.writes).iter().map(Vec::len).collect()
    }
}

#[async_trait]
impl Cache for Moody {
    async fn write(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        self.goes.acquire().await.unwrap().forget();
        if self.is_away.load(Ordering::Relaxed) {
            return Err(CacheError::Unavailable("away".to_owned()));
        }
        lock(&self.writes).push(changes.clone());
        self.kept.write(changes).await
    }

    fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn ride(&self, fleet: FleetId, ride: RideId) -> Result<Option<RideProgress>, CacheError> {
        self.kept.ride(fleet, ride).await
    }

    async fn rides(&self, query: RidesQuery) -> Result<Vec<RideProgress>, CacheError> {
        self.kept.rides(query).await
    }

    async fn vehicle(
        &self,
        fleet: FleetId,
        vehicle: VehicleId,
    ) -> Result<Option<VehiclePosition>, CacheError> {
        self.kept.vehicle(fleet, vehicle).await
    }

    async fn near(&self, query: NearQuery) -> Result<Vec<Nearby>, CacheError> {
        self.kept.near(query).await
    }

    async fn watch(
        &self,
        fleet: FleetId,
        ride: RideId,
    ) -> Result<Option<BoxStream<'static, RideProgress>>, CacheError> {
        self.kept.watch(fleet, ride).await
    }
}

/// A shard with its view.
struct Shown {
    cache: Arc<Moody>,
    view: View,
    state: ShardState,
}

impl Shown {
    /// A ride `r` of vehicle `v`, all of which is shown.
    async fn new() -> Self {
        let cache = Moody::new();
        let view = View::of(cache.clone(), INTERVAL);
        let mut state = ShardState::default();
        state.apply(&event("r", "v", 0, assigned(100.0, 9_000.0)), second(0).0);
        state.apply(&ping("v", 1, 10.0), second(1).0);
        let mut shown = Self { cache, view, state };
        shown.until_idle().await;
        shown
    }

    /// The vehicle moves.
    fn drive(&mut self, at_s: i64) {
        self.state
            .apply(&ping("v", at_s, at_s as f64 * 10.0), second(at_s).0);
    }

    /// Does what is due next.
    async fn step(&mut self) {
        self.view.is_due(self.state.waiting()).await;
        self.view.show(&mut self.state);
    }

    /// Goes on for a while, as a worker to which nothing comes.
    async fn go_on_for(&mut self, time: Duration) {
        let forever = async {
            loop {
                self.step().await;
            }
        };
        let _elapsed = timeout(time, forever).await;
    }

    async fn until_idle(&mut self) {
        loop {
            self.step().await;
            if self.state.waiting() + self.view.under_way() == 0 {
                return;
            }
        }
    }

    async fn as_of_s(&self) -> Option<i64> {
        let ride = self
            .cache
            .ride(FleetId::default(), RideId::new("r").unwrap());
        let ride = ride.await.unwrap()?;
        Some((ride.as_of_ms.0 - second(0).0) / 1_000)
    }
}

#[tokio::test(start_paused = true)]
async fn what_changes_often_is_written_once_an_interval_as_it_is_then() {
    let mut shown = Shown::new().await;
    assert_eq!(shown.cache.sizes(), [2]);
    for at_s in 2..=100 {
        shown.drive(at_s);
        shown.go_on_for(INTERVAL / 10).await;
    }
    shown.until_idle().await;
    let sizes = shown.cache.sizes();
    assert!((9..=12).contains(&sizes.len()), "{sizes:?}");
    // Ride and vehicle each.
    assert!(sizes.iter().all(|size| *size == 2), "{sizes:?}");
    assert_eq!(shown.as_of_s().await, Some(100));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_takes_long_holds_nobody_up_and_the_next_has_the_latest() {
    let mut shown = Shown::new().await;
    shown.cache.goes.forget_permits(Semaphore::MAX_PERMITS);
    shown.drive(2);
    shown.step().await;
    for at_s in 3..=50 {
        shown.drive(at_s);
        shown.go_on_for(INTERVAL).await;
    }
    assert_eq!(shown.as_of_s().await, Some(1));
    assert_eq!(shown.view.under_way(), 1);
    shown.cache.goes.add_permits(2);
    shown.until_idle().await;
    assert_eq!(shown.cache.sizes(), [2, 2, 2]);
    assert_eq!(shown.as_of_s().await, Some(50));
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_everything_is_written_again_also_what_did_not_change() {
    let mut shown = Shown::new().await;
    shown.cache.is_away.store(true, Ordering::Relaxed);
    shown.drive(2);
    shown.go_on_for(10 * TRY_AGAIN).await;
    assert_eq!(shown.as_of_s().await, Some(1));
    // A vehicle that does not change any more was shown while nobody listened.
    let quiet = shown.state.apply(&ping("quiet", 3, 0.0), second(3).0);
    assert!(matches!(quiet, crate::Outcome::Ping(_)));
    shown.go_on_for(2 * TRY_AGAIN).await;
    shown.cache.is_away.store(false, Ordering::Relaxed);
    shown.go_on_for(TRY_AGAIN + 3 * INTERVAL).await;
    assert_eq!(shown.as_of_s().await, Some(2));
    let quiet = VehicleId::new("quiet").unwrap();
    let vehicle = shown.cache.vehicle(FleetId::default(), quiet).await;
    assert!(vehicle.unwrap().is_some());
    assert_eq!(shown.view.missing_since, None);
}

#[tokio::test(start_paused = true)]
async fn after_a_loss_everything_is_written_again_without_a_record() {
    let mut shown = Shown::new().await;
    shown.go_on_for(Duration::from_mins(1)).await;
    assert_eq!(shown.cache.sizes(), [2]);
    shown.cache.losses.fetch_add(1, Ordering::Relaxed);
    shown.go_on_for(LOOK + INTERVAL).await;
    assert_eq!(shown.cache.sizes(), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn many_vehicles_are_written_in_parts_that_follow_at_once() {
    let mut shown = Shown::new().await;
    for n in 0..2 * VEHICLES_AT_ONCE {
        shown
            .state
            .apply(&ping(&format!("v{n}"), 2, 0.0), second(2).0);
    }
    let begun = Instant::now();
    shown.until_idle().await;
    assert_eq!(
        shown.cache.sizes()[1..],
        [VEHICLES_AT_ONCE, VEHICLES_AT_ONCE]
    );
    assert!(begun.elapsed() <= INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_shown_at_the_end_unless_the_cache_is_away() {
    let mut shown = Shown::new().await;
    shown.drive(2);
    shown.view.show_rest(&mut shown.state).await;
    assert_eq!(shown.as_of_s().await, Some(2));
    shown.cache.is_away.store(true, Ordering::Relaxed);
    shown.drive(3);
    shown.view.show_rest(&mut shown.state).await;
    assert_eq!(shown.as_of_s().await, Some(2));
}
