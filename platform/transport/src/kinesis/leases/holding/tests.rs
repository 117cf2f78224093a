//! What a holder makes of silence and of refusals.

use super::*;
use crate::ShardId;

const FAILOVER: Duration = Duration::from_secs(10);

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

fn lease(owner: &str, handed_over_by: Option<&str>, counter: u64) -> Lease {
    Lease {
        shard: ShardId::new("shard-1"),
        owner: Some(worker(owner)),
        counter,
        checkpoint: Checkpoint::At(Position::from_offset(5)),
        switches: 0,
        parents: [].into(),
        children: [].into(),
        range: None,
        handed_over_by: handed_over_by.map(worker),
    }
}

fn held(now: Instant) -> Holding {
    Holding::new(worker("me"), lease("me", None, 7), now, FAILOVER)
}

/// What a holder at counter 7 makes of this after a write, whose end it heard or not.
#[track_caller]
fn check(there: Option<Lease>, heard: Standing, unheard: Standing) {
    let now = Instant::now();
    let mut holding = held(now);
    holding.refused(there.clone().map(Box::new));
    assert_eq!(holding.standing(now), heard);
    let mut holding = held(now);
    holding.begin();
    holding.refused(there.map(Box::new));
    assert_eq!(holding.standing(now), unheard);
}

#[test]
fn a_refusal_is_a_loss_unless_the_holder_or_nobody_counted() {
    use Standing::{Asked, Lost, Ours};
    check(Some(lease("new", Some("me"), 7)), Asked, Asked);
    check(Some(lease("me", None, 8)), Lost, Ours);
    check(Some(lease("new", Some("me"), 8)), Lost, Asked);
    check(Some(lease("me", None, 9)), Lost, Lost);
    check(Some(lease("new", None, 8)), Lost, Lost);
    check(Some(lease("new", None, 7)), Lost, Lost);
    check(Some(lease("me", Some("other"), 7)), Lost, Lost);
    check(None, Lost, Lost);
}

#[test]
fn a_write_that_was_heard_of_leaves_nothing_unheard() {
    let now = Instant::now();
    let mut holding = held(now);
    holding.begin();
    holding.done(lease("me", None, 8), now);
    holding.refused(Some(Box::new(lease("me", None, 9))));
    assert_eq!(holding.standing(now), Standing::Lost);
}

#[test]
fn a_lease_lasts_from_the_beginning_of_its_last_write() {
    let now = Instant::now();
    let mut holding = held(now);
    let second = Duration::from_secs(1);
    assert_eq!(holding.standing(now + second * 9), Standing::Ours);
    assert_eq!(holding.standing(now + second * 10), Standing::Lost);
    holding.done(lease("me", None, 8), now + second * 4);
    assert_eq!(holding.standing(now + second * 13), Standing::Ours);
    assert_eq!(holding.standing(now + second * 14), Standing::Lost);
}

#[test]
fn what_is_done_is_not_written_again() {
    let holding = held(Instant::now());
    let advance = |offset| holding.advance(Position::from_offset(offset));
    assert_eq!([advance(4), advance(5)], [None, None]);
    let further = Checkpoint::At(Position::from_offset(6));
    let write = Write::checkpoint(holding.lease(), further);
    assert_eq!(advance(6), Some(write));
}
