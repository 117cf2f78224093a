//! Shards that are split and merged: each chain is closed, and every fact is in the archive once,
//! also where a repeat comes to another shard than the fact itself.

use std::sync::{Arc, atomic::Ordering};

use transport::{
    Lineage, ShardId,
    testing::{self, Ending},
};

use super::*;
use crate::{
    commit::{Commit, StoredObject},
    testing::shards::Finishing,
};

/// Behind all records of a test.
const END: &str = "1000000";
const VEHICLES: [&str; 6] = ["v1", "v2", "v3", "v4", "v5", "v6"];

/// A shard with its records.
struct Seat {
    id: ShardId,
    lineage: Lineage,
    stream: Arc<dyn Stream>,
    ends: bool,
    finished: Arc<AtomicUsize>,
}

/// Shards of which some were the others.
struct Family {
    parents: Vec<Seat>,
    children: Vec<Seat>,
}

impl Seat {
    async fn new(id: ShardId, lineage: Lineage, ends: bool) -> Self {
        Self {
            id,
            lineage,
            stream: stream(1).await,
            ends,
            finished: Arc::default(),
        }
    }

    async fn worker(&self, objects: Arc<dyn Objects>, finishing: Finishing) -> (Worker, Shutdown) {
        let (mut worker, drain) = worker(&self.stream, objects.clone(), LIMITS).await;
        worker.ledger = Ledger::new(objects, self.id.as_str(), drain.clone());
        worker.shard = Box::new(Ending::new(
            worker.shard,
            self.id.clone(),
            self.lineage.clone(),
            self.ends.then(|| END.parse().unwrap()),
            finishing.answer(Arc::clone(&self.finished)),
        ));
        (worker, drain)
    }

    /// Archives what the shard has; says whether the process lived.
    async fn archive(&self, objects: Arc<dyn Objects>, dead: &Shutdown) -> bool {
        let (worker, drain) = self.worker(objects, Finishing::Works).await;
        if !self.ends {
            drain.request();
        }
        tokio::select! {
            ended = worker.run() => {
                ended.unwrap();
                true
            }
            () = dead.requested() => false,
        }
    }

    fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    /// The last commit of its chain.
    fn last_commit<'a>(&self, archive: &'a Archive) -> Option<&'a Commit> {
        let of_shard = |commit: &&Commit| commit.shard == self.id.as_str();
        archive.commits.iter().rfind(of_shard)
    }
}

impl Family {
    async fn split() -> Self {
        let [parent, left, right] = ids().await;
        let [first, second] = testing::split(&parent);
        Self {
            parents: vec![Seat::new(parent, Lineage::default(), true).await],
            children: vec![
                Seat::new(left, first, false).await,
                Seat::new(right, second, false).await,
            ],
        }
    }

    /// Two shards that have all keys between them are merged.
    async fn merged() -> Self {
        let [child, left, right] = ids().await;
        let lineage = testing::merged(vec![left.clone(), right.clone()]);
        let [first, second] = testing::split(&child);
        Self {
            parents: vec![
                Seat::new(left, first, true).await,
                Seat::new(right, second, true).await,
            ],
            children: vec![Seat::new(child, lineage, false).await],
        }
    }

    fn all(&self) -> impl Iterator<Item = &Seat> {
        self.parents.iter().chain(&self.children)
    }
}

async fn ids() -> [ShardId; 3] {
    let stream = stream(3).await;
    let mut consumer = stream.consumer("names");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(consumer.acquire().await.unwrap());
    }
    std::array::from_fn(|at| held[at].id().clone())
}

/// Appends each entry to the shard that has its key.
async fn append_to(seats: &[Seat], entries: &[Entry]) {
    for entry in entries {
        let Entry::Fact(fact) = entry else {
            panic!("it has no key")
        };
        let (fleet, vehicle) = fact.subject();
        let mut key = Vec::new();
        schemas::record::write_key(fleet, vehicle, &mut key);
        let mut theirs = seats.iter().filter(|seat| seat.lineage.has(&key));
        append(&theirs.next().unwrap().stream, std::slice::from_ref(entry)).await;
        assert!(theirs.next().is_none(), "two shards have one key");
    }
}

/// Pings of all vehicles, numbered; and what happened to a ride.
fn facts(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    let mut facts = vec![event("r1", 5).into(), trip("r1", 1).into()];
    for number in numbers {
        facts.extend(VEHICLES.map(|vehicle| ping(vehicle, number).into()));
    }
    facts
}

/// A family whose children get again all that the parents got, and something new.
async fn with_repeats(family: Family) -> Family {
    append_to(&family.parents, &facts(0..4)).await;
    append_to(&family.children, &facts(0..6)).await;
    family
}

/// What must lie in the archive then.
async fn check_family(family: &Family, objects: &dyn Objects) {
    let archive = read(objects).await;
    let expected = VEHICLES.iter().flat_map(|vehicle| {
        let name = |number| ((*vehicle).to_owned(), 7, number);
        (0..6).map(name)
    });
    assert!(
        archive.pings.iter().cloned().eq(expected),
        "{:?}",
        archive.pings
    );
    assert_eq!(archive.trips, [("r1".to_owned(), 1)]);
    assert_eq!(archive.events.len(), 1);
    let mut left = Vec::new();
    for parent in &family.parents {
        assert!(
            parent.finished() > 0,
            "the children would not be handed out"
        );
        let last = parent.last_commit(&archive).unwrap();
        assert!(last.closes);
        assert_eq!(last.range.to, END);
        left.push(last.window.clone());
        let window = Key::new(&last.window.key).unwrap();
        assert!(
            objects.get(&window).await.unwrap().is_some(),
            "{window} is pruned"
        );
    }
    assert_eq!(
        archive
            .commits
            .iter()
            .filter(|commit| commit.closes)
            .count(),
        left.len()
    );
    for commit in &archive.commits {
        let is_first_of_child = commit.n == 1
            && family
                .children
                .iter()
                .any(|child| child.id.as_str() == commit.shard);
        let expected: &[StoredObject] = if is_first_of_child { &left } else { &[] };
        assert_eq!(commit.parents, expected, "{} {}", commit.shard, commit.n);
    }
}

/// Archives parents, then children, with a fault at one operation; returns how many there were.
async fn archive_family(family: Family, fault: Option<(usize, Fault)>) -> usize {
    let family = with_repeats(family).await;
    let objects = Arc::new(MemoryObjects::default());
    let flaky = Flaky::new(objects.clone(), fault);
    for seat in family.all() {
        // A shard that is finished is handed out to nobody any more.
        if !seat.archive(flaky.clone(), &flaky.dead).await && seat.finished() == 0 {
            assert!(seat.archive(objects.clone(), &Shutdown::new()).await);
        }
        assert_eq!(seat.finished() > 0, seat.ends);
    }
    check_family(&family, &*objects).await;
    flaky.operations()
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_operation_of_a_split_neither_loses_nor_doubles_a_fact() {
    let operations = archive_family(Family::split().await, None).await;
    assert!(operations > 20, "{operations}");
    for at in 0..operations {
        for fault in Fault::ALL {
            let _operations = archive_family(Family::split().await, Some((at, fault))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_operation_of_a_merge_neither_loses_nor_doubles_a_fact() {
    for at in 0..archive_family(Family::merged().await, None).await {
        for fault in Fault::ALL {
            let _operations = archive_family(Family::merged().await, Some((at, fault))).await;
        }
    }
}

/// Lets a process die where it tells the stream that the shard is done.
async fn die_while_finishing(seat: &Seat, objects: &Arc<MemoryObjects>) {
    let (worker, _drain) = seat.worker(objects.clone(), Finishing::Hangs).await;
    let dead = time::timeout(Duration::from_mins(1), worker.run()).await;
    assert!(dead.is_err(), "it did not come to the end of the shard");
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_closed_is_only_finished_by_whoever_gets_it_again() {
    let family = with_repeats(Family::split().await).await;
    let objects = Arc::new(MemoryObjects::default());
    let parent = &family.parents[0];
    die_while_finishing(parent, &objects).await;
    let before = read(&*objects).await;
    assert!(before.commits[0].closes);
    assert!(parent.archive(objects.clone(), &Shutdown::new()).await);
    assert_eq!(read(&*objects).await, before);
    assert_eq!(parent.finished(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_take_the_end_is_told_again_a_few_times() {
    let family = with_repeats(Family::split().await).await;
    let objects = Arc::new(MemoryObjects::default());
    let parent = &family.parents[0];
    for (fails, finished) in [(FINISH_TRIES as usize, 0), (FINISH_TRIES as usize - 1, 1)] {
        let finishing = Finishing::Fails(fails - 1);
        let (worker, _drain) = parent.worker(objects.clone(), finishing).await;
        worker.run().await.unwrap();
        assert_eq!(parent.finished(), finished, "{fails}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_ends_without_a_record_is_closed_too_also_while_the_process_drains() {
    let family = Family::split().await;
    let objects = Arc::new(MemoryObjects::default());
    let (worker, drain) = family.parents[0]
        .worker(objects.clone(), Finishing::Works)
        .await;
    drain.request();
    worker.run().await.unwrap();
    assert_eq!(family.parents[0].finished(), 1);
    let commits = read(&*objects).await.commits;
    assert_eq!(commits.len(), 1);
    assert!(commits[0].closes);
    assert_eq!(
        (commits[0].range.from.as_deref(), commits[0].counts.records),
        (None, 0)
    );
}

/// Children whose parent has archived so much; says what became of the parent by the metrics, and
/// how many pings the archive has.
async fn after_parent(archived: &str) -> ([u64; 3], usize) {
    let counters = Counters::default();
    let _recording = ::metrics::set_default_local_recorder(&counters);
    let family = with_repeats(Family::split().await).await;
    let objects = Arc::new(MemoryObjects::default());
    let mut parent = Seat {
        ends: archived == "closed",
        ..Seat::new(family.parents[0].id.clone(), Lineage::default(), true).await
    };
    parent.stream = Arc::clone(&family.parents[0].stream);
    if archived != "missing" {
        assert!(parent.archive(objects.clone(), &Shutdown::new()).await);
    }
    for child in &family.children {
        assert!(child.archive(objects.clone(), &Shutdown::new()).await);
    }
    let counted = ["closed", "open", "missing"]
        .map(|chain| counters.sum("hansom_archiver_parents_total", ("chain", chain)));
    (counted, read(&*objects).await.pings.len())
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_was_not_archived_to_its_end_is_counted_and_what_it_left_is_taken() {
    assert_eq!(after_parent("closed").await, ([2, 0, 0], 36));
    assert_eq!(after_parent("open").await, ([0, 2, 0], 36));
    assert_eq!(after_parent("missing").await, ([0, 0, 2], 36));
}

/// An intent of a child is redone with the windows that it names, whatever has become of its parent.
#[tokio::test(start_paused = true)]
async fn an_open_first_intent_is_redone_with_the_windows_that_it_names() {
    let family = with_repeats(Family::split().await).await;
    let objects = Arc::new(MemoryObjects::default());
    let mut parent = Seat::new(family.parents[0].id.clone(), Lineage::default(), false).await;
    parent.stream = Arc::clone(&family.parents[0].stream);
    assert!(parent.archive(objects.clone(), &Shutdown::new()).await);
    let child = &family.children[0];
    let (worker, _drain) = child.worker(objects.clone(), Finishing::Works).await;
    let State::Open { mut draft, .. } = worker.ledger.load(&child.lineage).await.unwrap() else {
        panic!("the chain is closed")
    };
    let mut shard = worker.shard;
    while let Some(Read::Records(records)) = shard.read_if_any().await.unwrap() {
        let _all = draft.take(&records, None).unwrap();
    }
    let intent = draft.intent().unwrap();
    assert_eq!(worker.ledger.open(&intent).await.unwrap(), Hold::Kept);
    let (sealed, _next) = draft.seal().unwrap();
    drop(shard);
    // Another goes on with the parent meanwhile.
    append(&parent.stream, &facts(10..20)).await;
    assert!(parent.archive(objects.clone(), &Shutdown::new()).await);
    assert!(child.archive(objects.clone(), &Shutdown::new()).await);
    let archive = read(&*objects).await;
    assert_eq!(child.last_commit(&archive), Some(&sealed.commit));
}
