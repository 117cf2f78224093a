//! What the cache in memory promises.

use schemas::{Meters, Phase, Timestamp, VehicleState};

use super::*;
use crate::testing::{place, second};

fn ride(id: &str, version: u64, phase: Phase) -> RideProgress {
    RideProgress {
        fleet_id: FleetId::default(),
        ride_id: RideId::new(id).unwrap(),
        vehicle_id: VehicleId::new("v").unwrap(),
        driver_id: None,
        version,
        phase,
        phase_since_ms: second(0),
        as_of_ms: Timestamp(version as i64),
        lat: None,
        lng: None,
        travelled_m: 0.0,
        remaining_m: None,
        fraction: None,
        eta_ms: None,
        eta_s: None,
        off_route: false,
        stalled_since_ms: None,
    }
}

fn vehicle(id: &str, version: u64, east_m: f64) -> VehiclePosition {
    let place = place(east_m, 0.0);
    VehiclePosition {
        fleet_id: FleetId::default(),
        vehicle_id: VehicleId::new(id).unwrap(),
        driver_id: None,
        ride_id: None,
        version,
        time_ms: second(version as i64),
        lat: place.lat(),
        lng: place.lng(),
        speed_mps: None,
        heading_deg: None,
        accuracy_m: None,
        state: VehicleState::Available,
    }
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
async fn a_lower_version_never_replaces_a_higher_one() {
    let cache = MemoryCache::default();
    write_rides(
        &cache,
        &[ride("r", 7, Phase::OnTrip), ride("r", 6, Phase::Waiting)],
    )
    .await;
    assert_eq!(phase_of(&cache, "r").await, Some(Phase::OnTrip));
    let vehicles = [vehicle("v", 7, 0.0), vehicle("v", 6, 5_000.0)].map(Change::Vehicle);
    cache.write(vehicles.into()).await.unwrap();
    assert_eq!(near(&cache, 100.0, 10).await, ["v"]);
}

#[tokio::test]
async fn rides_are_listed_in_order_by_page_and_phase() {
    let cache = MemoryCache::default();
    let phases = [Phase::OnTrip, Phase::Waiting];
    let rides: Vec<_> = (0..50)
        .map(|at| ride(&format!("r{at:02}"), 1, phases[at % 2]))
        .collect();
    write_rides(&cache, &rides).await;
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let phase = Some(Phase::OnTrip);
        let query = RidesQuery {
            fleet: FleetId::default(),
            phase,
            after,
            limit: 7,
        };
        let page = cache.rides(query).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.ride_id);
        found.extend(page.iter().map(|ride| ride.ride_id.to_string()));
    }
    let expected: Vec<_> = (0..50).step_by(2).map(|at| format!("r{at:02}")).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_nearest_vehicles_come_first_and_follow_their_moves() {
    let cache = MemoryCache::default();
    let vehicles = [
        vehicle("a", 1, 3_000.0),
        vehicle("b", 1, 10.0),
        vehicle("c", 1, 900.0),
    ];
    cache
        .write(vehicles.map(Change::Vehicle).into())
        .await
        .unwrap();
    assert_eq!(near(&cache, 5_000.0, 10).await, ["b", "c", "a"]);
    assert_eq!(near(&cache, 5_000.0, 2).await, ["b", "c"]);
    assert_eq!(near(&cache, 100.0, 10).await, ["b"]);
    cache
        .write(vec![Change::Vehicle(vehicle("b", 2, 9_000.0))])
        .await
        .unwrap();
    assert_eq!(near(&cache, 5_000.0, 10).await, ["c", "a"]);
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

#[tokio::test]
async fn a_slow_watcher_misses_states_in_between_and_not_the_last() {
    let cache = MemoryCache::default();
    write_rides(&cache, &[ride("r", 1, Phase::ToPickup)]).await;
    let key = (FleetId::default(), RideId::new("r").unwrap());
    let mut watched = cache.watch(key.0, key.1).await.unwrap().unwrap();
    for version in 2..=500 {
        write_rides(&cache, &[ride("r", version, Phase::OnTrip)]).await;
    }
    let mut last = 0;
    while last < 500 {
        let version = watched.next().await.unwrap().version;
        assert!(version > last);
        last = version;
    }
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
async fn an_abandoned_ride_goes_unless_another_shard_knows_more() {
    let cache = MemoryCache::default();
    let abandoned = |id: &str| Change::RideAbandoned {
        fleet: FleetId::default(),
        ride: RideId::new(id).unwrap(),
        version: 5,
    };
    write_rides(
        &cache,
        &[ride("q", 5, Phase::OnTrip), ride("r", 6, Phase::OnTrip)],
    )
    .await;
    let key = (FleetId::default(), RideId::new("q").unwrap());
    let watched = cache.watch(key.0, key.1).await.unwrap().unwrap();
    let changes = ["q", "r", "nobody"].map(abandoned);
    cache.write(changes.into()).await.unwrap();
    assert_eq!(phase_of(&cache, "q").await, None);
    assert_eq!(phase_of(&cache, "r").await, Some(Phase::OnTrip));
    assert_eq!(watched.count().await, 1);
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
