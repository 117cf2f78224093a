//! The lanes against a service that stores, refuses, forgets to answer and reshards at will: every
//! record arrives, in the order of its key, in the shard of its key.

use proptest::prelude::*;

use super::*;
use crate::{hash_key::HashRange, kinesis::shard_map::OpenShard};

const LINGER: Duration = Duration::from_millis(100);

fn map(shards: u128) -> ShardMap {
    let width = u128::MAX / shards;
    let shards = (0..shards).map(|number| {
        let last = if number + 1 == shards {
            u128::MAX
        } else {
            (number + 1) * width - 1
        };
        OpenShard {
            id: ShardId::new(&format!("{shards}-{number}")),
            range: HashRange::new(HashKey(number * width), HashKey(last)),
        }
    });
    ShardMap::new(shards.collect()).unwrap()
}

fn ticket(index: usize) -> Ticket {
    Ticket { append: 0, index }
}

/// What a step of the service does with what is due.
#[derive(Debug, Clone)]
enum Step {
    Add {
        key: u8,
        bytes: usize,
    },
    Wait,
    Store,
    /// Stores it, but nobody hears of it.
    StoreSilently,
    Refuse,
    Reshard(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..9, 0_usize..9_000).prop_map(|(key, bytes)| Step::Add { key, bytes }),
        2 => Just(Step::Wait),
        4 => Just(Step::Store),
        1 => Just(Step::StoreSilently),
        1 => Just(Step::Refuse),
        1 => (1_u8..5).prop_map(Step::Reshard),
    ]
}

/// A service that keeps what it stores, by key.
#[derive(Default)]
struct Stored(HashMap<Vec<u8>, Vec<usize>>);

impl Stored {
    fn store(&mut self, lanes: &Lanes, outgoing: &Outgoing) {
        let range = &lanes.map.shards()[outgoing.lane].range;
        for (waiting, key, _, _) in records(&outgoing.parcel) {
            assert!(
                range.contains(HashKey::of(key)),
                "a record is in the shard of its key"
            );
            self.0
                .entry(key.to_vec())
                .or_default()
                .push(waiting.ticket.index);
        }
    }
}

proptest! {
    #[test]
    fn every_record_arrives_in_the_order_of_its_key(steps in proptest::collection::vec(step(), 1..150)) {
        let mut now = Instant::now();
        let mut lanes = Lanes::new(map(2), now);
        let mut stored = Stored::default();
        let mut added: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        let mut count = 0;
        let wait = |_| Duration::from_millis(1);
        for step in steps {
            match step {
                Step::Add { key, bytes } => {
                    let key = format!("key-{key}").into_bytes();
                    lanes.add(&key, &vec![7; bytes], ticket(count), now);
                    added.entry(key).or_default().push(count);
                    count += 1;
                }
                Step::Wait => now += LINGER,
                Step::Store => {
                    for outgoing in lanes.take_due(LINGER, usize::MAX, now) {
                        stored.store(&lanes, &outgoing);
                        lanes.stored(outgoing.lane);
                    }
                }
                Step::StoreSilently => {
                    for outgoing in lanes.take_due(LINGER, usize::MAX, now) {
                        stored.store(&lanes, &outgoing);
                        lanes.put_back(outgoing, Failure::Failed, wait, now);
                    }
                }
                Step::Refuse => {
                    for outgoing in lanes.take_due(LINGER, usize::MAX, now) {
                        lanes.put_back(outgoing, Failure::Refused, wait, now);
                    }
                }
                Step::Reshard(shards) => lanes.redirect(map(u128::from(shards)), now),
            }
        }
        for _ in 0..1_000 {
            now += Duration::from_secs(1);
            for outgoing in lanes.take_due(LINGER, usize::MAX, now) {
                stored.store(&lanes, &outgoing);
                lanes.stored(outgoing.lane);
            }
        }
        prop_assert!(lanes.is_idle());
        for (key, added) in &added {
            let mut newest = None;
            let mut first_times = Vec::new();
            for index in &stored.0[key] {
                if newest.is_none_or(|newest| *index > newest) {
                    newest = Some(*index);
                    first_times.push(*index);
                }
            }
            prop_assert_eq!(&first_times, added, "repeats may come, but nothing is overtaken");
        }
    }

    #[test]
    fn a_call_keeps_the_limits(records in proptest::collection::vec(0_usize..20_000, 1..60)) {
        let now = Instant::now();
        let mut lanes = Lanes::new(map(30), now);
        for (index, bytes) in records.iter().enumerate() {
            lanes.add(format!("key-{index}").as_bytes(), &vec![7; *bytes], ticket(index), now);
        }
        let due = lanes.take_due(Duration::ZERO, 100_000, now);
        prop_assert!(due.iter().map(|outgoing| outgoing.parcel.bytes()).sum::<usize>() <= 100_000);
        let mut taken: Vec<_> = due.iter().map(|outgoing| outgoing.lane).collect();
        taken.dedup();
        prop_assert_eq!(taken.len(), due.len(), "one parcel of a lane is under way");
    }
}

#[test]
fn a_record_waits_for_others_as_long_as_it_may_lingers_no_longer() {
    let now = Instant::now();
    let mut lanes = Lanes::new(map(1), now);
    lanes.add(b"a", b"1", ticket(0), now);
    lanes.add(b"b", b"2", ticket(1), now + LINGER / 2);
    assert!(
        lanes
            .take_due(LINGER, usize::MAX, now + LINGER / 2)
            .is_empty()
    );
    assert_eq!(lanes.next_due(LINGER, now), Some(now + LINGER));
    let due = lanes.take_due(LINGER, usize::MAX, now + LINGER);
    assert_eq!(due[0].parcel.count(), 2);
    assert_eq!(lanes.next_due(LINGER, now), None);
}

#[test]
fn what_is_full_goes_at_once() {
    let now = Instant::now();
    let mut lanes = Lanes::new(map(1), now);
    for index in 0..30 {
        lanes.add(b"a", &[7; 1_000], ticket(index), now);
    }
    let due = lanes.take_due(LINGER, usize::MAX, now);
    assert_eq!(due.len(), 1);
    assert!(due[0].parcel.bytes() <= 25_600, "it costs one unit");
    assert_eq!(due[0].parcel.count(), 24);
}

#[test]
fn what_waits_for_too_long_is_taken_out() {
    let now = Instant::now();
    let mut lanes = Lanes::new(map(1), now);
    lanes.add(b"a", b"1", ticket(0), now);
    let later = now + Duration::from_secs(30);
    lanes.add(b"a", &vec![7; 24_900], ticket(1), later);
    let older = lanes.take_older(now + Duration::from_secs(1));
    let tickets: Vec<_> = older.iter().flat_map(Parcel::tickets).collect();
    assert_eq!(tickets, [ticket(0)]);
    assert!(!lanes.is_idle());
}
