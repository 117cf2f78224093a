//! Workers that share a table in memory, in paused time: every wait is for something that happens.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::*;
use crate::{
    Position,
    hash_key::{HashKey, HashRange},
    kinesis::leases::{lease::Checkpoint, memory::MemoryTable},
};

const FAILOVER: Duration = Duration::from_secs(10);
/// Whatever is waited for happens within minutes of paused time, or never.
const PATIENCE: Duration = Duration::from_mins(10);

/// A table, the shards of a stream, and the workers' way to both.
struct World {
    table: Arc<MemoryTable>,
    shards: Arc<Shards>,
    departures: Departures,
    born: usize,
}

#[derive(Default)]
struct Shards(Mutex<Vec<ListedShard>>);

#[async_trait]
impl ListShards for Shards {
    async fn list(&self) -> Result<Vec<ListedShard>, StreamError> {
        Ok(locked(&self.0).clone())
    }
}

/// A worker's way to the table, which may be cut.
struct Way {
    table: Arc<MemoryTable>,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    async fn go(&self) -> &MemoryTable {
        if self.is_cut.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        &self.table
    }
}

#[async_trait]
impl LeaseTable for Way {
    async fn scan(&self) -> Result<Vec<Lease>, StreamError> {
        self.go().await.scan().await
    }

    async fn write(&self, shard: &ShardId, write: &Write) -> Result<Lease, WriteError> {
        self.go().await.write(shard, write).await
    }

    async fn delete(&self, lease: &Lease) -> Result<(), WriteError> {
        self.go().await.delete(lease).await
    }
}

impl World {
    fn new(shards: &[&str]) -> Self {
        let world = Self {
            table: Arc::default(),
            shards: Arc::default(),
            departures: Departures::default(),
            born: 0,
        };
        for id in shards {
            world.open(id, &[]);
        }
        world
    }

    fn open(&self, id: &str, parents: &[&str]) {
        locked(&self.shards.0).push(ListedShard {
            id: ShardId::new(id),
            parents: parents.iter().map(|id| ShardId::new(id)).collect(),
            range: HashRange::new(HashKey(0), HashKey(u128::MAX)),
            ending: None,
        });
    }

    fn close(&self, id: &str) {
        for shard in locked(&self.shards.0).iter_mut() {
            if shard.id.as_str() == id {
                shard.ending = Some(100.into());
            }
        }
    }

    /// A worker, and what cuts it off.
    fn join(&mut self) -> (Keeper, Arc<AtomicBool>) {
        self.born += 1;
        let is_cut = Arc::new(AtomicBool::new(false));
        let way = Way {
            table: self.table.clone(),
            is_cut: is_cut.clone(),
        };
        let me = WorkerId::new(&format!("hansom-{}", self.born));
        let timing = Timing { failover: FAILOVER };
        let (shards, departures) = (self.shards.clone(), self.departures.clone());
        let keeper = Keeper::start(Arc::new(way), shards, me, timing, departures);
        (keeper, is_cut)
    }

    async fn lease(&self, shard: &str) -> Lease {
        let leases = self.table.scan().await.unwrap();
        let found = leases.iter().find(|lease| lease.shard.as_str() == shard);
        found.unwrap().clone()
    }
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    timeout(PATIENCE, wait).await.expect("it happens in time")
}

async fn next(keeper: &mut Keeper) -> Held {
    within(keeper.next()).await
}

/// Nothing falls to the worker for so long.
async fn check_idle(keeper: &mut Keeper, long: Duration) {
    assert!(timeout(long, keeper.next()).await.is_err());
}

fn name(held: &Held) -> &str {
    held.shard().as_str()
}

fn at(offset: u64) -> Position {
    Position::from_offset(offset)
}

#[tokio::test(start_paused = true)]
async fn one_worker_gets_every_shard_and_keeps_it() {
    let mut world = World::new(&["a", "b"]);
    let (mut keeper, _) = world.join();
    let mut held = [next(&mut keeper).await, next(&mut keeper).await];
    let mut names = held.each_ref().map(name);
    names.sort_unstable();
    assert_eq!(names, ["a", "b"]);
    check_idle(&mut keeper, FAILOVER * 20).await;
    for held in &mut held {
        assert!(!held.tells_revoked());
        held.checkpoint(at(1)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_worker_gets_its_share_by_hand_over_and_the_checkpoint_comes_along() {
    let mut world = World::new(&["a", "b"]);
    let (mut first, _) = world.join();
    let mut held = vec![next(&mut first).await, next(&mut first).await];
    let (mut second, _) = world.join();
    let [one, other] = held.as_mut_slice() else {
        panic!("two")
    };
    let is_other = tokio::select! {
        () = one.revoked() => false,
        () = other.revoked() => true,
    };
    let mut asked = held.remove(usize::from(is_other));
    assert!(asked.tells_revoked());
    assert!(!asked.tells_revoked(), "it is said once");
    check_idle(&mut second, FAILOVER / 2).await;
    asked.checkpoint(at(7)).await.unwrap();
    let shard = asked.shard().clone();
    drop(asked);
    let got = next(&mut second).await;
    assert_eq!(got.shard(), &shard);
    let lease = world.lease(shard.as_str()).await;
    assert_eq!(lease.checkpoint, Checkpoint::At(at(7)));
    assert_eq!(lease.owner, Some(WorkerId::new("hansom-2")));
    assert_eq!(lease.handed_over_by, None);
    check_idle(&mut second, FAILOVER * 9).await;
    check_idle(&mut first, FAILOVER * 9).await;
    assert!(!held[0].tells_revoked());
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_that_takes_too_long_is_cut_short() {
    let mut world = World::new(&["a", "b"]);
    let (mut first, _) = world.join();
    let held = [next(&mut first).await, next(&mut first).await];
    let begun = Instant::now();
    let (mut second, _) = world.join();
    let got = next(&mut second).await;
    assert!(begun.elapsed() >= FAILOVER * 3);
    let [old] = held
        .iter()
        .filter(|held| held.shard() == got.shard())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one is the same")
    };
    assert!(old.checkpoint(at(9)).await.is_err());
    got.checkpoint(at(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_worker_leaves_falls_to_the_other_without_waiting_for_its_expiry() {
    let mut world = World::new(&["a", "b"]);
    let (mut first, _) = world.join();
    let held = [next(&mut first).await, next(&mut first).await];
    drop(first);
    sleep(FAILOVER * 5).await;
    held[0].checkpoint(at(3)).await.unwrap();
    let (mut second, _) = world.join();
    check_idle(&mut second, FAILOVER / 5).await;
    let begun = Instant::now();
    drop(held);
    let got = [next(&mut second).await, next(&mut second).await];
    assert!(begun.elapsed() < FAILOVER, "{:?}", begun.elapsed());
    assert_ne!(got[0].shard(), got[1].shard());
}

#[tokio::test(start_paused = true)]
async fn leases_that_nobody_fetched_are_let_go_when_the_worker_leaves() {
    let mut world = World::new(&["a"]);
    let (first, _) = world.join();
    within(async {
        while world.table.scan().await.unwrap().is_empty() || world.lease("a").await.owner.is_none()
        {
            sleep(FAILOVER / 50).await;
        }
    })
    .await;
    drop(first);
    let (mut second, _) = world.join();
    let begun = Instant::now();
    let got = next(&mut second).await;
    assert_eq!(name(&got), "a");
    assert!(begun.elapsed() < FAILOVER);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_hangs_is_replaced_and_knows_it_before() {
    let mut world = World::new(&["a"]);
    let (mut first, is_cut) = world.join();
    let mut held = next(&mut first).await;
    held.checkpoint(at(5)).await.unwrap();
    let (mut second, _) = world.join();
    is_cut.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let told = async {
        held.revoked().await;
        begun.elapsed()
    };
    let replaced = async {
        let got = second.next().await;
        (begun.elapsed(), got)
    };
    let (told, (replaced, got)) = within(async { tokio::join!(told, replaced) }).await;
    assert!(told <= FAILOVER, "{told:?}");
    assert!(replaced >= told && replaced < FAILOVER * 3, "{replaced:?}");
    got.checkpoint(at(6)).await.unwrap();
    is_cut.store(false, Ordering::Relaxed);
    assert!(held.tells_revoked());
    assert!(held.checkpoint(at(9)).await.is_err());
    assert!(held.finish().await.is_err());
    drop(held);
    check_idle(&mut first, FAILOVER * 9).await;
    assert_eq!(world.lease("a").await.checkpoint, Checkpoint::At(at(6)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_table_was_away_for_long_gets_its_lease_again() {
    let mut world = World::new(&["a"]);
    let (mut keeper, is_cut) = world.join();
    let mut held = next(&mut keeper).await;
    is_cut.store(true, Ordering::Relaxed);
    within(held.revoked()).await;
    is_cut.store(false, Ordering::Relaxed);
    check_idle(&mut keeper, FAILOVER * 5).await;
    drop(held);
    let held = next(&mut keeper).await;
    held.checkpoint(at(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_never_goes_back() {
    let mut world = World::new(&["a"]);
    let (mut keeper, _) = world.join();
    let held = next(&mut keeper).await;
    for offset in [4, 9, 7] {
        held.checkpoint(at(offset)).await.unwrap();
    }
    assert_eq!(world.lease("a").await.checkpoint, Checkpoint::At(at(9)));
}

#[tokio::test(start_paused = true)]
async fn a_child_of_a_merge_comes_after_both_parents_and_only_once() {
    let mut world = World::new(&["a", "b"]);
    let (mut keeper, _) = world.join();
    let mut held = vec![next(&mut keeper).await, next(&mut keeper).await];
    let open = held[0].finish().await.unwrap_err().to_string();
    assert!(open.contains("open"), "{open}");
    world.close("a");
    world.close("b");
    assert!(held[0].finish().await.is_err(), "its child is not listed");
    world.open("c", &["a", "b"]);
    let first = held.remove(0);
    first.finish().await.unwrap();
    assert_eq!(world.lease("c").await.owner, None);
    first.finish().await.unwrap();
    drop(first);
    check_idle(&mut keeper, FAILOVER * 20).await;
    held[0].finish().await.unwrap();
    let child = next(&mut keeper).await;
    assert_eq!(name(&child), "c");
    let parents = child.lineage().parents().iter().map(ShardId::as_str);
    assert_eq!(parents.collect::<Vec<_>>(), ["a", "b"]);
    let ended = world.lease("b").await;
    assert_eq!(ended.checkpoint, Checkpoint::ShardEnd);
    assert_eq!(ended.children, [ShardId::new("c")].into());
    drop(held);
    check_idle(&mut keeper, FAILOVER * 20).await;
}

#[tokio::test(start_paused = true)]
async fn leases_of_shards_that_are_gone_are_deleted() {
    let mut world = World::new(&["a"]);
    let (mut keeper, _) = world.join();
    let held = next(&mut keeper).await;
    world.close("a");
    world.open("b", &["a"]);
    held.finish().await.unwrap();
    drop(held);
    let child = next(&mut keeper).await;
    child.checkpoint(at(1)).await.unwrap();
    sleep(FAILOVER * 20).await;
    assert_eq!(world.table.scan().await.unwrap().len(), 2);
    locked(&world.shards.0).remove(0);
    within(async {
        while world.table.scan().await.unwrap().len() == 2 {
            sleep(FAILOVER).await;
        }
    })
    .await;
    assert_eq!(world.lease("b").await.checkpoint, Checkpoint::At(at(1)));
}

#[tokio::test(start_paused = true)]
async fn five_workers_share_seventeen_shards_and_come_to_rest() {
    let names: Vec<_> = (0..17).map(|number| format!("shard-{number:02}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut world = World::new(&names);
    let moves = Arc::new(Mutex::new(0));
    for _ in 0..5 {
        let (keeper, _) = world.join();
        tokio::spawn(obey(keeper, moves.clone()));
        sleep(FAILOVER * 3).await;
    }
    sleep(FAILOVER * 30).await;
    let mut counts = BTreeMap::new();
    for lease in world.table.scan().await.unwrap() {
        assert_eq!(lease.handed_over_by, None);
        *counts.entry(lease.owner.unwrap()).or_insert(0) += 1;
    }
    let counts: Vec<usize> = counts.into_values().collect();
    assert_eq!(counts.len(), 5, "{counts:?}");
    assert!(counts.iter().all(|count| (3..=4).contains(count)));
    let before = *locked(&moves);
    sleep(FAILOVER * 60).await;
    assert_eq!(*locked(&moves), before);
}

/// A worker whose readers let go as soon as they are asked.
async fn obey(mut keeper: Keeper, moves: Arc<Mutex<usize>>) {
    loop {
        let mut held = keeper.next().await;
        *locked(&moves) += 1;
        tokio::spawn(async move { held.revoked().await });
    }
}

mod leaving;
