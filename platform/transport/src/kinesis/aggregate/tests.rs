//! Aggregates: bytes that other programs wrote, laws, and hostile ones.

use proptest::prelude::*;

use super::*;
use crate::hash_key::HashKey;

/// Two records, written by the classes of Amazon's own consumer library.
const OF_AMAZON: &str = "f3899ac20a01610a01621a0508001a01781a0608011a027979\
                         f82e061bc4ee657e48c2a3e03e58a950";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

/// Frames a message as an aggregate.
fn framed(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, &Md5::digest(message)[..]].concat()
}

fn aggregate(records: &[(&[u8], &[u8])]) -> Aggregate {
    let mut aggregate = Aggregate::default();
    for (key, data) in records {
        aggregate.push(key, data);
    }
    aggregate
}

/// The keys and the data of an aggregate.
fn unpacked(packed: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let records = unpack(packed)?;
    let part = |range: std::ops::Range<usize>| packed[range].to_vec();
    let records = records.into_iter();
    Some(
        records
            .map(|record| (part(record.key), part(record.data)))
            .collect(),
    )
}

#[test]
fn the_bytes_are_those_of_amazons_library() {
    let packed = aggregate(&[(b"a", b"x"), (b"b", b"yy")]).finish();
    assert_eq!(packed.data, bytes(OF_AMAZON));
    assert_eq!(packed.partition_key, b"a");
}

#[test]
fn one_record_goes_plain_unless_it_looks_like_an_aggregate() {
    let packed = aggregate(&[(b"a", b"x")]).finish();
    assert_eq!(
        (&packed.partition_key[..], &packed.data[..]),
        (&b"a"[..], &b"x"[..])
    );
    let nested = bytes(OF_AMAZON);
    let packed = aggregate(&[(b"a", &nested)]).finish();
    assert_eq!(unpacked(&packed.data), Some(vec![(b"a".to_vec(), nested)]));
}

#[test]
fn an_explicit_hash_key_decides_over_the_key() {
    let message = [
        &[KEY_TAG, 1, b'a', HASH_KEY_TAG, 1, b'7'][..],
        &[
            RECORD_TAG,
            7,
            KEY_INDEX_TAG,
            0,
            HASH_KEY_INDEX_TAG,
            0,
            DATA_TAG,
            1,
            b'x',
        ],
        &[RECORD_TAG, 5, KEY_INDEX_TAG, 0, DATA_TAG, 1, b'y'],
    ];
    let packed = framed(&message.concat());
    let hashes: Vec<_> = unpack(&packed)
        .unwrap()
        .iter()
        .map(|record| record.hash)
        .collect();
    assert_eq!(hashes, [HashKey(7), HashKey::of(b"a")]);
}

#[test]
fn what_is_no_aggregate_is_plain() {
    let whole = bytes(OF_AMAZON);
    let mut wrong_digest = whole.clone();
    wrong_digest[20] ^= 1;
    for (what, record) in [
        ("nothing", vec![]),
        ("the magic alone", MAGIC.to_vec()),
        ("an empty message", framed(b"")),
        ("a wrong digest", wrong_digest),
        ("a torn end", whole[..whole.len() - 1].to_vec()),
        ("a byte too many", [&whole[..], b"!"].concat()),
        ("no message", framed(b"\xff\xff\xff")),
        (
            "a record without its data",
            framed(&[KEY_TAG, 1, b'a', RECORD_TAG, 2, KEY_INDEX_TAG, 0]),
        ),
        (
            "a record without its key",
            framed(&[KEY_TAG, 1, b'a', RECORD_TAG, 3, DATA_TAG, 1, b'x']),
        ),
        (
            "a key beyond the table",
            framed(&[
                KEY_TAG,
                1,
                b'a',
                RECORD_TAG,
                5,
                KEY_INDEX_TAG,
                1,
                DATA_TAG,
                1,
                b'x',
            ]),
        ),
        (
            "a record beyond the end",
            framed(&[RECORD_TAG, 100, KEY_INDEX_TAG, 0]),
        ),
        (
            "a length of 2^64",
            framed(&[KEY_TAG, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ),
    ] {
        assert_eq!(unpack(&record), None, "{what}");
    }
}

#[test]
fn unknown_fields_and_records_before_their_keys_are_read() {
    let message = [
        &[
            RECORD_TAG,
            8,
            KEY_INDEX_TAG,
            0,
            DATA_TAG,
            1,
            b'x',
            4 << 3 | 2,
            1,
            b't',
        ][..],
        &[5 << 3, 9, KEY_TAG, 1, b'a'],
    ];
    let packed = framed(&message.concat());
    assert_eq!(
        unpacked(&packed),
        Some(vec![(b"a".to_vec(), b"x".to_vec())])
    );
    assert_eq!(unpacked(&framed(&[KEY_TAG, 1, b'a'])), Some(vec![]));
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked_in_its_order_and_within_its_size(
        records in proptest::collection::vec(
            ("[a-e]{1,3}|[a-z]{1,200}", proptest::collection::vec(any::<u8>(), 0..400)), 2..200,
        ),
    ) {
        let mut aggregate = Aggregate::default();
        let mut expected = Vec::new();
        for (key, data) in &records {
            if !aggregate.has_room(key.as_bytes(), data) {
                break;
            }
            aggregate.push(key.as_bytes(), data);
            expected.push((key.clone().into_bytes(), data.clone()));
        }
        prop_assume!(expected.len() > 1);
        let bytes = aggregate.bytes();
        let packed = aggregate.finish();
        prop_assert_eq!(packed.data.len(), bytes);
        prop_assert!(bytes <= MAX_BYTES);
        prop_assert_eq!(&packed.partition_key, &expected[0].0);
        prop_assert_eq!(unpacked(&packed.data), Some(expected));
    }

    #[test]
    fn room_is_said_to_the_byte(lengths in proptest::collection::vec(0_usize..3_000, 1..60)) {
        let mut aggregate = Aggregate::default();
        for (number, length) in lengths.iter().enumerate() {
            let (key, data) = (number.to_string(), vec![0; *length]);
            let had_room = aggregate.has_room(key.as_bytes(), &data);
            let count = aggregate.count();
            aggregate.push(key.as_bytes(), &data);
            prop_assert_eq!(had_room, count == 0 || aggregate.bytes() <= MAX_BYTES);
            if !had_room {
                break;
            }
        }
    }

    #[test]
    fn no_message_makes_it_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = unpack(&framed(&message));
    }

    #[test]
    fn no_damage_makes_it_panic(at in 4_usize..25, to: u8) {
        let mut message = bytes(OF_AMAZON)[4..25].to_vec();
        message[at - 4] = to;
        let _ = unpack(&framed(&message));
    }
}

proptest! {
    #[test]
    fn a_record_alone_is_as_long_as_foretold(
        key in "[a-z]{1,20}",
        is_framed in any::<bool>(),
        data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let magic: &[u8] = if is_framed { &MAGIC } else { &[] };
        let data = [magic, &data].concat();
        let packed = aggregate(&[(key.as_bytes(), &data)]).finish();
        let bytes = packed.partition_key.len() + packed.data.len();
        prop_assert_eq!(Aggregate::bytes_alone(key.as_bytes(), &data), bytes);
    }
}
