//! Examples of shards that split and merge, and the leases that there should be.

use super::*;
use crate::{
    Position,
    hash_key::{HashKey, HashRange},
    kinesis::leases::lease::Checkpoint,
};

/// Shards by a line each: `a`, `b<a` for a child, `d<b,c` for a merge; `!` after the name: closed.
fn listed(lines: &[&str]) -> Vec<ListedShard> {
    let read = |line: &&str| {
        let (name, parents) = line.split_once('<').unwrap_or((line, ""));
        let is_closed = name.ends_with('!');
        ListedShard {
            id: ShardId::new(name.trim_end_matches('!')),
            parents: parents
                .split(',')
                .filter(|id| !id.is_empty())
                .map(ShardId::new)
                .collect(),
            range: HashRange::new(HashKey(0), HashKey(u128::MAX)),
            ending: is_closed.then(|| 9.into()),
        }
    };
    lines.iter().map(read).collect()
}

/// Leases in the same form; after the name `.` for read to the end, `+` for begun.
fn leases(lines: &[&str]) -> Vec<Lease> {
    let read = |line: &&str| {
        let shard = &listed(&[&line.replace(['.', '+'], "")])[0];
        let checkpoint = match line {
            line if line.contains('.') => Checkpoint::ShardEnd,
            line if line.contains('+') => Checkpoint::At(Position::from_offset(1)),
            _ => Checkpoint::TrimHorizon,
        };
        Lease {
            checkpoint,
            ..Lease::unread(shard)
        }
    };
    lines.iter().map(read).collect()
}

fn names(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| lease.shard.as_str()).collect()
}

/// What two looks in a row make of it.
#[track_caller]
fn check(shards: &[&str], there: &[&str], created: &[&str], deleted: &[&str]) {
    let (shards, there) = (listed(shards), leases(there));
    let mut census = Census::default();
    census.changes(&shards, &there);
    let changes = census.changes(&shards, &there);
    assert_eq!(names(&changes.create), created, "created");
    assert_eq!(names(&changes.delete), deleted, "deleted");
}

#[test]
fn an_empty_table_gets_every_listed_shard_and_parents_come_first() {
    check(&["a<z", "z!", "b<z"], &[], &["z", "a", "b"], &[]);
    check(&["a<gone"], &[], &["a"], &[]);
}

#[test]
fn nothing_is_created_that_a_lease_will_lead_to() {
    check(&["a!", "b<a", "c<a"], &["a"], &[], &[]);
    check(&["a!", "b!<a", "c<b"], &["a"], &[], &[]);
}

#[test]
fn children_of_a_shard_that_is_read_to_its_end_are_due() {
    check(&["a!", "b<a", "c<a"], &["a.", "b"], &["c"], &[]);
    check(&["a!", "b!<a", "c<b"], &["a."], &["b"], &[]);
    check(&["a!", "b!", "c<a,b"], &["a.", "b+"], &[], &[]);
}

#[test]
fn children_that_are_due_are_no_holes_and_need_no_second_look() {
    let (shards, there) = (listed(&["a!", "b<a", "c<a"]), leases(&["a.", "b"]));
    let changes = Census::default().changes(&shards, &there);
    assert_eq!(names(&changes.create), ["c"]);
}

#[test]
fn a_hole_is_repaired_from_its_oldest_shard_on() {
    check(&["a", "x"], &["x"], &["a"], &[]);
    check(&["a!", "b!<a", "c<b", "x"], &["x"], &["a"], &[]);
    check(&["a!", "b!", "c<a,b"], &["a."], &["b"], &[]);
    check(&["a!", "b!", "c<a,b"], &["a+"], &["b"], &[]);
}

#[test]
fn a_hole_that_was_seen_once_may_be_none() {
    let (shards, there) = (listed(&["a", "x"]), leases(&["x"]));
    let mut census = Census::default();
    assert_eq!(census.changes(&shards, &there), Changes::default());
    assert!(census.is_unsure());
    census.changes(&shards, &leases(&["x", "a"]));
    assert_eq!(census.changes(&shards, &there), Changes::default());
}

#[test]
fn a_lease_is_deleted_when_its_shard_is_gone_and_its_children_are_begun() {
    check(&["b<a", "c<a"], &["a.", "b+<a", "c+<a"], &[], &["a"]);
    check(&["b<a", "c<a"], &["a.", "b+<a", "c<a"], &[], &[]);
    check(&["a!", "b<a"], &["a.", "b+<a"], &[], &[]);
    check(&["b<a"], &["a+", "b+<a"], &[], &[]);
    check(&["c<b"], &["a.", "b.<a", "c+<b"], &[], &["a"]);
    check(&["x"], &["a.", "x"], &[], &["a"]);
}

#[test]
fn an_end_brings_its_children_and_whatever_they_wait_for() {
    let check = |shards: &[&str], there: &[&str], created: &[&str]| {
        let end = end(&ShardId::new("a"), &listed(shards), &leases(there)).unwrap();
        assert_eq!(names(&end.create), created);
    };
    check(&["a!", "b<a", "c<a"], &["a"], &["b", "c"]);
    check(&["a!", "b<a", "c<a"], &["a", "b"], &["c"]);
    check(&["a!", "b!", "c<a,b"], &["a"], &["b", "c"]);
    check(&["a!", "z!", "b!<z", "c<a,b"], &["a", "z"], &["b", "c"]);
    check(&["x"], &["a"], &[]);
}

#[test]
fn an_open_shard_has_no_end_and_a_closed_one_has_children() {
    let check = |shards: &[&str], expected| {
        let end = end(&ShardId::new("a"), &listed(shards), &leases(&["a"]));
        assert_eq!(end, Err(expected));
    };
    check(&["a"], NotYet::IsOpen);
    check(&["a!"], NotYet::HasNoChildren);
}
