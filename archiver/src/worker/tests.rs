//! Whatever dies wherever, and whoever fights for a shard: every fact is in the archive once.

use std::sync::atomic::AtomicUsize;

use objects::{Objects, memory::MemoryObjects};
use proptest::prelude::*;
use transport::Stream;

use super::*;
use crate::{
    Settings,
    budget::Budget,
    testing::{
        Archive, Entry, append, event, ping, read,
        storages::{Fault, Flaky, Jittery},
        stream, trip,
    },
};

fn settings() -> Settings {
    Settings {
        archive_max_file_bytes: 128_000_000,
        archive_max_age: Duration::from_mins(15),
        archive_memory: 128 << 20,
    }
}

/// Facts in three parts, with repeats within and across them, and one that is no fact.
fn parts() -> [Vec<Entry>; 3] {
    [
        vec![
            ping("v1", 1).into(),
            ping("v2", 1).into(),
            ping("v1", 2).into(),
            ping("v1", 1).into(),
            event("r1", 5).into(),
        ],
        vec![
            ping("v1", 2).into(),
            ping("v1", 15).into(),
            Entry::Garbage(b"\xff\xffgarbage".to_vec()),
            event("r1", 5).into(),
            trip("r1", 1).into(),
        ],
        vec![
            ping("v2", 1).into(),
            ping("v2", 3).into(),
            trip("r1", 1).into(),
            trip("r1", 2).into(),
        ],
    ]
}

/// What must lie in the archive of [`parts`].
fn check(archive: &Archive) {
    let pings = [("v1", 1), ("v1", 2), ("v1", 15), ("v2", 1), ("v2", 3)];
    let pings: Vec<_> = pings
        .iter()
        .map(|(name, seq)| ((*name).to_owned(), 7, *seq))
        .collect();
    assert_eq!(archive.pings, pings);
    assert_eq!(archive.events.len(), 1);
    assert_eq!(archive.trips, [("r1".to_owned(), 1), ("r1".to_owned(), 2)]);
    let dead: u64 = archive
        .commits
        .iter()
        .map(|commit| commit.counts.dead_letters)
        .sum();
    assert_eq!(dead, 1);
}

/// Archives what is on the stream; says whether the process lived.
async fn archive(stream: &Arc<dyn Stream>, objects: Arc<dyn Objects>, dead: &Shutdown) -> bool {
    let drain = Shutdown::new();
    drain.request();
    tokio::select! {
        ended = crate::run(settings(), Arc::clone(stream), objects, drain) => {
            ended.unwrap();
            true
        }
        () = dead.requested() => false,
    }
}

/// Archives part after part with a fault at one operation; returns how many there were.
async fn archive_parts(fault: Option<(usize, Fault)>) -> usize {
    let stream = stream(2).await;
    let objects = Arc::new(MemoryObjects::default());
    let flaky = Flaky::new(objects.clone(), fault);
    for part in parts() {
        append(&stream, &part).await;
        if !archive(&stream, flaky.clone(), &flaky.dead).await {
            assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
        }
    }
    // After a death the rest was appended to a storage that does not answer any more.
    assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
    check(&read(&*objects).await);
    flaky.operations()
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_operation_neither_loses_nor_doubles_a_fact() {
    let operations = archive_parts(None).await;
    assert!(operations > 30, "{operations}");
    for at in 0..operations {
        for fault in Fault::ALL {
            let _operations = archive_parts(Some((at, fault))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_are_in_the_archive_when_the_oldest_has_the_age_for_it() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let drain = Shutdown::new();
    let running = tokio::spawn(crate::run(
        settings(),
        stream.clone(),
        objects.clone(),
        drain.clone(),
    ));
    append(&stream, &[ping("v1", 1).into()]).await;
    while read(&*objects).await.pings.is_empty() {
        time::sleep(Duration::from_mins(1)).await;
    }
    drain.request();
    running.await.unwrap().unwrap();
    assert_eq!(read(&*objects).await.commits.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_nothing_still_archives_everything() {
    let stream = stream(4).await;
    let objects = Arc::new(MemoryObjects::default());
    let drain = Shutdown::new();
    let settings = Settings {
        archive_memory: 0,
        ..settings()
    };
    let running = tokio::spawn(crate::run(
        settings,
        stream.clone(),
        objects.clone(),
        drain.clone(),
    ));
    let vehicles: Vec<String> = (0..50).map(|number| format!("v{number}")).collect();
    for number in 0..20 {
        let pings: Vec<Entry> = vehicles
            .iter()
            .map(|name| ping(name, number).into())
            .collect();
        append(&stream, &pings).await;
    }
    drain.request();
    running.await.unwrap().unwrap();
    assert_eq!(read(&*objects).await.pings.len(), 1_000);
}

async fn worker(
    stream: &Arc<dyn Stream>,
    group: &str,
    objects: Arc<dyn Objects>,
    limits: Limits,
) -> (Worker, Shutdown) {
    let shard = stream.consumer(group).acquire().await.unwrap();
    let drain = Shutdown::new();
    let worker = Worker {
        ledger: Ledger::new(objects, shard.id().as_str(), drain.clone()),
        shard,
        share: Budget::new(usize::MAX).share(),
        limits,
        encoded_ratio: FIRST_RATIO,
        encoders: Arc::new(Semaphore::new(1)),
        drain: drain.clone(),
    };
    (worker, drain)
}

/// Two workers archive one shard of one stream at the same time, each believing it is its own,
/// and each with cuts of its own.
async fn fight(seed: usize) {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let jittery = Arc::new(Jittery {
        objects: objects.clone(),
        seed: AtomicUsize::new(seed),
    });
    let every_read = Limits {
        file_bytes: 1,
        age: Duration::from_mins(15),
    };
    let by_age = Limits {
        file_bytes: u64::MAX,
        age: Duration::from_millis(seed as u64 % 5),
    };
    let mut workers = Vec::new();
    for (group, limits) in [("archiver", every_read), ("zombie", by_age)] {
        let (worker, drain) = worker(&stream, group, jittery.clone(), limits).await;
        workers.push((tokio::spawn(worker.run()), drain));
    }
    for number in 0..12 {
        append(
            &stream,
            &[ping("v1", number).into(), ping("v2", number / 2).into()],
        )
        .await;
        if seed.rotate_left(number as u32).is_multiple_of(2) {
            time::sleep(Duration::from_millis(1)).await;
        }
    }
    for (worker, drain) in workers {
        drain.request();
        worker.await.unwrap().unwrap();
    }
    assert_eq!(read(&*objects).await.pings.len(), 12 + 6);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn two_workers_on_one_shard_neither_lose_nor_double_a_ping(seed in any::<usize>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(fight(seed));
    }
}
