//! Leases come back as they went, and look as the Kinesis Client Library wants them.

use super::{super::table::conformance::leases, *};

#[test]
fn leases_come_back_as_they_went() {
    for lease in leases() {
        assert_eq!(read(&write(&lease)), Ok(lease));
    }
}

/// As the Kinesis Client Library 3.1.3 writes it.
fn theirs() -> Item {
    let item = [
        (KEY, text("shardId-000000000001")),
        (COUNTER, number(12)),
        (OWNER, text("kcl-1")),
        (SWITCHES, number(1)),
        (CHECKPOINT, text("49590338271490256608559692538361571")),
        (PLACE, number(3)),
        (
            PARENTS,
            AttributeValue::Ss(vec!["shardId-000000000000".to_owned()]),
        ),
        (FIRST_HASH, text("0")),
        (LAST_HASH, text("340282366920938463463374607431768211455")),
        ("throughputKBps", number("0.0")),
        ("pendingCheckpointState", number(0)),
    ];
    item.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[test]
fn a_lease_of_the_client_library_is_one() {
    let lease = read(&theirs()).unwrap();
    assert_eq!(lease.owner, Some(WorkerId::new("kcl-1")));
    let position = Position::new("49590338271490256608559692538361571".parse().unwrap(), 3);
    assert_eq!(lease.checkpoint, Checkpoint::At(position));
    let mut item = theirs();
    item.retain(|name, _| name != "throughputKBps" && name != "pendingCheckpointState");
    assert_eq!(write(&lease), item);
}

#[test]
fn what_lacks_a_leases_attributes_or_forms_is_none() {
    let broken = [
        (COUNTER, None),
        (CHECKPOINT, None),
        (SWITCHES, None),
        (PLACE, None),
        (KEY, Some(number(1))),
        (COUNTER, Some(number(-1))),
        (COUNTER, Some(text("12"))),
        (CHECKPOINT, Some(text("yesterday"))),
        (OWNER, Some(text(""))),
        (PARENTS, Some(text("shardId-000000000000"))),
        (FIRST_HASH, Some(text("-1"))),
        (FIRST_HASH, None),
        (LAST_HASH, None),
    ];
    for (name, value) in broken {
        let mut item = theirs();
        item.remove(name);
        item.extend(value.map(|value| (name.to_owned(), value)));
        assert!(read(&item).is_err(), "{name}");
    }
}
