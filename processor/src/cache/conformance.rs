//! What every cache promises, whichever it is. How long things are kept is each one's own test.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::StreamExt as _;
use schemas::{
    DriverId, FleetId, Meters, Phase, RideId, RideProgress, Timestamp, VehicleId, VehiclePosition,
    VehicleState,
};

use super::{Cache, Change, NearQuery, RidesQuery};
use crate::testing::{place, second};

/// A ride with nothing known but its version and phase.
pub(crate) fn ride(id: &str, version: u64, phase: Phase) -> RideProgress {
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
        eta_p10_ms: None,
        eta_p90_ms: None,
        eta_s: None,
        off_route: false,
        stalled_since_ms: None,
        stale_after_ms: None,
    }
}

/// A vehicle so far east of the origin.
pub(crate) fn vehicle(id: &str, version: u64, east_m: f64) -> VehiclePosition {
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

/// A fleet of its own in a cache.
struct Fleet<'a> {
    cache: &'a dyn Cache,
    id: FleetId,
}

impl<'a> Fleet<'a> {
    fn new(cache: &'a dyn Cache) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = FleetId::new(&format!("fleet-{}-{number}", std::process::id())).unwrap();
        Self { cache, id }
    }

    async fn write_rides(&self, rides: &[RideProgress]) {
        let mut rides = rides.to_vec();
        for ride in &mut rides {
            ride.fleet_id = self.id;
        }
        let changes = rides.into_iter().map(Change::Ride).collect();
        self.cache.write(changes).await.unwrap();
    }

    async fn write_vehicles(&self, vehicles: &[VehiclePosition]) {
        let mut vehicles = vehicles.to_vec();
        for vehicle in &mut vehicles {
            vehicle.fleet_id = self.id;
        }
        let changes = vehicles.into_iter().map(Change::Vehicle).collect();
        self.cache.write(changes).await.unwrap();
    }

    async fn ride(&self, id: &str) -> Option<RideProgress> {
        let id = RideId::new(id).unwrap();
        self.cache.ride(self.id, id).await.unwrap()
    }

    async fn vehicle(&self, id: &str) -> Option<VehiclePosition> {
        let id = VehicleId::new(id).unwrap();
        self.cache.vehicle(self.id, id).await.unwrap()
    }

    async fn near(&self, radius_m: f64, limit: usize) -> Vec<String> {
        let query = NearQuery {
            fleet: self.id,
            place: place(0.0, 0.0),
            radius: Meters(radius_m),
            limit,
        };
        let found = self.cache.near(query).await.unwrap();
        let names = found.iter();
        names
            .map(|nearby| nearby.vehicle.vehicle_id.to_string())
            .collect()
    }
}

/// Checks all of it.
pub(crate) async fn check(cache: &dyn Cache) {
    what_is_written_is_read(Fleet::new(cache)).await;
    a_lower_version_never_replaces_a_higher_one(Fleet::new(cache)).await;
    rides_are_listed_in_order_by_page_and_phase(Fleet::new(cache)).await;
    the_nearest_vehicles_come_first_and_follow_their_moves(Fleet::new(cache)).await;
    a_watcher_sees_the_state_and_the_last_change_and_the_end(Fleet::new(cache)).await;
    a_slow_watcher_misses_states_in_between_and_not_the_last(Fleet::new(cache)).await;
    an_abandoned_ride_goes_unless_another_shard_knows_more(Fleet::new(cache)).await;
}

async fn what_is_written_is_read(fleet: Fleet<'_>) {
    assert_eq!(fleet.ride("r").await, None);
    assert_eq!(fleet.vehicle("v").await, None);
    let mut full = ride("r", (1 << 52) + 7, Phase::ToPickup);
    full.fleet_id = fleet.id;
    full.driver_id = Some(DriverId::new("d").unwrap());
    (full.lat, full.lng) = (Some(-37.770_012_3), Some(122.42));
    (full.travelled_m, full.remaining_m) = (12.3, Some(4_238.8));
    (full.fraction, full.eta_s) = (Some(0.0029), Some(511.5));
    (full.eta_ms, full.stalled_since_ms) = (Some(second(511)), Some(second(3)));
    (full.eta_p10_ms, full.eta_p90_ms) = (Some(second(401)), Some(second(777)));
    full.stale_after_ms = Some(second(9));
    full.off_route = true;
    let mut less = ride("r", (1 << 52) + 8, Phase::Cancelled);
    less.fleet_id = fleet.id;
    for ride in [full, less] {
        fleet.write_rides(std::slice::from_ref(&ride)).await;
        assert_eq!(fleet.ride("r").await, Some(ride));
    }
    let mut full = vehicle("v", 4, 10.0);
    full.fleet_id = fleet.id;
    full.driver_id = Some(DriverId::new("d").unwrap());
    full.ride_id = Some(RideId::new("r").unwrap());
    (full.speed_mps, full.heading_deg) = (Some(13.25), Some(271.5));
    (full.accuracy_m, full.state) = (Some(4.5), VehicleState::OnTrip);
    let mut less = vehicle("v", 5, -10.0);
    less.fleet_id = fleet.id;
    for vehicle in [full, less] {
        fleet.write_vehicles(std::slice::from_ref(&vehicle)).await;
        assert_eq!(fleet.vehicle("v").await, Some(vehicle));
    }
}

async fn a_lower_version_never_replaces_a_higher_one(fleet: Fleet<'_>) {
    // As numbers, not as texts.
    let rides = [
        ride("r", 10, Phase::OnTrip),
        ride("r", 9, Phase::Waiting),
        ride("r", 10, Phase::OnTrip),
    ];
    fleet.write_rides(&rides).await;
    assert_eq!(fleet.ride("r").await.unwrap().phase, Phase::OnTrip);
    let vehicles = [vehicle("v", 10, 0.0), vehicle("v", 9, 5_000.0)];
    fleet.write_vehicles(&vehicles).await;
    assert_eq!(fleet.near(100.0, 10).await, ["v"]);
    assert_eq!(fleet.vehicle("v").await.unwrap().version, 10);
}

async fn rides_are_listed_in_order_by_page_and_phase(fleet: Fleet<'_>) {
    let phases = [Phase::OnTrip, Phase::Waiting];
    let rides: Vec<_> = (0..50)
        .map(|at| ride(&format!("r{at:02}"), 1, phases[at % 2]))
        .collect();
    fleet.write_rides(&rides).await;
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let query = RidesQuery {
            fleet: fleet.id,
            phase: Some(Phase::OnTrip),
            after,
            limit: 7,
        };
        let page = fleet.cache.rides(query).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.ride_id);
        found.extend(page.iter().map(|ride| ride.ride_id.to_string()));
    }
    let expected: Vec<_> = (0..50).step_by(2).map(|at| format!("r{at:02}")).collect();
    assert_eq!(found, expected);
}

async fn the_nearest_vehicles_come_first_and_follow_their_moves(fleet: Fleet<'_>) {
    let vehicles = [
        vehicle("a", 1, 3_000.0),
        vehicle("b", 1, 10.0),
        vehicle("c", 1, 900.0),
    ];
    fleet.write_vehicles(&vehicles).await;
    assert_eq!(fleet.near(5_000.0, 10).await, ["b", "c", "a"]);
    assert_eq!(fleet.near(5_000.0, 2).await, ["b", "c"]);
    assert_eq!(fleet.near(100.0, 10).await, ["b"]);
    fleet.write_vehicles(&[vehicle("b", 2, 9_000.0)]).await;
    assert_eq!(fleet.near(5_000.0, 10).await, ["c", "a"]);
}

async fn a_watcher_sees_the_state_and_the_last_change_and_the_end(fleet: Fleet<'_>) {
    let id = RideId::new("r").unwrap();
    assert!(fleet.cache.watch(fleet.id, id).await.unwrap().is_none());
    fleet.write_rides(&[ride("r", 1, Phase::ToPickup)]).await;
    let mut watched = fleet.cache.watch(fleet.id, id).await.unwrap().unwrap();
    assert_eq!(watched.next().await.unwrap().version, 1);
    for version in [2, 2, 1, 3] {
        let other = ride("s", 9, Phase::OnTrip);
        fleet
            .write_rides(&[ride("r", version, Phase::OnTrip), other])
            .await;
    }
    fleet.write_rides(&[ride("r", 4, Phase::Completed)]).await;
    let versions: Vec<_> = watched.map(|ride| ride.version).collect().await;
    assert!(
        versions.is_sorted_by(|one, next| one < next),
        "{versions:?}"
    );
    assert_eq!(versions.last(), Some(&4));
    let late = fleet.cache.watch(fleet.id, id).await.unwrap().unwrap();
    assert_eq!(late.count().await, 1);
}

async fn a_slow_watcher_misses_states_in_between_and_not_the_last(fleet: Fleet<'_>) {
    fleet.write_rides(&[ride("r", 1, Phase::ToPickup)]).await;
    let id = RideId::new("r").unwrap();
    let mut watched = fleet.cache.watch(fleet.id, id).await.unwrap().unwrap();
    for version in 2..=500 {
        fleet
            .write_rides(&[ride("r", version, Phase::OnTrip)])
            .await;
    }
    let mut last = 0;
    while last < 500 {
        let version = watched.next().await.unwrap().version;
        assert!(version > last);
        last = version;
    }
}

async fn an_abandoned_ride_goes_unless_another_shard_knows_more(fleet: Fleet<'_>) {
    let abandoned = |id: &str| Change::RideAbandoned {
        fleet: fleet.id,
        ride: RideId::new(id).unwrap(),
        version: 10,
    };
    let rides = [ride("q", 9, Phase::OnTrip), ride("r", 11, Phase::OnTrip)];
    fleet.write_rides(&rides).await;
    let id = RideId::new("q").unwrap();
    let watched = fleet.cache.watch(fleet.id, id).await.unwrap().unwrap();
    let changes = ["q", "r", "nobody"].map(abandoned);
    fleet.cache.write(changes.into()).await.unwrap();
    assert_eq!(fleet.ride("q").await, None);
    assert_eq!(fleet.ride("r").await.unwrap().phase, Phase::OnTrip);
    assert_eq!(watched.count().await, 1);
}
