//! What the cache in memory promises.

use schemas::{Meters, Phase};

use super::*;
use crate::{
    cache::conformance::{self, ride, vehicle},
    testing::place,
};

#[tokio::test]
async fn memory_is_what_the_trait_promises() {
    conformance::check(&MemoryCache::default()).await;
}

async fn write_rides(cache: &MemoryCache, rides: &[RideProgress]) {
    cache
        .write(rides.iter().cloned().map(Change::Ride).collect())
        .await
        .unwrap();
}

async fn phase_of(cache: &MemoryCache, id: &str) -> Option<Phase> {
    let ride = cache
        .ride(FleetId::default(), RideId::new(id).unwrap())
        .await
        .unwrap();
    ride.map(|ride| ride.phase)
}

async fn near(cache: &MemoryCache, radius_m: f64, limit: usize) -> Vec<String> {
    let (fleet, place) = (FleetId::default(), place(0.0, 0.0));
    let query = NearQuery {
        fleet,
        place,
        radius: Meters(radius_m),
        limit,
    };
    let found = cache.near(query).await.unwrap();
    found
        .iter()
        .map(|nearby| nearby.vehicle.vehicle_id.to_string())
        .collect()
}

#[tokio::test]
async fn a_watcher_sees_the_state_and_then_every_change_once() {
    let cache = MemoryCache::default();
    let key = (FleetId::default(), RideId::new("r").unwrap());
    assert!(cache.watch(key.0, key.1).await.unwrap().is_none());
    write_rides(&cache, &[ride("r", 1, Phase::ToPickup)]).await;
    let watched = cache.watch(key.0, key.1).await.unwrap().unwrap();
    for version in [1, 2, 2, 1, 3] {
        write_rides(
            &cache,
            &[
                ride("r", version, Phase::OnTrip),
                ride("s", 9, Phase::OnTrip),
            ],
        )
        .await;
    }
    let versions: Vec<_> = watched.take(3).map(|ride| ride.version).collect().await;
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_ride_that_is_over_is_kept_for_an_hour_and_others_for_a_day() {
    let cache = MemoryCache::default();
    write_rides(
        &cache,
        &[
            ride("over", 1, Phase::Completed),
            ride("open", 1, Phase::OnTrip),
        ],
    )
    .await;
    cache
        .write(vec![Change::Vehicle(vehicle("v", 1, 0.0))])
        .await
        .unwrap();
    tokio::time::advance(Duration::from_mins(59)).await;
    write_rides(&cache, &[]).await;
    assert_eq!(phase_of(&cache, "over").await, Some(Phase::Completed));
    tokio::time::advance(Duration::from_mins(2)).await;
    write_rides(&cache, &[]).await;
    assert_eq!(phase_of(&cache, "over").await, None);
    assert_eq!(phase_of(&cache, "open").await, Some(Phase::OnTrip));
    tokio::time::advance(Duration::from_hours(24)).await;
    write_rides(&cache, &[]).await;
    assert_eq!(phase_of(&cache, "open").await, None);
    assert_eq!(near(&cache, 100.0, 10).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_no_longer_is_shown_no_longer_also_without_writes() {
    let cache = MemoryCache::default();
    write_rides(&cache, &[ride("over", 1, Phase::Completed)]).await;
    cache
        .write(vec![Change::Vehicle(vehicle("v", 1, 0.0))])
        .await
        .unwrap();
    tokio::time::advance(Duration::from_mins(61)).await;
    let (fleet, over) = (FleetId::default(), RideId::new("over").unwrap());
    assert_eq!(phase_of(&cache, "over").await, None);
    assert!(cache.watch(fleet, over).await.unwrap().is_none());
    let query = RidesQuery {
        fleet,
        phase: None,
        after: None,
        limit: 9,
    };
    assert_eq!(cache.rides(query).await.unwrap(), []);
    assert_eq!(near(&cache, 100.0, 10).await, ["v"]);
    tokio::time::advance(Duration::from_hours(23)).await;
    let vehicle = VehicleId::new("v").unwrap();
    assert_eq!(cache.vehicle(fleet, vehicle).await.unwrap(), None);
    assert_eq!(near(&cache, 100.0, 10).await, Vec::<String>::new());
}

#[tokio::test]
async fn watchers_end_with_the_ride_and_leave_nothing() {
    let cache = MemoryCache::default();
    let key = (FleetId::default(), RideId::new("r").unwrap());
    write_rides(&cache, &[ride("r", 1, Phase::OnTrip)]).await;
    let watched = cache.watch(key.0, key.1).await.unwrap().unwrap();
    for version in 2..=3 {
        write_rides(&cache, &[ride("r", version, Phase::Completed)]).await;
    }
    let versions: Vec<_> = watched.map(|ride| ride.version).collect().await;
    assert_eq!(versions, [1, 2]);
    let late = cache.watch(key.0, key.1).await.unwrap().unwrap();
    assert_eq!(late.count().await, 1);
    assert!(lock(&cache.watchers).is_empty());
}
