//! What becomes of a cache that goes while workers write to it: they go on, and it has everything
//! again once it is back.

use ::faults::servers::Redis;

use super::*;

/// Rides in the cache, by id; None while it does not answer.
async fn shown(cache: &Arc<dyn Cache>) -> Option<Vec<String>> {
    let query = RidesQuery {
        fleet: FleetId::default(),
        phase: None,
        after: None,
        limit: 1_000,
    };
    let rides = cache.rides(query).await.ok()?;
    Some(rides.iter().map(|ride| ride.ride_id.to_string()).collect())
}

async fn wait_for(cache: &Arc<dyn Cache>, rides: &[&str]) {
    while shown(cache).await.is_none_or(|shown| shown != rides) {
        time::sleep(Duration::from_millis(10)).await;
    }
}

/// An assigned ride of a vehicle, and its first ping.
fn begin(ride: &str, vehicle: &str) -> [Record; 2] {
    [
        event(ride, vehicle, 0, assigned(100.0, 600.0)),
        ping(vehicle, 1, 10.0),
    ]
}

#[tokio::test]
async fn a_cache_that_comes_back_empty_gets_every_ride_again() {
    let Some(mut server) = Redis::start("a_cache_that_comes_back_empty_gets_every_ride_again")
    else {
        return;
    };
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=2").unwrap());
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let cache = crate::cache::open(&format!("redis://{}", server.address())).unwrap();
    let drain = Shutdown::new();
    let running = tokio::spawn({
        let (stream, cache) = (stream.clone(), cache.clone());
        let drain = Drain::ReadOut(drain.clone());
        let ports = ports(stream, objects, cache);
        async move { run(&settings(), ports, drain).await }
    });
    for vehicle in 0..RIDES {
        let (ride, vehicle) = (format!("r{vehicle}"), format!("v{vehicle}"));
        append(&stream, &begin(&ride, &vehicle)).await;
    }
    wait_for(&cache, &["r0", "r1", "r2", "r3", "r4", "r5"]).await;

    server.kill();
    append(&stream, &begin("r6", "v6")).await;
    while shown(&cache).await.is_some() {
        time::sleep(Duration::from_millis(10)).await;
    }
    server.start_again();
    // No record comes: a shard shows again what it has at its next snapshot.
    wait_for(&cache, &["r0", "r1", "r2", "r3", "r4", "r5", "r6"]).await;
    drain.request();
    running.await.unwrap().unwrap();
}
