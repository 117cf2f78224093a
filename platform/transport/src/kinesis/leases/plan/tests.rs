//! Examples of what one worker does with what it sees; that all workers together do well is the
//! model's to show.

use std::slice;

use super::*;
use crate::kinesis::leases::lease::Checkpoint;

const FAILOVER: Duration = Duration::from_secs(10);

/// One of ours, but for `kcl`.
fn worker(name: &str) -> WorkerId {
    match name {
        "kcl" => WorkerId::new(name),
        _ => WorkerId::new(&format!("hansom-{name}")),
    }
}

fn lease(shard: &str, owner: &str) -> Lease {
    Lease {
        shard: ShardId::new(shard),
        owner: (!owner.is_empty()).then(|| worker(owner)),
        counter: 0,
        checkpoint: Checkpoint::TrimHorizon,
        switches: 0,
        parents: BTreeSet::new(),
        children: BTreeSet::new(),
        range: None,
        handed_over_by: None,
    }
}

fn child(shard: &str, parents: &[&str]) -> Lease {
    Lease {
        parents: parents.iter().map(|id| ShardId::new(id)).collect(),
        ..lease(shard, "")
    }
}

fn ended(shard: &str) -> Lease {
    Lease {
        checkpoint: Checkpoint::ShardEnd,
        ..lease(shard, "")
    }
}

/// The planner of worker `me` and the time of its next look.
struct Looks {
    planner: Planner,
    now: Instant,
    held: BTreeSet<ShardId>,
}

impl Looks {
    fn new() -> Self {
        Self {
            planner: Planner::new(worker("me"), FAILOVER),
            now: Instant::now(),
            held: BTreeSet::new(),
        }
    }

    /// Looks so many seconds later; returns the shards and reasons in the order of shards.
    fn after(&mut self, seconds: u64, leases: &[Lease]) -> Vec<(String, Reason)> {
        self.now += Duration::from_secs(seconds);
        let steps = self.planner.plan(leases, &self.held, self.now);
        let mut found: Vec<_> = steps
            .iter()
            .map(|step| (step.shard.to_string(), step.reason))
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }
}

fn steps(expected: &[(&str, Reason)]) -> Vec<(String, Reason)> {
    let own = |(shard, reason): &(&str, Reason)| ((*shard).to_owned(), *reason);
    expected.iter().map(own).collect()
}

#[test]
fn free_leases_are_taken_at_first_sight_and_owned_ones_are_not() {
    let mut looks = Looks::new();
    let table = [lease("a", ""), lease("b", "other")];
    assert_eq!(looks.after(0, &table), steps(&[("a", Reason::Free)]));
}

#[test]
fn a_lease_expires_when_its_counter_stood_still_for_the_failover() {
    let mut looks = Looks::new();
    let table = [lease("a", "other")];
    assert_eq!(looks.after(0, &table), []);
    assert_eq!(looks.after(9, &table), []);
    let mut moved = table.clone();
    moved[0].counter = 1;
    assert_eq!(looks.after(0, &moved), []);
    assert_eq!(looks.after(9, &moved), []);
    assert_eq!(looks.after(1, &moved), steps(&[("a", Reason::Expired)]));
}

#[test]
fn no_more_than_a_share_is_taken_unless_nobody_else_does() {
    let mut looks = Looks::new();
    let mut table: Vec<_> = ["a", "b", "c", "d"].map(|id| lease(id, "")).into();
    table.push(lease("e", "other"));
    assert_eq!(looks.after(0, &table).len(), 3);
    for seconds in [10, 10, 9] {
        table[4].counter += 1;
        assert_eq!(looks.after(seconds, &table).len(), 3);
    }
    assert_eq!(looks.after(1, &table).len(), 4);
}

#[test]
fn the_richest_is_asked_for_one_and_only_if_that_makes_shares_more_even() {
    let mut looks = Looks::new();
    looks.held.insert(ShardId::new("z"));
    let mut table = vec![lease("z", "me"), lease("a", "rich"), lease("b", "rich")];
    assert_eq!(looks.after(0, &table), []);
    table.push(lease("c", "rich"));
    assert_eq!(looks.after(0, &table), steps(&[("a", Reason::Asked)]));
    assert_eq!(looks.after(1, &table), [], "not again so soon");
    table[1].owner = Some(worker("me"));
    table[1].handed_over_by = Some(worker("rich"));
    assert_eq!(looks.after(5, &table), []);
}

#[test]
fn what_is_handed_over_is_ours_when_the_old_owner_lets_go_or_is_late() {
    let mut looks = Looks::new();
    let mut table = [lease("a", "me")];
    table[0].handed_over_by = Some(worker("old"));
    for seconds in [0, 9, 9, 9] {
        table[0].counter += 1;
        assert_eq!(looks.after(seconds, &table), []);
    }
    table[0].counter += 1;
    assert_eq!(looks.after(3, &table), steps(&[("a", Reason::Overdue)]));
    table[0].handed_over_by = None;
    assert_eq!(looks.after(0, &table), steps(&[("a", Reason::HandedOver)]));
}

#[test]
fn a_hand_over_between_others_is_left_alone_while_the_old_owner_counts() {
    let mut looks = Looks::new();
    let mut table = [lease("a", "new")];
    table[0].handed_over_by = Some(worker("old"));
    for _ in 0..9 {
        table[0].counter += 1;
        assert_eq!(looks.after(9, &table), []);
    }
    assert_eq!(looks.after(10, &table), steps(&[("a", Reason::Expired)]));
}

#[test]
fn children_wait_for_all_parents() {
    let mut looks = Looks::new();
    let merged = child("c", &["a", "b"]);
    let table = [ended("a"), lease("b", "other"), merged.clone()];
    assert_eq!(looks.after(0, &table), []);
    let table = [ended("a"), ended("b"), merged];
    assert_eq!(looks.after(0, &table), steps(&[("c", Reason::Free)]));
}

#[test]
fn a_parent_that_was_not_seen_is_missing_only_at_the_second_look() {
    let mut looks = Looks::new();
    let table = [child("c", &["gone"])];
    assert_eq!(looks.after(0, &table), []);
    assert_eq!(looks.after(0, &table), steps(&[("c", Reason::Free)]));
}

#[test]
fn whoever_had_too_many_leaves_what_it_released_to_others_first() {
    let mut looks = Looks::new();
    looks.held = ["a", "b"].map(ShardId::new).into();
    let mut table = vec![
        lease("a", "me"),
        lease("b", "me"),
        lease("c", "x"),
        lease("d", "y"),
    ];
    table.push(lease("e", "me"));
    looks.held.insert(ShardId::new("e"));
    assert_eq!(looks.after(0, &table), []);
    looks.planner.released(&ShardId::new("a"), looks.now);
    looks.held.remove(&ShardId::new("a"));
    table[0].owner = None;
    table[2].owner = Some(worker("me"));
    looks.held.insert(ShardId::new("c"));
    table.truncate(3);
    assert_eq!(looks.after(1, &table), []);
    assert_eq!(looks.after(10, &table), steps(&[("a", Reason::Free)]));
}

#[test]
fn a_worker_of_the_library_has_longer_until_it_begins() {
    let told = lease("a", "kcl");
    let mut looks = Looks::new();
    assert_eq!(looks.after(0, slice::from_ref(&told)), []);
    assert_eq!(looks.after(19, slice::from_ref(&told)), []);
    let expired = steps(&[("a", Reason::Expired)]);
    assert_eq!(looks.after(1, slice::from_ref(&told)), expired);
}

#[test]
fn a_worker_of_the_library_that_has_begun_is_as_any_other() {
    let mut renewed = lease("a", "kcl");
    let mut looks = Looks::new();
    assert_eq!(looks.after(0, slice::from_ref(&renewed)), []);
    renewed.counter = 1;
    assert_eq!(looks.after(9, slice::from_ref(&renewed)), []);
    assert_eq!(looks.after(9, slice::from_ref(&renewed)), []);
    let expired = steps(&[("a", Reason::Expired)]);
    assert_eq!(looks.after(1, slice::from_ref(&renewed)), expired);
}

#[test]
fn a_worker_of_the_library_is_told_of_each_lease_anew() {
    let mut looks = Looks::new();
    assert_eq!(looks.after(0, &[lease("a", "other")]), []);
    let mut told = lease("a", "kcl");
    told.counter = 1;
    assert_eq!(looks.after(1, slice::from_ref(&told)), []);
    assert_eq!(looks.after(19, slice::from_ref(&told)), []);
    let expired = steps(&[("a", Reason::Expired)]);
    assert_eq!(looks.after(1, slice::from_ref(&told)), expired);
}

#[test]
fn a_worker_of_the_library_is_asked_for_no_lease_before_it_has_begun() {
    let mut table = [lease("a", "kcl"), lease("b", "kcl")];
    let mut looks = Looks::new();
    assert_eq!(looks.after(0, &table), []);
    assert_eq!(looks.after(9, &table), []);
    table[1].counter = 1;
    assert_eq!(looks.after(4, &table), steps(&[("b", Reason::Asked)]));
}

#[test]
fn whoever_was_away_does_not_know_whether_a_worker_of_the_library_has_begun() {
    let mut renewed = lease("a", "kcl");
    let mut looks = Looks::new();
    assert_eq!(looks.after(0, slice::from_ref(&renewed)), []);
    renewed.counter = 1;
    assert_eq!(looks.after(3, slice::from_ref(&renewed)), []);
    renewed.counter = 2;
    assert_eq!(looks.after(30, slice::from_ref(&renewed)), []);
    for _ in 0..3 {
        assert_eq!(looks.after(6, slice::from_ref(&renewed)), []);
    }
    let expired = steps(&[("a", Reason::Expired)]);
    assert_eq!(looks.after(2, slice::from_ref(&renewed)), expired);
}
