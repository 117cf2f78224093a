//! What workers promise on a whole stream: the same trips and the same live state, wherever one
//! is killed, whatever fails, and whoever believes to own a shard.

mod cache;
mod full;
mod hand_over;
mod learning;
mod reshards;
mod storing;

use std::{collections::BTreeMap, num::NonZeroU64, sync::atomic::AtomicU32};

use objects::{Objects, memory::MemoryObjects};
use schemas::{FleetId, Phase, RideEventKind, RideProgress, Trip, record::write_key};
use service::Shutdown;
use tokio::task::JoinHandle;
use transport::{Batch, Stream, memory::MemoryStream};

use super::{
    faults::{Flaky, Fuse, Fused, ReadOnly, Slow},
    *,
};
use crate::{
    Cache, Cities,
    cache::{RidesQuery, memory::MemoryCache},
    eta::Models,
    run::{GROUP, Ports, run},
    testing::{assigned, event, ping},
};

const RIDES: usize = 6;

/// Six rides of six vehicles, interleaved.
fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for at_s in 0..=60 {
        for ride in 0..RIDES {
            let (ride, vehicle) = (format!("r{ride}"), format!("v{ride}"));
            match at_s {
                0 => records.push(event(&ride, &vehicle, 0, assigned(100.0, 600.0))),
                10 => records.push(event(&ride, &vehicle, 10, RideEventKind::PickedUp)),
                60 => {
                    let end = RideEventKind::DroppedOff { fare: None };
                    records.push(event(&ride, &vehicle, 60, end));
                }
                _ => records.push(ping(&vehicle, at_s, at_s as f64 * 10.0)),
            }
        }
    }
    records
}

async fn append(stream: &Arc<dyn Stream>, records: &[Record]) {
    let mut batch = Batch::default();
    for record in records {
        let (fleet, vehicle) = record.subject();
        batch.push(
            |key| write_key(fleet, vehicle, key),
            |payload| record.encode(payload),
        );
    }
    assert!(stream.producer().append(batch).await.failed.is_empty());
}

/// A stream of two shards that holds all records.
async fn full_stream() -> Arc<dyn Stream> {
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=2").unwrap());
    append(&stream, &records()).await;
    stream
}

fn settings() -> Settings {
    Settings {
        snapshot_interval: Duration::from_millis(5),
        ..Settings::default()
    }
}

fn ports(stream: Arc<dyn Stream>, objects: Arc<dyn Objects>, cache: Arc<dyn Cache>) -> Ports {
    Ports {
        stream,
        objects,
        cache,
        cities: Cities::default(),
    }
}

struct Running {
    cache: Arc<dyn Cache>,
    drain: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    fn start(stream: Arc<dyn Stream>, objects: Arc<dyn Objects>) -> Self {
        let cache: Arc<dyn Cache> = Arc::new(MemoryCache::default());
        let drain = Shutdown::new();
        let task = tokio::spawn({
            let (cache, drain) = (cache.clone(), Drain::ReadOut(drain.clone()));
            let ports = ports(stream, objects, cache);
            async move { run(&settings(), ports, drain).await }
        });
        Self { cache, drain, task }
    }

    async fn rides(&self) -> Vec<RideProgress> {
        let query = RidesQuery {
            fleet: FleetId::default(),
            phase: None,
            after: None,
            limit: 1_000,
        };
        self.cache.rides(query).await.unwrap()
    }

    /// Waits until all rides are over, and lets it drain.
    async fn finish(mut self) -> Vec<RideProgress> {
        self.wait_until_over().await;
        self.drain.request();
        let rides = self.rides().await;
        self.task.await.unwrap().unwrap();
        rides
    }

    async fn wait_until_over(&mut self) {
        loop {
            let rides = self.rides().await;
            if rides.len() == RIDES && rides.iter().all(|ride| ride.phase.is_over()) {
                return;
            }
            assert!(
                !self.task.is_finished(),
                "it ended early: {:?}",
                (&mut self.task).await
            );
            time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// All trips on the stream by their names; repeats must be the same.
async fn trips(stream: &Arc<dyn Stream>) -> BTreeMap<(String, u32), Trip> {
    trips_of(stream, 2).await
}

async fn trips_of(stream: &Arc<dyn Stream>, shards: u32) -> BTreeMap<(String, u32), Trip> {
    let mut trips = BTreeMap::new();
    for record in read_all(stream, shards).await {
        if let Record::Trip(trip) = record {
            let before = trips.insert((trip.ride.to_string(), trip.version), *trip.clone());
            assert!(before.is_none_or(|before| before == *trip));
        }
    }
    trips
}

/// Everything on a stream that is kept.
async fn read_all(stream: &Arc<dyn Stream>, shards: u32) -> Vec<Record> {
    let mut records = Vec::new();
    let mut consumer = stream.consumer("reader");
    // A shard that is dropped would be handed out again.
    let mut held = Vec::new();
    for _ in 0..shards {
        held.push(consumer.acquire().await.unwrap());
    }
    for shard in &mut held {
        while let Some(read) = shard.read_if_any().await.unwrap() {
            if let Read::Records(batch) = read {
                let decoded = batch
                    .iter()
                    .flat_map(|record| Record::decode(record.payload));
                records.extend(decoded);
            }
        }
    }
    records
}

async fn stream_length(stream: &Arc<dyn Stream>) -> usize {
    read_all(stream, 2).await.len()
}

#[tokio::test]
async fn every_ride_is_shown_and_becomes_one_trip() {
    let stream = full_stream().await;
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let rides = Running::start(stream.clone(), objects.clone())
        .finish()
        .await;
    assert_eq!(rides.len(), RIDES);
    assert_eq!(trips(&stream).await.len(), RIDES);
    // A process that starts again has the rides from the snapshots, and writes no trip again.
    let again = Running::start(stream.clone(), objects).finish().await;
    assert_eq!(rides, again);
}

#[tokio::test]
async fn wherever_it_is_killed_the_trips_and_the_live_state_are_the_same() {
    let undisturbed = full_stream().await;
    let expected = Running::start(undisturbed.clone(), Arc::new(MemoryObjects::default()));
    let expected = expected.finish().await;
    let expected_trips = trips(&undisturbed).await;
    for kill_at in 1.. {
        let (stream, objects) = (full_stream().await, Arc::new(MemoryObjects::default()));
        let fuse = Arc::new(Fuse::burning(kill_at));
        let killed = Running::start(
            Arc::new(Fused {
                inner: stream.clone(),
                fuse: fuse.clone(),
            }),
            Arc::new(Fused {
                inner: objects.clone() as Arc<dyn Objects>,
                fuse: fuse.clone(),
            }),
        );
        let kill = killed.task.abort_handle();
        let is_killed = tokio::select! {
            () = fuse.blown() => true,
            _ = killed.finish() => false,
        };
        kill.abort();
        while !kill.is_finished() {
            tokio::task::yield_now().await;
        }
        let rides = Running::start(stream.clone(), objects).finish().await;
        assert_eq!(rides, expected, "killed at {kill_at}");
        assert_eq!(trips(&stream).await, expected_trips, "killed at {kill_at}");
        if !is_killed {
            assert!(kill_at > 10, "there is little to kill it at: {kill_at}");
            return;
        }
    }
}

#[tokio::test]
async fn two_that_believe_to_own_the_shards_do_no_harm() {
    // Two streams of the same records: each of the workers is alone on its own.
    let (one, other) = (full_stream().await, full_stream().await);
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let first = Running::start(one.clone(), objects.clone());
    let second = Running::start(other.clone(), objects);
    let rides = first.finish().await;
    assert_eq!(second.finish().await, rides);
    assert_eq!(trips(&one).await.len(), RIDES);
}

/// A worker of the only shard of a new stream that holds all records, asked to drain.
async fn draining(objects: &Arc<dyn Objects>) -> (Box<dyn Shard>, Worker) {
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=1").unwrap());
    append(&stream, &records()).await;
    let drain = Drain::ReadOut(Shutdown::new());
    drain.shutdown().request();
    worker(&stream, objects, drain).await
}

/// A worker of the only shard of a stream.
async fn worker(
    stream: &Arc<dyn Stream>,
    objects: &Arc<dyn Objects>,
    drain: Drain,
) -> (Box<dyn Shard>, Worker) {
    let mut shard = stream.consumer(GROUP).acquire().await.unwrap();
    let tools = Tools {
        settings: settings(),
        snapshots: Snapshots::of(objects.clone(), shard.id()),
        producer: stream.producer(),
        cache: Arc::new(MemoryCache::default()),
        learner: Port::silent(Models::default()),
        drain,
    };
    let worker = Worker::start(&mut *shard, tools).await.unwrap();
    (shard, worker)
}

#[tokio::test]
async fn of_two_that_store_one_has_lost_the_shard() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let (mut one_shard, mut one) = draining(&objects).await;
    let (mut other_shard, mut other) = draining(&objects).await;
    assert_eq!(one.follow(&mut *one_shard).await.unwrap(), End::Drained);
    assert_eq!(other.follow(&mut *other_shard).await.unwrap(), End::Lost);
}

#[tokio::test(start_paused = true)]
async fn a_drain_reads_to_the_end_however_slow_that_is() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let (shard, mut worker) = draining(&objects).await;
    let wait = Duration::from_mins(1);
    let mut slow = Slow { inner: shard, wait };
    assert_eq!(worker.follow(&mut slow).await.unwrap(), End::Drained);
    assert_eq!(worker.state.rides()[Phase::Completed as usize], RIDES);
}

#[tokio::test]
async fn a_snapshot_that_failed_is_tried_again_in_its_time() {
    let flaky: Arc<dyn Objects> = Arc::new(Flaky {
        inner: Arc::new(MemoryObjects::default()) as Arc<dyn Objects>,
        calls: AtomicU32::new(2).into(),
    });
    let (mut shard, mut worker) = draining(&flaky).await;
    let Ok(Some(Read::Records(batch))) = shard.read_if_any().await else {
        panic!("there is nothing to read")
    };
    worker.settings.snapshot_interval = Duration::from_hours(1);
    worker.settings.snapshot_records = NonZeroU64::MIN;
    worker.process(&batch);
    assert!(worker.is_snapshot_due());
    let saved = worker.store(&mut *shard).await.unwrap();
    assert_eq!(saved, Some(Saved::NotNow));
    assert!(!worker.is_snapshot_due());
    assert_eq!(worker.unsaved, Unsaved::Something);
}

#[tokio::test]
async fn an_unavailable_stream_and_storage_delay_and_lose_nothing() {
    let stream = full_stream().await;
    let objects = Arc::new(MemoryObjects::default()) as Arc<dyn Objects>;
    let flaky = Running::start(
        Arc::new(Flaky {
            inner: stream.clone(),
            calls: AtomicU32::new(0).into(),
        }),
        Arc::new(Flaky {
            inner: objects,
            calls: AtomicU32::new(0).into(),
        }),
    );
    assert_eq!(flaky.finish().await.len(), RIDES);
    assert_eq!(trips(&stream).await.len(), RIDES);
}

#[tokio::test]
async fn an_undecodable_record_is_skipped() {
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=2").unwrap());
    for record in records() {
        let mut batch = Batch::default();
        batch.push(|key| key.push(b'x'), |payload| payload.extend(b"\xff\xff"));
        stream.producer().append(batch).await;
        append(&stream, &[record]).await;
    }
    let rides = Running::start(stream, Arc::new(MemoryObjects::default()))
        .finish()
        .await;
    assert_eq!(rides.len(), RIDES);
}
