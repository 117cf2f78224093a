//! What every table of leases promises: each write does what applying it to the lease does. All
//! writes are tried on all kinds of leases, and on none.

use std::collections::BTreeSet;

use super::{LeaseTable, WriteError};
use crate::{
    Position, ShardId,
    hash_key::{HashKey, HashRange},
    kinesis::leases::{
        lease::{Checkpoint, Lease},
        worker::WorkerId,
        write::{Refused, Write},
    },
};

/// Leases of all kinds, each of a shard of its own.
pub(crate) fn leases() -> Vec<Lease> {
    let worker = |name: &str| Some(WorkerId::new(name));
    let sequence = "49590338271490256608559692538361571095921575989136588898";
    let packed = Position::new(sequence.parse().unwrap(), 17);
    let owners = [
        (None, None),
        (worker("me"), None),
        (worker("other"), None),
        (worker("me"), worker("other")),
        (worker("other"), worker("me")),
    ];
    let checkpoints = [
        Checkpoint::TrimHorizon,
        Checkpoint::Latest,
        Checkpoint::AtTimestamp,
        Checkpoint::At(Position::from_offset(3)),
        Checkpoint::At(packed),
        Checkpoint::ShardEnd,
    ];
    let ids = |ids: &[&str]| -> BTreeSet<_> { ids.iter().map(|id| ShardId::new(id)).collect() };
    let mut leases = Vec::new();
    for (owner, handed_over_by) in owners {
        for checkpoint in checkpoints {
            let number = leases.len() as u64;
            let is_whole = number.is_multiple_of(2);
            leases.push(Lease {
                shard: ShardId::new(&format!("shardId-{number:012}")),
                owner: owner.clone(),
                counter: number % 3,
                checkpoint,
                switches: number % 2,
                parents: ids(if is_whole { &["p", "q"] } else { &[] }),
                children: ids(if is_whole { &["c"] } else { &[] }),
                range: is_whole.then(|| HashRange::new(HashKey(1), HashKey(u128::MAX))),
                handed_over_by: handed_over_by.clone(),
            });
        }
    }
    leases
}

/// All writes that a worker makes who saw the lease so.
fn writes(seen: &Lease) -> Vec<Write> {
    let (me, other) = (WorkerId::new("me"), WorkerId::new("other"));
    let children: BTreeSet<_> = ["x", "y"].map(ShardId::new).into();
    let further = Position::new(99.into(), 4);
    vec![
        Write::Create(seen.clone()),
        Write::take(seen, &me),
        Write::ask(&other, &me),
        Write::renew(seen),
        Write::checkpoint(seen, Checkpoint::At(further)),
        Write::finish(seen, children),
        Write::finish(seen, BTreeSet::new()),
        Write::release(seen),
    ]
}

/// Ways in which a lease may be another than it was seen.
fn changed(lease: &Lease) -> Vec<Lease> {
    let third = Some(WorkerId::new("third"));
    vec![
        lease.clone(),
        Lease {
            counter: lease.counter + 1,
            ..lease.clone()
        },
        Lease {
            owner: third.clone(),
            ..lease.clone()
        },
        Lease {
            owner: None,
            ..lease.clone()
        },
        Lease {
            handed_over_by: third,
            ..lease.clone()
        },
        Lease {
            handed_over_by: None,
            ..lease.clone()
        },
    ]
}

/// Checks an empty table.
pub(crate) async fn check(table: &dyn LeaseTable) {
    let mut expected = Vec::new();
    for lease in leases() {
        let last = check_shard(table, &lease).await;
        expected.push(last);
    }
    let mut found = table.scan().await.unwrap();
    found.sort_by(|one, other| one.shard.cmp(&other.shard));
    assert_eq!(found, expected);
    check_deletion(table, &expected[0]).await;
}

/// Tries every write on the shard's lease; returns how the lease is at last.
async fn check_shard(table: &dyn LeaseTable, lease: &Lease) -> Lease {
    let create = Write::Create(lease.clone());
    for write in writes(lease).into_iter().skip(1) {
        let refused = table.write(&lease.shard, &write).await;
        assert!(is_refused(refused, None), "{write:?} on nothing");
    }
    assert_eq!(table.write(&lease.shard, &create).await.unwrap(), *lease);
    let mut there = lease.clone();
    for write in changed(lease).iter().flat_map(writes) {
        there = match write.apply(Some(&there)) {
            Ok(after) => {
                let written = table.write(&there.shard, &write).await.unwrap();
                assert_eq!(written, after, "{write:?} on {there:?}");
                set(table, &after, &there).await;
                there
            }
            Err(refused) => {
                let answer = table.write(&there.shard, &write).await;
                assert!(is_refused(answer, refused.there), "{write:?} on {there:?}");
                there
            }
        };
    }
    there
}

fn is_refused(answer: Result<Lease, WriteError>, expected: Option<Box<Lease>>) -> bool {
    match answer {
        Err(WriteError::Refused(refused)) => refused == Refused { there: expected },
        _ => false,
    }
}

/// Makes the lease what it is to be, whatever it is.
async fn set(table: &dyn LeaseTable, from: &Lease, to: &Lease) {
    table.delete(from).await.unwrap();
    let create = Write::Create(to.clone());
    table.write(&to.shard, &create).await.unwrap();
}

async fn check_deletion(table: &dyn LeaseTable, lease: &Lease) {
    let count = table.scan().await.unwrap().len();
    let moved = Lease {
        counter: lease.counter + 1,
        ..lease.clone()
    };
    let further = Lease {
        checkpoint: Checkpoint::At(Position::from_offset(123)),
        ..lease.clone()
    };
    for other in [moved, further] {
        let refused = table.delete(&other).await;
        assert!(
            matches!(refused, Err(WriteError::Refused(_))),
            "{refused:?}"
        );
    }
    assert_eq!(table.scan().await.unwrap().len(), count);
    table.delete(lease).await.unwrap();
    table.delete(lease).await.unwrap();
    assert_eq!(table.scan().await.unwrap().len(), count - 1);
}
