//! Whatever dies wherever, and whoever fights for a shard: every fact is in the archive once.

mod cuts;
mod hand_over;
mod reshards;
mod starts;

use std::sync::atomic::AtomicUsize;

use objects::{Key, Objects, memory::MemoryObjects};
use proptest::prelude::*;
use schemas::Timestamp;
use service::Shutdown;
use tokio::time;
use transport::Stream;

use super::*;
use crate::{
    Settings,
    budget::Budget,
    layout::Table,
    testing::{
        Archive, Entry, append,
        counters::Counters,
        event,
        listed::read_listed,
        ping, read,
        storages::{Fault, Flaky, Jittery},
        stream, trip,
    },
};

const LIMITS: Limits = Limits {
    file_bytes: 128_000_000,
    age: Duration::from_mins(15),
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
        ended = crate::run(settings(), Arc::clone(stream), objects, Drain::ReadOut(drain)) => {
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
    let committed = read(&*objects).await;
    check(&committed);
    let listed = read_listed(&*objects).await;
    assert_eq!(
        (listed.pings, listed.events, listed.trips),
        (committed.pings, committed.events, committed.trips)
    );
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

/// The sum over tables of what a run has counted; records that no table can be told of are apart.
fn counted(counters: &Counters, table: Table) -> [u64; 3] {
    let names = ["rows", "duplicates", "dead_letters"];
    names.map(|name| {
        let name = format!("hansom_archiver_{name}_total");
        counters.sum(&name, ("table", table.as_str()))
    })
}

/// Archives all parts with a fault that is no death, and compares the metrics with what was sent.
async fn balance(fault: Option<(usize, Fault)>) {
    let counters = Counters::default();
    let _recording = ::metrics::set_default_local_recorder(&counters);
    let stream = stream(2).await;
    let flaky = Flaky::new(Arc::new(MemoryObjects::default()), fault);
    let mut timeless = ping("v1", 99);
    timeless.time = Timestamp(i64::MAX);
    for mut part in parts() {
        part.push(timeless.clone().into());
        append(&stream, &part).await;
        assert!(archive(&stream, flaky.clone(), &flaky.dead).await);
    }
    assert_eq!(counted(&counters, Table::Pings), [5, 3, 3], "{fault:?}");
    assert_eq!(
        counted(&counters, Table::RideEvents),
        [1, 1, 0],
        "{fault:?}"
    );
    assert_eq!(counted(&counters, Table::Trips), [2, 1, 0], "{fault:?}");
    let unknown = counters.sum("hansom_archiver_dead_letters_total", ("table", "unknown"));
    assert_eq!(unknown, 1, "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_counted_as_rows_repeats_or_dead_letters_whatever_answers_are_lost() {
    balance(None).await;
    for at in 0..archive_parts(None).await {
        balance(Some((at, Fault::RefuseBefore))).await;
        balance(Some((at, Fault::RefuseAfter))).await;
    }
}

/// Waits until so many pings are in the archive.
async fn archived(objects: &MemoryObjects, pings: usize) -> Archive {
    loop {
        let archive = read(objects).await;
        if archive.pings.len() >= pings {
            return archive;
        }
        time::sleep(Duration::from_secs(1)).await;
    }
}

async fn worker(
    stream: &Arc<dyn Stream>,
    objects: Arc<dyn Objects>,
    limits: Limits,
) -> (Worker, Shutdown) {
    worker_of("archiver", stream, objects, limits).await
}

async fn worker_of(
    group: &str,
    stream: &Arc<dyn Stream>,
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
        permits: Permits::default(),
        now_ms: unix_ms,
        window: WindowGauges::default(),
        drain: Drain::ReadOut(drain.clone()),
    };
    (worker, drain)
}

/// Two workers archive one shard of one stream at the same time, each believing it is its own,
/// and each with cuts of its own.
async fn fight(seed: usize) {
    let counters = Counters::default();
    let _recording = ::metrics::set_default_local_recorder(&counters);
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
        let (worker, drain) = worker_of(group, &stream, jittery.clone(), limits).await;
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
    assert_eq!(read_listed(&*objects).await.pings.len(), 12 + 6);
    assert_eq!(counted(&counters, Table::Pings), [18, 6, 0]);
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
