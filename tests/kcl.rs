//! Amazon's Kinesis Client Library beside us: it reads what our producer packs, and it shares a table
//! of leases with our workers. Both take minutes and need Java, so that they run only when asked for:
//! `tests/run --kcl`.

#![expect(
    clippy::print_stderr,
    reason = "who waits for minutes may know for what, and what was counted"
)]

use std::{
    collections::BTreeSet,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use faults::{Plan, Proxy};

use crate::support::{
    cloud::{Cloud, STREAM},
    diary::{self, Tenure},
    kcl::{self, Kcl},
    leases::Leases,
    load::Load,
    outcome::first_difference,
    program,
    worker::{Place, Worker},
};

/// The library takes two minutes until it reads anything; on a machine that is busy, some more.
const PATIENCE: Duration = Duration::from_mins(6);
/// What is not read so long after the last was sent never will be.
const HOPE: Duration = Duration::from_mins(2);
/// Diaries grow long.
const LOOK: Duration = Duration::from_secs(1);

/// Waits until `holds` says something.
fn wait<Found>(what: &str, mut holds: impl FnMut() -> Option<Found>) -> Found {
    let begun = Instant::now();
    loop {
        if let Some(found) = holds() {
            eprintln!("{what}: after {:?}", begun.elapsed());
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        thread::sleep(LOOK);
    }
}

/// Waits until each of these shards has been read from by a reader of this kind.
fn wait_for_reads(diary: &Path, shards: &[String], what: &str, is_kind: fn(&Tenure) -> bool) {
    wait(what, || {
        let tenures = diary::tenures(diary);
        let of_kind = tenures.iter().filter(|tenure| is_kind(tenure));
        let reading = of_kind.filter(|tenure| !tenure.reads.is_empty());
        let read: BTreeSet<_> = reading.map(|tenure| tenure.shard.clone()).collect();
        shards
            .iter()
            .all(|shard| read.contains(shard))
            .then_some(())
    });
}

/// Waits until all that was acked is read, and nothing else.
fn wait_for_all(diary: &Path, acked: &[String]) -> Vec<Tenure> {
    let begun = Instant::now();
    let tenures = wait("as many as were acked, or no hope", || {
        let tenures = diary::tenures(diary);
        let is_enough = diary::pings(&tenures).len() >= acked.len();
        (is_enough || begun.elapsed() > HOPE).then_some(tenures)
    });
    let odd = first_difference(&diary::pings(&tenures), acked);
    assert!(odd.is_none(), "read and acked differ in {odd:?}");
    tenures
}

/// Checks that records were read twice only at hand-overs, `again` of them, and at splits.
///
/// The batch that meets a split is sent again, whole. Of what was stored before, ours read what belongs
/// to its shard, and the library reads all while it does not know the new shard's range, then nothing.
fn check_count(tenures: &[Tenure], acked: &[String], again: usize, splits: usize) {
    let (reads, entries) = diary::counts(tenures);
    let twice = diary::stored_twice(tenures);
    eprintln!(
        "{} pings acked, {reads} read from {entries} entries, {again} again, {} stored twice",
        acked.len(),
        twice.len(),
    );
    let batches: BTreeSet<_> = twice
        .iter()
        .map(|ping| ping.split_once(' ').unwrap().1)
        .collect();
    assert!(batches.len() <= splits, "stored twice: {twice:?}");
    assert_eq!(reads, acked.len() + again + twice.len());
    assert!(entries * 4 < reads, "most came in aggregates");
}

fn shards(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers
        .map(|number| format!("shardId-{number:012}"))
        .collect()
}

#[test]
#[ignore = "takes minutes, Java and kclpy-ext: tests/run --kcl"]
fn kcl_reads_all_that_our_producer_packs_across_a_split() {
    let test = "kcl_reads_all_that_our_producer_packs_across_a_split";
    let Some(python) = kcl::python(test) else {
        return;
    };
    let Some(cloud) = Cloud::start(test, 2, Plan::CALM) else {
        return;
    };
    let diary = tempfile::tempdir().unwrap();
    let load = Load::start(&cloud.stream("linger=20ms"));
    let kcl = Kcl::start(&python, &cloud, &format!("{STREAM}-kcl"), diary.path());
    wait_for_reads(
        diary.path(),
        &shards(0..2),
        "records of both shards",
        Tenure::is_kcl,
    );
    cloud.split_before_next_put("shardId-000000000001");
    wait_for_reads(
        diary.path(),
        &shards(2..4),
        "records of its children",
        Tenure::is_kcl,
    );
    let acked = load.stop();
    let tenures = wait_for_all(diary.path(), &acked);
    kcl.kill();

    diary::check(&tenures);
    check_count(&tenures, &acked, 0, 1);
    assert!(
        tenures.iter().any(|tenure| tenure.has_ended),
        "the parent was read to its end"
    );
}

#[test]
#[ignore = "takes minutes, Java and kclpy-ext: tests/run --kcl"]
fn kcl_and_our_workers_share_a_table_of_leases() {
    let test = "kcl_and_our_workers_share_a_table_of_leases";
    let Some(python) = kcl::python(test) else {
        return;
    };
    let Some(cloud) = Cloud::start(test, 4, Plan::CALM) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let shared = Shared::new(&cloud, directory.path());
    let application = &shared.place.leases.name;
    let load = Load::start(&shared.place.stream);
    let kcl = Kcl::start(&python, &cloud, application, directory.path());
    let watch = shared.place.leases.watch();
    shared.wait_for_shares("the library has all", [4, 0]);

    let mut first = Worker::start(&shared.place, "first");
    shared.wait_for_shares("ours has asked for its share", [2, 2]);
    let split = shared.split_one_of_each(&cloud);
    shared.wait_for_shares("both have some of the children", [3, 3]);
    wait_for_reads(directory.path(), &split, "records of all children", |_| {
        true
    });

    first.leave();
    shared.wait_for_shares("the library has what ours left", [6, 0]);
    let second = Worker::start(&shared.place, "second");
    shared.wait_for_shares("the next of ours has its share", [3, 3]);
    shared.cut_off();
    shared.wait_for_shares("the library has what ours could not renew", [6, 0]);
    // Who still read here what it could not renew would not hear of it before.
    shared.wait_for_kcl("the library reads that");
    shared.heal();
    shared.wait_for_shares("ours has its share again", [3, 3]);
    second.crash();
    shared.wait_for_shares("the library has what ours held when it crashed", [6, 0]);

    let mut third = Worker::start(&shared.place, "third");
    shared.wait_for_shares("another of ours has its share", [3, 3]);
    kcl.kill();
    shared.wait_for_shares("ours has what the library held when it was killed", [0, 6]);
    let acked = load.stop();
    let tenures = wait_for_all(directory.path(), &acked);
    third.leave();

    for tenure in &tenures {
        eprintln!("{tenure}");
    }
    let seen = watch.stop();
    eprintln!("{} looks at the leases", seen.looks);
    assert!(
        seen.odd.is_empty(),
        "in {} looks: {:#?}",
        seen.looks,
        seen.odd
    );
    let hand_overs = diary::check(&tenures);
    for hand_over in &hand_overs {
        eprintln!("{hand_over}");
    }
    let again = hand_overs.iter().map(|hand_over| hand_over.again).sum();
    check_count(&tenures, &acked, again, 2);
}

/// What workers of both kinds are on.
struct Shared {
    place: Place,
    /// Between ours and DynamoDB.
    network: Proxy,
}

impl Shared {
    fn new(cloud: &Cloud, diary: &Path) -> Self {
        let leases = Leases {
            dynamodb: cloud.dynamodb(),
            name: format!("{STREAM}-mixed"),
        };
        let network = program::wait(Proxy::start(cloud.dynamodb(), Plan::CALM, 44));
        let failover = kcl::FAILOVER.as_millis();
        let options = format!("linger=20ms&failover={failover}ms");
        let stream = cloud.stream_by(network.address(), &options);
        let place = Place {
            stream,
            group: "mixed".to_owned(),
            leases,
            diary: diary.to_owned(),
        };
        Self { place, network }
    }

    /// From now on ours reach no table.
    fn cut_off(&self) {
        self.network.set_plan(Plan {
            silence_before: 1.0,
            ..Plan::CALM
        });
    }

    fn heal(&self) {
        self.network.set_plan(Plan::CALM);
    }

    /// Waits until the library and ours have so many open shards.
    fn wait_for_shares(&self, what: &str, shares: [usize; 2]) {
        wait(what, || {
            let owners = self.place.leases.owners();
            let owned = owners.values().filter(|owner| !owner.is_empty());
            let (of_kcl, of_ours): (Vec<_>, Vec<_>) =
                owned.partition(|owner| *owner == kcl::WORKER);
            ([of_kcl.len(), of_ours.len()] == shares).then_some(())
        });
    }

    /// Waits until the library reads all open shards.
    fn wait_for_kcl(&self, what: &str) {
        wait(what, || {
            let tenures = diary::tenures(&self.place.diary);
            let reads = |shard: &String| {
                let last = tenures.iter().rfind(|tenure| tenure.shard == *shard);
                last.is_some_and(|last| last.is_kcl() && !last.reads.is_empty())
            };
            self.place.leases.owners().keys().all(reads).then_some(())
        });
    }

    /// Splits a shard of the library's and one of ours, and names their children.
    fn split_one_of_each(&self, cloud: &Cloud) -> Vec<String> {
        let owners = self.place.leases.owners();
        let mut children = Vec::new();
        for is_kcl in [true, false] {
            let mut of_kind = owners
                .iter()
                .filter(|(_, owner)| (*owner == kcl::WORKER) == is_kcl);
            let (shard, _) = of_kind.next().unwrap();
            children.extend(cloud.split(shard));
        }
        children
    }
}
