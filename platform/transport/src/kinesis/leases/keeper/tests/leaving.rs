//! Workers that let go: when it is done, and how soon others have what they left. Who should have it is
//! not tested here.

use super::*;

#[tokio::test(start_paused = true)]
async fn departures_are_over_when_all_that_was_dropped_is_let_go() {
    let mut world = World::new(&["a", "b"]);
    let (mut keeper, _) = world.join();
    let [one, other] = [next(&mut keeper).await, next(&mut keeper).await];
    within(world.departures.over()).await;
    let shard = one.shard().clone();
    drop(one);
    drop(keeper);
    within(world.departures.over()).await;
    assert_eq!(world.lease(shard.as_str()).await.owner, None);
    assert!(world.lease(name(&other)).await.owner.is_some());
}

#[tokio::test(start_paused = true)]
async fn departures_are_not_over_while_the_table_does_not_answer() {
    let mut world = World::new(&["a"]);
    let (mut keeper, is_cut) = world.join();
    let held = next(&mut keeper).await;
    is_cut.store(true, Ordering::Relaxed);
    drop(held);
    let over = world.departures.over();
    assert!(timeout(FAILOVER / 2, over).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_over_is_taken_in_a_small_part_of_a_failover() {
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
    drop(held.remove(usize::from(is_other)));
    timeout(FAILOVER / 20, second.next()).await.unwrap();
}
