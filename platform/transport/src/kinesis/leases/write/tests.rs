//! What each write does to a lease, and that nobody but the holder moves it.

use super::*;
use crate::Position;

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

fn lease(owner: Option<&str>, handed_over_by: Option<&str>) -> Lease {
    Lease {
        shard: ShardId::new("shard-1"),
        owner: owner.map(worker),
        counter: 5,
        checkpoint: Checkpoint::TrimHorizon,
        switches: 2,
        parents: BTreeSet::new(),
        children: BTreeSet::new(),
        range: None,
        handed_over_by: handed_over_by.map(worker),
    }
}

fn refused(there: Lease) -> Refused {
    Refused {
        there: Some(Box::new(there)),
    }
}

/// Applies the write to the lease and checks what it became.
#[track_caller]
fn check(write: &Write, lease: &Lease, expected: impl FnOnce(&mut Lease)) {
    let mut after = lease.clone();
    expected(&mut after);
    assert_eq!(write.apply(Some(lease)), Ok(after.clone()));
    assert!(write.is_done_in(&after));
    assert!(!write.is_done_in(lease));
}

#[test]
fn every_write_does_what_it_says() {
    let (free, mine) = (lease(None, None), lease(Some("me"), None));
    let asked = lease(Some("new"), Some("me"));
    check(&Write::take(&free, &worker("me")), &free, |lease| {
        lease.counter = 6;
        lease.owner = Some(worker("me"));
    });
    check(&Write::take(&mine, &worker("other")), &mine, |lease| {
        lease.counter = 6;
        lease.owner = Some(worker("other"));
        lease.switches = 3;
    });
    check(&Write::renew(&mine), &mine, |lease| lease.counter = 6);
    check(&Write::renew(&asked), &asked, |lease| lease.counter = 6);
    check(&Write::ask(&worker("me"), &worker("new")), &mine, |lease| {
        lease.owner = Some(worker("new"));
        lease.handed_over_by = Some(worker("me"));
    });
    check(&Write::release(&asked), &asked, |lease| {
        lease.counter = 6;
        lease.handed_over_by = None;
        lease.switches = 3;
    });
    check(&Write::release(&mine), &mine, |lease| {
        lease.counter = 6;
        lease.owner = None;
    });
    let done = Checkpoint::At(Position::from_offset(7));
    check(&Write::checkpoint(&mine, done), &mine, |lease| {
        lease.counter = 6;
        lease.checkpoint = done;
        lease.switches = 0;
    });
    let children = BTreeSet::from([ShardId::new("shard-2")]);
    check(&Write::finish(&asked, children.clone()), &asked, |lease| {
        lease.counter = 6;
        lease.checkpoint = Checkpoint::ShardEnd;
        lease.children = children;
        lease.switches = 0;
    });
}

#[test]
fn a_lease_is_created_once_and_nothing_else_creates_one() {
    let free = lease(None, None);
    let create = Write::Create(free.clone());
    assert_eq!(create.apply(None), Ok(free.clone()));
    let there = lease(Some("me"), None);
    assert_eq!(create.apply(Some(&there)), Err(refused(there)));
    assert_eq!(
        Write::renew(&free).apply(None),
        Err(Refused { there: None })
    );
}

#[test]
fn whoever_missed_a_change_changes_nothing() {
    let mine = lease(Some("me"), None);
    let changes = [
        Write::take(&mine, &worker("other")),
        Write::ask(&worker("me"), &worker("other")),
        Write::release(&mine),
        Write::renew(&mine),
    ];
    for change in changes {
        let there = change.apply(Some(&mine)).unwrap();
        for write in [Write::renew(&mine), Write::release(&mine)] {
            let refused = refused(there.clone());
            assert_eq!(write.apply(Some(&there)), Err(refused), "{change:?}");
        }
    }
}
