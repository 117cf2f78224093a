//! Whatever dies wherever, and whoever compacts, archives and reads at once: a reader by the lists finds
//! every row once.

use std::{collections::BTreeSet, sync::atomic::AtomicUsize, time::Duration};

use objects::memory::MemoryObjects;
use proptest::prelude::*;
use schemas::Record;
use tokio::task::JoinSet;

use super::*;
use crate::testing::{
    Archive, Entry, START_MS, append,
    archived::{archive, archive_of, repeat},
    event,
    listed::read_listed,
    ping,
    storages::{Fault, Flaky, Jittery, copy_of},
    stream, trip,
};

/// A day after what the tests archive.
fn later() -> i64 {
    START_MS + 24 * 3_600_000
}

/// A day and a grace after it.
fn much_later() -> i64 {
    later() + 3 * 3_600_000
}

fn compaction(objects: Arc<dyn Objects>, now_ms: fn() -> i64) -> Compaction {
    let drain = Shutdown::new();
    Compaction {
        settings: Settings {
            before: schemas::Timestamp(START_MS + 20 * 3_600_000),
            settle: Duration::from_mins(30),
            grace: Duration::from_hours(2),
            table: Vec::new(),
            min_files: 2,
        },
        lists: Lists::new(Arc::clone(&objects), drain.clone()),
        books: Books::new(objects, drain),
        now_ms,
    }
}

async fn compact_at(objects: &Arc<dyn Objects>, now_ms: fn() -> i64) -> Report {
    let compaction = compaction(Arc::clone(objects), now_ms);
    let report = compaction.run(&Shutdown::new()).await.unwrap();
    assert_eq!(report.failures, Vec::<String>::new());
    report
}

/// Facts of a commit: in two hours, with some of every table.
fn part(number: u64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = (0..6)
        .map(|second| ping(&format!("v{}", second % 2), number * 3 + second * 4).into())
        .collect();
    entries.push(event(&format!("r{number}"), number as i64 * 4).into());
    entries.push(trip("r", number as u32 + 1).into());
    entries
}

/// An archive of some commits, and what a reader finds in it.
async fn archived(commits: u64) -> (Arc<dyn Objects>, Archive) {
    let parts: Vec<_> = (0..commits).map(part).collect();
    let objects = archive_of(&parts).await;
    let read = read_listed(&*objects).await;
    (objects, read)
}

async fn files(objects: &Arc<dyn Objects>) -> usize {
    let mut files = 0;
    for table in Table::ALL {
        files += objects.list(table.as_str(), None).await.unwrap().len();
    }
    files
}

#[tokio::test(start_paused = true)]
async fn many_files_become_one_and_the_old_ones_go_after_the_grace() {
    let (objects, before) = archived(4).await;
    let many = files(&objects).await;
    let report = compact_at(&objects, later).await;
    assert_eq!(read_listed(&*objects).await, before);
    // The events of the second hour are in one file from the start.
    assert_eq!((report.compacted, report.deleted), (4, 0));
    assert_eq!((report.files_in as usize, report.files_out), (many - 1, 4));
    assert_eq!(report.rows, report.written);
    assert_eq!(files(&objects).await, many + 4);
    let again = compact_at(&objects, later).await;
    assert_eq!((again.compacted, again.deleted), (0, 0));
    let last = compact_at(&objects, much_later).await;
    assert_eq!((last.compacted, last.deleted as usize), (0, many - 1));
    assert_eq!(read_listed(&*objects).await, before);
    assert_eq!(files(&objects).await, 5);
    assert_eq!(objects.list("_swapped/", None).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn late_rows_are_merged_into_what_was_merged_before() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let stream = stream(1).await;
    for number in 0..6 {
        append(&stream, &part(number)).await;
        archive(&stream, &objects).await;
        let before = read_listed(&*objects).await;
        let _report = compact_at(&objects, later).await;
        assert_eq!(read_listed(&*objects).await, before);
    }
    let _swept = compact_at(&objects, much_later).await;
    assert_eq!(files(&objects).await, 5);
}

/// Compacts until it dies at an operation, and then again.
async fn compact_with(
    (archive, before): &(Arc<dyn Objects>, Archive),
    fault: Option<(usize, Fault)>,
) -> usize {
    let objects = copy_of(&**archive).await;
    let flaky = Flaky::new(Arc::clone(&objects), fault);
    let dies = compaction(flaky.clone(), later);
    let stop = Shutdown::new();
    tokio::select! {
        // A storage that is away for a moment costs an hour at most, which is told.
        ended = dies.run(&stop) => drop(ended),
        () = flaky.dead.requested() => {}
    }
    assert_eq!(read_listed(&*objects).await, *before, "{fault:?}");
    let _again = compact_at(&objects, later).await;
    assert_eq!(read_listed(&*objects).await, *before, "{fault:?}");
    let _begins = compact_at(&objects, later).await;
    let _swept = compact_at(&objects, much_later).await;
    assert_eq!(read_listed(&*objects).await, *before, "{fault:?}");
    assert_eq!(files(&objects).await, 4, "{fault:?}");
    flaky.operations()
}

#[tokio::test(start_paused = true)]
async fn a_compaction_that_dies_anywhere_is_made_good_by_the_next_one() {
    let archive = archived(3).await;
    let operations = compact_with(&archive, None).await;
    assert!(operations > 50, "{operations}");
    for at in 0..operations {
        for fault in Fault::DISTINCT {
            let _operations = compact_with(&archive, Some((at, fault))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_damaged_is_named_and_its_hour_stays_as_it_is() {
    let (objects, before) = archived(3).await;
    let key = objects.list("pings/", None).await.unwrap().remove(0);
    let whole = objects.get(&key).await.unwrap().unwrap();
    for (damage, said) in [
        (whole.slice(..whole.len() - 5), "bytes"),
        (vec![7; whole.len()].into(), "SHA-256"),
    ] {
        objects.put(&key, damage).await.unwrap();
        let report = compaction(Arc::clone(&objects), later)
            .run(&Shutdown::new())
            .await
            .unwrap();
        let [failure] = &report.failures[..] else {
            panic!("{report:?}")
        };
        assert!(
            failure.contains(key.as_str()) && failure.contains(said),
            "{failure}"
        );
        assert!(failure.starts_with("pings/dt="), "{failure}");
    }
    objects.put(&key, whole).await.unwrap();
    assert_eq!(read_listed(&*objects).await, before);
}

#[tokio::test(start_paused = true)]
async fn repeats_that_slipped_into_the_archive_end_in_the_compaction() {
    let (objects, once) = archived(2).await;
    repeat(&objects).await;
    let twice = read_listed(&*objects).await;
    assert!(twice.pings.len() > once.pings.len());
    let report = compact_at(&objects, later).await;
    assert_eq!(read_listed(&*objects).await, once);
    assert_eq!(
        (report.rows, report.conflicts),
        (report.written + report.repeats, 0)
    );
    let rows = |archive: &Archive| archive.pings.len() + archive.events.len() + archive.trips.len();
    assert_eq!(report.repeats as usize, rows(&twice) - rows(&once));
}

async fn live(seed: usize) {
    let memory = Arc::new(MemoryObjects::default());
    let objects: Arc<dyn Objects> = Arc::new(Jittery {
        objects: Arc::clone(&memory),
        seed: AtomicUsize::new(seed),
    });
    let mut everybody = JoinSet::new();
    let writer = Arc::clone(&objects);
    everybody.spawn(async move {
        let stream = stream(2).await;
        for number in 0..4 {
            append(&stream, &part(number)).await;
            archive(&stream, &writer).await;
        }
    });
    for _ in 0..2 {
        let objects = Arc::clone(&objects);
        everybody.spawn(async move {
            for _ in 0..3 {
                let report = compaction(Arc::clone(&objects), later)
                    .run(&Shutdown::new())
                    .await;
                let report = report.unwrap();
                // What is committed and not listed yet is seen by the next run.
                let unlisted = |failure: &String| failure.contains("no file of it is listed");
                assert!(report.failures.iter().all(unlisted), "{report:?}");
            }
        });
    }
    let reader = Arc::clone(&objects);
    everybody.spawn(async move {
        let mut rows = 0;
        for _ in 0..20 {
            let read = read_listed(&*reader).await;
            let mut names = read.pings.clone();
            names.dedup();
            assert_eq!(names.len(), read.pings.len());
            assert!(read.pings.len() >= rows, "rows are gone");
            rows = read.pings.len();
        }
    });
    let _all = everybody.join_all().await;
    let pings = (0..4).flat_map(part).filter_map(|entry| match entry {
        Entry::Fact(fact) => match *fact {
            Record::Ping(ping) => Some((ping.vehicle.to_string(), 7, ping.name.seq as i64)),
            _ => None,
        },
        Entry::Garbage(_) => None,
    });
    let expected: BTreeSet<_> = pings.collect();
    let read = read_listed(&*memory).await.pings;
    assert!(read.iter().eq(&expected), "{read:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_sees_each_row_once_whoever_writes_and_compacts(seed in any::<usize>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live(seed));
    }
}
