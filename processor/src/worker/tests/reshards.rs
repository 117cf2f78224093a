//! Shards that are split and merged: the rides go on, the trips are written once, and the live API
//! shows everything all the while.

use std::sync::atomic::Ordering;

use transport::{
    Lineage, ShardId,
    testing::{self, Ending},
};

use super::*;
use crate::worker::faults::finishing;

/// Behind all records of a test.
const END: &str = "1000000";
/// More than there are.
const MANY: i64 = 1_000_000;

/// A shard with its records.
struct Seat {
    id: ShardId,
    lineage: Lineage,
    stream: Arc<dyn Stream>,
    ends: bool,
    refusals: u32,
    finished: Arc<AtomicU32>,
}

/// Shards of which some were the others, and what they share.
struct Family {
    parents: Vec<Seat>,
    children: Vec<Seat>,
    objects: Arc<dyn Objects>,
    cache: Arc<dyn Cache>,
    /// Where trips are written to.
    trips: Arc<dyn Stream>,
}

fn stream(shards: u32) -> Arc<dyn Stream> {
    Arc::new(MemoryStream::open(&format!("memory:?shards={shards}")).unwrap())
}

fn seat(id: ShardId, lineage: Lineage) -> Seat {
    Seat {
        id,
        lineage,
        stream: stream(1),
        ends: false,
        refusals: 0,
        finished: Arc::default(),
    }
}

impl Family {
    fn new(parents: Vec<Seat>, children: Vec<Seat>) -> Self {
        let ending = |parent| Seat {
            ends: true,
            ..parent
        };
        Self {
            parents: parents.into_iter().map(ending).collect(),
            children,
            objects: Arc::new(MemoryObjects::default()),
            cache: Arc::new(MemoryCache::default()),
            trips: stream(1),
        }
    }

    async fn split() -> Self {
        let [parent, left, right] = ids().await;
        let [first, second] = testing::split(&parent);
        let parent = seat(parent, Lineage::default());
        Self::new(vec![parent], vec![seat(left, first), seat(right, second)])
    }

    async fn merged() -> Self {
        let [child, left, right] = ids().await;
        let merged = testing::merged(vec![left.clone(), right.clone()]);
        let [first, second] = testing::split(&child);
        let parents = vec![seat(left, first), seat(right, second)];
        Self::new(parents, vec![seat(child, merged)])
    }

    /// The first records are the parents', the others the children's, and the last of the parents'
    /// come to the children once more.
    async fn with_records(self, parents: usize) -> Self {
        let records = records();
        append_to(&self.parents, &records[..parents]).await;
        append_to(&self.children, &records[parents.saturating_sub(30)..]).await;
        self
    }

    async fn tools(&self, seat: &Seat, fuse: &Arc<Fuse>) -> (Ending, Tools) {
        let objects: Arc<dyn Objects> = Arc::new(Fused {
            inner: self.objects.clone(),
            fuse: fuse.clone(),
        });
        let tools = Tools {
            settings: settings(),
            snapshots: Snapshots::of(objects, &seat.id),
            producer: Arc::new(Fused {
                inner: self.trips.producer(),
                fuse: fuse.clone(),
            }),
            cache: self.cache.clone(),
            learner: Port::silent(Models::default()),
            drain: Drain::ReadOut(Shutdown::new()),
        };
        if !seat.ends {
            tools.drain.shutdown().request();
        }
        let shard = Ending::new(
            seat.stream.consumer(GROUP).acquire().await.unwrap(),
            seat.id.clone(),
            seat.lineage.clone(),
            seat.ends.then(|| END.parse().unwrap()),
            finishing(seat.refusals, seat.finished.clone(), fuse.clone()),
        );
        (shard, tools)
    }

    /// Follows a shard to its end; says why it was left, or nothing where the process was killed.
    async fn follow(&self, seat: &Seat, fuse: &Arc<Fuse>) -> Option<End> {
        let (mut shard, tools) = self.tools(seat, fuse).await;
        let following = async {
            let mut worker = Worker::start(&mut shard, tools).await.unwrap();
            worker.follow(&mut shard).await.unwrap()
        };
        tokio::select! {
            end = following => Some(end),
            () = fuse.blown() => None,
        }
    }

    /// Follows a shard in peace.
    async fn follow_through(&self, seat: &Seat) {
        let end = self.follow(seat, &Arc::new(Fuse::burning(MANY))).await;
        let expected = if seat.ends { End::Closed } else { End::Drained };
        assert_eq!(end, Some(expected));
        assert_eq!(seat.finished() > 0, seat.ends);
    }

    /// Parents first, with a process that is killed at a step, and one that goes on from there.
    /// Says whether there were so many steps.
    async fn follow_all(&self, kill_at: i64) -> bool {
        let fuse = Arc::new(Fuse::burning(kill_at));
        let mut is_killed = false;
        for seat in self.parents.iter().chain(&self.children) {
            if !is_killed && self.follow(seat, &fuse).await.is_none() {
                is_killed = true;
            }
            // A shard that is finished is handed out to nobody any more.
            if is_killed && seat.finished() == 0 {
                self.follow_through(seat).await;
            }
        }
        is_killed
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
}

impl Seat {
    fn finished(&self) -> u32 {
        self.finished.load(Ordering::SeqCst)
    }
}

async fn ids() -> [ShardId; 3] {
    let stream = stream(3);
    let mut consumer = stream.consumer("names");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(consumer.acquire().await.unwrap());
    }
    std::array::from_fn(|at| held[at].id().clone())
}

/// Appends each record to the shard that has its key.
async fn append_to(seats: &[Seat], records: &[Record]) {
    for record in records {
        let (fleet, vehicle) = record.subject();
        let mut key = Vec::new();
        write_key(fleet, vehicle, &mut key);
        let mut theirs = seats.iter().filter(|seat| seat.lineage.has(&key));
        let seat = theirs.next().unwrap();
        assert!(theirs.next().is_none(), "two shards have one key");
        append(&seat.stream, std::slice::from_ref(record)).await;
    }
}

/// What one shard that nothing happened to would show and write.
async fn undisturbed() -> (Vec<RideProgress>, BTreeMap<(String, u32), Trip>) {
    let stream = full_stream().await;
    let running = Running::start(stream.clone(), Arc::new(MemoryObjects::default()));
    (running.finish().await, trips(&stream).await)
}

#[tokio::test]
async fn wherever_the_shards_are_split_or_merged_the_trips_and_the_live_state_are_the_same() {
    let expected = undisturbed().await;
    for parents in [0, 3, 6, 100, 200, 300, 363, 366] {
        for family in [Family::split().await, Family::merged().await] {
            let family = family.with_records(parents).await;
            assert!(!family.follow_all(MANY).await);
            assert_eq!(family.rides().await, expected.0, "{parents}");
            assert_eq!(trips_of(&family.trips, 1).await, expected.1, "{parents}");
        }
    }
}

#[tokio::test]
async fn wherever_it_is_killed_around_a_split_or_a_merge_nothing_is_lost() {
    let expected = undisturbed().await;
    for kill_at in 1.. {
        let mut is_killed = false;
        for family in [Family::split().await, Family::merged().await] {
            let family = family.with_records(363).await;
            is_killed |= family.follow_all(kill_at).await;
            assert_eq!(family.rides().await, expected.0, "killed at {kill_at}");
            assert_eq!(
                trips_of(&family.trips, 1).await,
                expected.1,
                "killed at {kill_at}"
            );
        }
        if !is_killed {
            assert!(kill_at > 10, "there is little to kill it at: {kill_at}");
            return;
        }
    }
}

#[tokio::test]
async fn the_live_state_is_whole_between_parent_and_child() {
    let family = Family::split().await.with_records(200).await;
    family.follow_through(&family.parents[0]).await;
    let before = family.rides().await;
    assert_eq!(before.len(), RIDES);
    for child in &family.children {
        family.follow_through(child).await;
        let after = family.rides().await;
        assert_eq!(after.len(), RIDES);
        for (before, after) in before.iter().zip(after) {
            assert!(before.version <= after.version, "{before:?} {after:?}");
        }
    }
}

#[tokio::test]
async fn trips_that_wait_at_the_end_of_a_shard_are_written_once_by_the_child_that_has_their_key() {
    let family = Family::split().await.with_records(366).await;
    let outage = Arc::new(ReadOnly {
        inner: family.trips.clone(),
    });
    let (mut shard, mut tools) = family
        .tools(&family.parents[0], &Arc::new(Fuse::burning(MANY)))
        .await;
    tools.producer = outage.producer();
    let mut worker = Worker::start(&mut shard, tools).await.unwrap();
    assert_eq!(worker.follow(&mut shard).await.unwrap(), End::Closed);
    assert_eq!(worker.state.outbox().len(), RIDES);
    for child in &family.children {
        family.follow_through(child).await;
    }
    assert_eq!(read_all(&family.trips, 1).await.len(), RIDES);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_take_the_end_is_told_again_and_by_the_next_owner_too() {
    let mut family = Family::split().await.with_records(200).await;
    let peace = Arc::new(Fuse::burning(MANY));
    for (refusals, end, finished) in [
        (LAST_TRIES, End::GaveUp, 0),
        (LAST_TRIES - 1, End::Closed, 1),
        (0, End::Closed, 2),
    ] {
        family.parents[0].refusals = refusals;
        let parent = &family.parents[0];
        assert_eq!(family.follow(parent, &peace).await, Some(end));
        assert_eq!(parent.finished(), finished);
    }
}

#[tokio::test]
async fn a_shard_that_ends_without_a_record_leaves_a_snapshot_that_stays() {
    let family = Family::split().await.with_records(0).await;
    family.follow_through(&family.parents[0]).await;
    for child in &family.children {
        family.follow_through(child).await;
        family.follow_through(child).await;
    }
    let parent = &family.parents[0];
    let mut snapshots = Snapshots::of(family.objects.clone(), &parent.id);
    let loaded = snapshots.load(&parent.lineage).await.unwrap();
    assert_eq!(loaded.position, Some(END.parse().unwrap()));
}
