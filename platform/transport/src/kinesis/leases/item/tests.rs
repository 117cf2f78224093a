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
        (COUNTER, number(12_u64)),
        (OWNER, text("kcl-1")),
        (SWITCHES, number(1_u64)),
        (CHECKPOINT, text("49590338271490256608559692538361571")),
        (PLACE, number(3_u64)),
        (
            PARENTS,
            AttributeValue::Ss(vec!["shardId-000000000000".to_owned()]),
        ),
        (FIRST_HASH, text("0")),
        (LAST_HASH, text("340282366920938463463374607431768211455")),
        ("throughputKBps", AttributeValue::N("0.0".to_owned())),
        ("pendingCheckpointState", number(0_u64)),
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
        (KEY, Some(number(1_u64))),
        (COUNTER, Some(AttributeValue::N("-1".to_owned()))),
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
