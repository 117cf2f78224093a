//! Sealing is a function: the same range after the same window gives the same bytes.

use arrow_array::{cast::AsArray as _, types::Int64Type};
use proptest::prelude::*;
use schemas::Timestamp;
use transport::{Read, Shard};

use super::*;
use crate::testing::{Entry, append, batches, event, ping, stream, trip};

fn link() -> Link {
    Link {
        shard: "0".to_owned(),
        n: 1,
    }
}

fn empty() -> Draft {
    Draft::new(
        link(),
        None,
        Window::default(),
        Sources::Parents(Vec::new()),
    )
}

async fn shard_of(entries: &[Entry]) -> Box<dyn Shard> {
    let stream = stream(1).await;
    append(&stream, entries).await;
    stream.consumer("g").acquire().await.unwrap()
}

async fn records(shard: &mut dyn Shard) -> Fetched {
    match shard.read().await.unwrap() {
        Read::Records(records) => records,
        other => panic!("{other:?}"),
    }
}

async fn draft_of(entries: &[Entry]) -> Draft {
    let mut shard = shard_of(entries).await;
    let mut draft = empty();
    while draft.counts.records < entries.len() as u64 {
        let _all = draft.take(&records(&mut *shard).await, None).unwrap();
    }
    draft
}

#[tokio::test]
async fn rows_go_to_the_hour_of_their_event_in_utc() {
    let entries = [
        ping("v1", 1).into(),
        ping("v1", 12).into(),
        event("r", 12).into(),
        trip("r", 1).into(),
    ];
    let (sealed, _next) = draft_of(&entries).await.seal().unwrap();
    let keys: Vec<_> = sealed
        .commit
        .files
        .iter()
        .map(|file| file.object.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "pings/dt=2026-03-01/hour=23/0-0000000001.parquet",
            "pings/dt=2026-03-02/hour=00/0-0000000001.parquet",
            "ride_events/dt=2026-03-02/hour=00/0-0000000001.parquet",
            "trips/dt=2026-03-02/hour=00/0-0000000001.parquet",
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_a_row_is_a_dead_letter_with_its_bytes() {
    let mut timeless = ping("v1", 1);
    timeless.time = Timestamp(i64::MAX);
    let entries = [
        Entry::Garbage(vec![0xff, 0x01]),
        Entry::Garbage(Vec::new()),
        timeless.into(),
    ];
    let (sealed, _next) = draft_of(&entries).await.seal().unwrap();
    let object = sealed.commit.dead_letters.unwrap();
    let (_, lines) = sealed
        .objects
        .iter()
        .find(|(key, _)| key.as_str() == object.key)
        .unwrap();
    let lines = std::str::from_utf8(lines).unwrap();
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reasons: Vec<_> = lines
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["not_protobuf", "unknown_fact", "time_out_of_range"]
    );
    assert_eq!(lines[0]["payload_hex"], "ff01");
    assert_eq!(lines[0]["key_hex"], Hex(b"fleet/v1").to_string());
    assert_eq!(sealed.commit.counts.dead_letters, 3);
}

#[tokio::test]
async fn a_number_beyond_the_signed_ones_is_kept_as_its_bits() {
    let mut beyond = ping("v1", 1);
    beyond.name = schemas::PingName {
        epoch: u64::MAX,
        seq: 1 << 63,
    };
    let (sealed, _next) = draft_of(&[beyond.into()]).await.seal().unwrap();
    let batch = batches(sealed.objects[0].1.clone()).remove(0);
    let long = |name: &str| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int64Type>()
            .value(0)
    };
    assert_eq!((long("epoch"), long("seq")), (-1, i64::MIN));
}

#[tokio::test]
async fn a_gap_is_noted_and_read_past() {
    let mut shard = shard_of(&[ping("v1", 1).into(), ping("v1", 2).into()]).await;
    let positions: Vec<Position> = records(&mut *shard)
        .await
        .iter()
        .map(|record| record.position)
        .collect();
    let mut draft = empty();
    assert_eq!(draft.skip(positions[0], None), Progress::Before);
    assert_eq!(draft.position(), Some(positions[0]));
    assert_eq!(
        draft.skip(positions[1], Some(positions[0])),
        Progress::Reached
    );
    assert_eq!(draft.position(), Some(positions[0]));
    let (sealed, next) = draft.seal().unwrap();
    assert_eq!(sealed.commit.gaps.len(), 2);
    assert_eq!(sealed.commit.range.to, positions[0].to_string());
    assert_eq!(next.position(), Some(positions[0]));
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        8 => (0_u8..3, 0_u64..40).prop_map(|(v, number)| ping(&format!("v{v}"), number).into()),
        1 => (0_u8..3, 0_i64..40).prop_map(|(ride, second)| event(&format!("r{ride}"), second).into()),
        1 => (0_u8..3, 1_u32..4).prop_map(|(ride, version)| trip(&format!("r{ride}"), version).into()),
        1 => proptest::collection::vec(any::<u8>(), 0..20).prop_map(Entry::Garbage),
    ]
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_redo_gives_the_same_bytes_in_whatever_pieces_it_is_read(
        entries in proptest::collection::vec(entry(), 1..60),
        end in any::<prop::sample::Index>(),
        stops in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        block_on(async {
            let mut shard = shard_of(&entries).await;
            let all = records(&mut *shard).await;
            let positions: Vec<Position> = all.iter().map(|record| record.position).collect();
            let to = positions[end.index(positions.len())];
            let mut whole = empty();
            let _reached = whole.take(&all, Some(to)).unwrap();

            let mut pieces = empty();
            let mut stops: Vec<_> =
                stops.iter().map(|stop| positions[stop.index(positions.len())].min(to)).collect();
            stops.sort();
            stops.push(to);
            for stop in stops {
                shard.seek(pieces.position());
                while pieces.position() < Some(stop) {
                    let _progress = pieces.take(&records(&mut *shard).await, Some(stop)).unwrap();
                }
            }

            let (whole, _next) = whole.seal().unwrap();
            let (pieces, _next) = pieces.seal().unwrap();
            assert_eq!(whole.commit, pieces.commit);
            assert_eq!(whole.objects, pieces.objects);
        });
    }
}
