//! The cache against a real server: what it promises, how long it keeps things, and what becomes of it
//! when the server goes. Where there is no `redis-server`, these tests are skipped aloud.

use faults::servers::{Redis, RedisCluster};
use redis::cmd;
use schemas::{DriverId, Phase};
use tokio::time::sleep;

use super::*;
use crate::{
    cache::conformance::{self, ride, vehicle},
    testing::second,
};

fn open(server: &Redis) -> RedisCache {
    RedisCache::open(&format!("redis://{}", server.address())).unwrap()
}

fn fleet() -> FleetId {
    FleetId::default()
}

async fn write(cache: &RedisCache, rides: &[RideProgress]) -> Result<(), CacheError> {
    cache
        .write(rides.iter().cloned().map(Change::Ride).collect())
        .await
}

async fn version(cache: &RedisCache, id: &str) -> Option<u64> {
    let ride = cache.ride(fleet(), RideId::new(id).unwrap()).await.unwrap();
    ride.map(|ride| ride.version)
}

/// Writes until the server is back.
async fn write_at_last(cache: &RedisCache, rides: &[RideProgress]) {
    while write(cache, rides).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_is_what_the_trait_promises() {
    let Some(server) = Redis::start("redis: a_server_is_what_the_trait_promises") else {
        return;
    };
    conformance::check(&open(&server)).await;
}

#[tokio::test]
async fn a_cluster_is_what_the_trait_promises() {
    let Some(cluster) = RedisCluster::start("redis: a_cluster_is_what_the_trait_promises") else {
        return;
    };
    let cache = RedisCache::open(&format!("redis://{}", cluster.addresses())).unwrap();
    conformance::check(&cache).await;
    // One node knows the others.
    let addresses = cluster.addresses();
    let seed = addresses.split(',').next().unwrap();
    let cache = RedisCache::open(&format!("redis://{seed}?cluster=yes")).unwrap();
    conformance::check(&cache).await;
}

#[tokio::test]
async fn fleets_that_lie_in_several_nodes_are_written_at_once_and_again_after_a_node_was_away() {
    let test = "redis: fleets_that_lie_in_several_nodes_are_written_at_once";
    let Some(mut cluster) = RedisCluster::start(test) else {
        return;
    };
    let cache = RedisCache::open(&format!("redis://{}", cluster.addresses())).unwrap();
    let fleets: Vec<_> = (0..12)
        .map(|n| FleetId::new(&format!("f{n}")).unwrap())
        .collect();
    let changes = |version| {
        let each = fleets.iter().map(|fleet| RideProgress {
            fleet_id: *fleet,
            ..ride("r", version, Phase::OnTrip)
        });
        each.map(Change::Ride).collect::<Vec<_>>()
    };
    let shown = async |version| {
        for fleet in &fleets {
            let ride = cache.ride(*fleet, RideId::new("r").unwrap()).await;
            if !matches!(ride, Ok(Some(ride)) if ride.version == version) {
                return false;
            }
        }
        true
    };
    cache.write(changes(1)).await.unwrap();
    assert!(shown(1).await);
    let losses = cache.losses();
    cluster.kill(1);
    assert!(cache.write(changes(2)).await.is_err());
    cluster.start_again(1);
    while cache.write(changes(2)).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    assert!(cache.losses() > losses);
    assert!(shown(2).await);
}

#[tokio::test]
async fn a_server_is_reached_by_tls_and_only_as_the_one_it_is() {
    let Some(server) = Redis::start_with_tls("redis: a_server_is_reached_by_tls") else {
        return;
    };
    let url = format!("rediss://{}", server.address());
    let cache = RedisCache::open(&format!("{url}?ca={}", server.authority().display())).unwrap();
    write(&cache, &[ride("r", 1, Phase::OnTrip)]).await.unwrap();
    assert_eq!(version(&cache, "r").await, Some(1));
    let stranger = RedisCache::open(&url).unwrap();
    let refused = write(&stranger, &[ride("r", 2, Phase::OnTrip)]).await;
    assert!(refused.is_err());
    assert_eq!(version(&cache, "r").await, Some(1));
}

#[tokio::test]
async fn everything_has_its_time() {
    let Some(server) = Redis::start("redis: everything_has_its_time") else {
        return;
    };
    let cache = open(&server);
    write(
        &cache,
        &[
            ride("over", 1, Phase::Completed),
            ride("open", 1, Phase::OnTrip),
        ],
    )
    .await
    .unwrap();
    cache
        .write(vec![Change::Vehicle(vehicle("v", 1, 0.0))])
        .await
        .unwrap();
    for (key, seconds) in [
        ("hansom:{default}:ride:over", 3_600),
        ("hansom:{default}:ride:open", 86_400),
        ("hansom:{default}:vehicle:v", 86_400),
        ("hansom:{default}:rides", 90_000),
        ("hansom:{default}:places", 90_000),
    ] {
        let mut question = pipe();
        question.add_command(cmd("TTL").arg(key).to_owned());
        let (left,): (i64,) = cache.link.ask(&question).await.unwrap();
        assert!((seconds - 60..=seconds).contains(&left), "{key}: {left}");
    }
}

#[tokio::test]
async fn what_has_gone_is_listed_no_more() {
    let Some(server) = Redis::start("redis: what_has_gone_is_listed_no_more") else {
        return;
    };
    let cache = open(&server);
    write(
        &cache,
        &[ride("a", 1, Phase::OnTrip), ride("b", 1, Phase::OnTrip)],
    )
    .await
    .unwrap();
    let vehicles = [vehicle("a", 1, 0.0), vehicle("b", 1, 1.0)].map(Change::Vehicle);
    cache.write(vehicles.into()).await.unwrap();
    // As if their time were over.
    let mut expiry = pipe();
    for key in ["hansom:{default}:ride:a", "hansom:{default}:vehicle:a"] {
        expiry.cmd("DEL").arg(key).ignore();
    }
    cache.link.ask::<()>(&expiry).await.unwrap();
    let query = RidesQuery {
        fleet: fleet(),
        phase: None,
        after: None,
        limit: 1,
    };
    let listed = cache.rides(query).await.unwrap();
    assert_eq!(listed[0].ride_id.as_str(), "b");
    let query = NearQuery {
        fleet: fleet(),
        place: crate::testing::place(0.0, 0.0),
        radius: Meters(100.0),
        limit: 1,
    };
    let near = cache.near(query).await.unwrap();
    assert_eq!(near[0].vehicle.vehicle_id.as_str(), "b");
    let mut sizes = pipe();
    for index in ["rides", "places"] {
        sizes
            .cmd("ZCARD")
            .arg(format!("hansom:{{default}}:{index}"));
    }
    let sizes: [u64; 2] = cache.link.ask(&sizes).await.unwrap();
    assert_eq!(sizes, [1, 1]);
}

#[tokio::test]
async fn what_cannot_be_read_here_is_skipped_and_stays_for_who_can() {
    let Some(server) = Redis::start("redis: what_cannot_be_read_here_is_skipped") else {
        return;
    };
    let cache = open(&server);
    let rides = [ride("a", 1, Phase::OnTrip), ride("b", 1, Phase::OnTrip)];
    write(&cache, &rides).await.unwrap();
    let mut newer = pipe();
    newer.cmd("HSET").arg("hansom:{default}:ride:a");
    newer.arg("phase").arg("in_a_phase_to_come").ignore();
    cache.link.ask::<()>(&newer).await.unwrap();
    let query = RidesQuery {
        fleet: fleet(),
        phase: None,
        after: None,
        limit: 9,
    };
    let listed = cache.rides(query).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(version(&cache, "a").await, None);
    let mut size = pipe();
    size.cmd("ZCARD").arg("hansom:{default}:rides");
    let (size,): (u64,) = cache.link.ask(&size).await.unwrap();
    assert_eq!(size, 2);
}

#[tokio::test]
async fn a_server_that_comes_back_empty_is_a_loss_that_is_told() {
    let Some(mut server) = Redis::start("redis: a_server_that_comes_back_empty") else {
        return;
    };
    let cache = open(&server);
    write(&cache, &[ride("r", 1, Phase::OnTrip)]).await.unwrap();
    let losses = cache.losses();
    server.kill();
    let error = write(&cache, &[ride("r", 2, Phase::OnTrip)]).await;
    assert!(
        matches!(error, Err(CacheError::Unavailable(_))),
        "{error:?}"
    );
    server.start_again();
    write_at_last(&cache, &[ride("s", 1, Phase::OnTrip)]).await;
    assert!(cache.losses() > losses);
    assert_eq!(version(&cache, "r").await, None);
    assert_eq!(version(&cache, "s").await, Some(1));
}

#[tokio::test]
async fn a_server_that_was_away_between_two_writes_is_a_loss_that_is_told() {
    let Some(mut server) = Redis::start("redis: a_server_that_was_away_between_two_writes") else {
        return;
    };
    let cache = open(&server);
    write(&cache, &[ride("r", 1, Phase::OnTrip)]).await.unwrap();
    let losses = cache.losses();
    server.kill();
    server.start_again();
    while cache.losses() == losses {
        sleep(Duration::from_millis(10)).await;
    }
    write_at_last(&cache, &[ride("r", 2, Phase::OnTrip)]).await;
    assert_eq!(version(&cache, "r").await, Some(2));
}

#[tokio::test]
async fn what_one_instance_writes_another_sees_also_after_the_server_was_away() {
    let Some(mut server) = Redis::start("redis: what_one_instance_writes_another_sees") else {
        return;
    };
    let (writer, reader) = (open(&server), open(&server));
    write(&writer, &[ride("r", 1, Phase::OnTrip)])
        .await
        .unwrap();
    let id = RideId::new("r").unwrap();
    let mut watched = reader.watch(fleet(), id).await.unwrap().unwrap();
    assert_eq!(watched.next().await.unwrap().version, 1);
    write(&writer, &[ride("r", 2, Phase::OnTrip)])
        .await
        .unwrap();
    assert_eq!(watched.next().await.unwrap().version, 2);
    server.kill();
    server.start_again();
    write_at_last(&writer, &[ride("r", 3, Phase::OnTrip)]).await;
    assert_eq!(watched.next().await.unwrap().version, 3);
    write(&writer, &[ride("r", 4, Phase::Cancelled)])
        .await
        .unwrap();
    assert_eq!(watched.next().await.unwrap().version, 4);
    assert!(watched.next().await.is_none());
}

#[tokio::test]
async fn a_ride_of_average_size_is_written_in_one_command_of_460_bytes() {
    let cache = RedisCache::open("redis://127.0.0.1:1").unwrap();
    let mut full = ride(
        "0b8ed5f1-7a3c-4e0a-9d1f-2c6a",
        1_853_882_368_000_042,
        Phase::ToPickup,
    );
    full.vehicle_id = VehicleId::new("cab-00042").unwrap();
    full.driver_id = Some(DriverId::new("driver-00042").unwrap());
    (full.lat, full.lng) = (Some(37.770_012_3), Some(-122.420_123_4));
    (full.travelled_m, full.remaining_m) = (1_612.3, Some(4_238.8));
    (full.fraction, full.eta_s) = (Some(0.2755), Some(511.5));
    (full.eta_ms, full.as_of_ms) = (Some(second(511)), second(1));
    (full.eta_p10_ms, full.eta_p90_ms) = (Some(second(401)), Some(second(777)));
    full.stale_after_ms = Some(second(11));
    let mut questions = pipe();
    cache.add(&Change::Ride(full), &mut questions);
    assert_eq!(questions.cmd_iter().count(), 1);
    let bytes = questions.get_packed_pipeline().len();
    assert!(bytes <= 460, "{bytes} bytes");
}
