//! What is written is what was read: every row once, in files like the archiver's own.

use std::{collections::BTreeMap, sync::Arc};

use objects::{Objects, memory::MemoryObjects};
use proptest::prelude::*;
use schemas::{Ping, Timestamp, Trip};

use super::*;
use crate::{
    draft::sha256,
    encode::{Format, ROWS_A_PAGE},
    layout::{Link, Table},
    reading::Row,
    testing::{START_MS, ping, storages::storage, trip},
};

fn partition(table: Table) -> Partition {
    Partition {
        table,
        hour: Hour::of(Timestamp(START_MS)).unwrap(),
    }
}

fn place(objects: &Arc<dyn Objects>, table: Table) -> Place {
    Place {
        storage: storage(objects),
        partition: partition(table),
        n: 1,
        digest: 7,
    }
}

fn memory() -> Arc<dyn Objects> {
    Arc::new(MemoryObjects::default())
}

/// Puts a file of rows, as a commit's.
async fn put<R: Rewritable>(objects: &Arc<dyn Objects>, n: u64, mut rows: Vec<R>) -> File {
    rows.sort_by_key(Row::key);
    let link = Link {
        shard: "s".to_owned(),
        n,
    };
    let key = link.file_key(R::TABLE, partition(R::TABLE).hour).unwrap();
    let batches = rows.chunks(ROWS_A_PAGE).map(R::as_columns);
    let bytes = Format::of(R::TABLE).unwrap().write(batches).unwrap();
    let file = File {
        table: R::TABLE,
        object: crate::commit::StoredObject {
            key: key.to_string(),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        },
        rows: rows.len() as u64,
        min_ms: 0,
        max_ms: 0,
    };
    objects.put(&key, bytes.into()).await.unwrap();
    file
}

/// A ping within the hour.
fn early(vehicle: &str, number: u64) -> Ping {
    let mut ping = ping(vehicle, 0);
    ping.name.seq = number;
    ping.time = Timestamp(partition(Table::Pings).hour.begin().0 + number as i64 * 10);
    ping
}

async fn read<R: Row>(objects: &Arc<dyn Objects>, files: &[File]) -> Vec<R> {
    let mut merge = Merge::<R>::open(&storage(objects), files).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = merge.next_of_all().await.unwrap() {
        rows.push(row);
    }
    rows
}

async fn bytes_of(objects: &Arc<dyn Objects>, file: &File) -> Vec<u8> {
    let key = Key::new(&file.object.key).unwrap();
    objects.get(&key).await.unwrap().unwrap().to_vec()
}

#[tokio::test]
async fn a_rewritten_file_has_the_bytes_that_the_archiver_would_have_written() {
    for rows in [1, ROWS_A_PAGE as u64, ROWS_A_PAGE as u64 + 1, 40_000] {
        let objects = memory();
        let pings: Vec<Ping> = (0..rows)
            .map(|n| early(&format!("v{}", n % 5), n))
            .collect();
        let halves = pings
            .iter()
            .cloned()
            .partition(|ping| ping.name.seq % 3 == 0);
        let (one, other): (Vec<Ping>, Vec<Ping>) = halves;
        let inputs = [put(&objects, 1, one).await, put(&objects, 2, other).await];
        let all = put(&objects, 3, pings).await;
        let place = place(&objects, Table::Pings);
        let written = rewrite::<Ping>(&place, &inputs, Verdict::Kept)
            .await
            .unwrap();
        let [output] = &written.outputs[..] else {
            panic!("{written:?}")
        };
        assert_eq!((output.rows, written.counts.rows), (rows, rows));
        let (expected, bytes) = (
            bytes_of(&objects, &all).await,
            bytes_of(&objects, output).await,
        );
        assert!(bytes == expected, "{rows} rows");
        assert_eq!(output.object.sha256, all.object.sha256);
        assert_eq!(output.object.bytes, bytes.len() as u64);
        let first = partition(Table::Pings).hour.begin().0;
        assert_eq!(
            (output.min_ms, output.max_ms),
            (first, first + (rows as i64 - 1) * 10)
        );
    }
}

#[tokio::test]
async fn what_is_erased_is_gone_and_an_hour_of_nothing_is_a_file_without_rows() {
    let objects = memory();
    let input = put(&objects, 1, vec![trip("r1", 1), trip("r1", 2)]).await;
    let place = place(&objects, Table::Trips);
    // They end half a minute later, in the next hour.
    let next = Place {
        partition: Partition {
            hour: Hour::of(trip("r1", 1).ended).unwrap(),
            ..place.partition
        },
        ..place
    };
    let inputs = [input];
    let written = rewrite::<Trip>(&next, &inputs, |_| Verdict::Erased)
        .await
        .unwrap();
    assert_eq!((written.counts.erased, written.counts.written), (2, 0));
    assert_eq!(written.outputs.len(), 1);
    assert_eq!(read::<Trip>(&objects, &written.outputs).await, []);
    let place = Place {
        n: 2,
        partition: partition(Table::Trips),
        ..next
    };
    let wrong = rewrite::<Trip>(&place, &inputs, Verdict::Kept)
        .await
        .unwrap_err();
    assert!(format!("{wrong:#}").contains("another hour"), "{wrong:#}");
}

#[tokio::test]
async fn many_rows_are_split_between_pages_and_lose_none() {
    let objects = memory();
    let pings: Vec<Ping> = (0..50_000).map(|n| early("v", n)).collect();
    let mut input = put(&objects, 1, pings.clone()).await;
    let inputs = [input.clone()];
    // As many bytes as three files have.
    input.object.bytes = 2 * MAX_BYTES + 1;
    let place = place(&objects, Table::Pings);
    let mut parts = Parts::new(&place, input.rows.div_ceil(3)).unwrap();
    for ping in pings.clone() {
        parts.push(ping).await.unwrap();
    }
    let outputs = parts.finish().await.unwrap();
    let rows: Vec<u64> = outputs.iter().map(|file| file.rows).collect();
    assert_eq!(rows, [32_768, 17_232]);
    assert_eq!(read::<Ping>(&objects, &outputs).await, pings);
    assert_eq!(read::<Ping>(&objects, &inputs).await, pings);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Rows of some files, repeats among them, whatever file they are in.
    #[test]
    fn every_row_is_written_once_in_the_order_of_the_table(
        rows in proptest::collection::vec((0..3_u8, 0..12_u64, 0..4_u64, 0..3_i64), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let objects = memory();
            let mut files: BTreeMap<u64, Vec<Ping>> = BTreeMap::new();
            let mut expected = BTreeMap::new();
            for (vehicle, number, file, received) in &rows {
                let mut ping = early(&format!("v{vehicle}"), *number);
                ping.received_at = Timestamp(*received);
                let known = expected.entry(ping.key()).or_insert(ping.clone());
                if ping.received_at < known.received_at {
                    *known = ping.clone();
                }
                files.entry(*file).or_default().push(ping);
            }
            let mut inputs = Vec::new();
            for (n, pings) in files {
                inputs.push(put(&objects, n, pings).await);
            }
            let place = place(&objects, Table::Pings);
            let written = rewrite::<Ping>(&place, &inputs, Verdict::Kept).await.unwrap();
            let counts = written.counts;
            assert_eq!(counts.rows, rows.len() as u64);
            assert_eq!(counts.repeats, counts.rows - expected.len() as u64);
            assert_eq!(counts.written, expected.len() as u64);
            let read = read::<Ping>(&objects, &written.outputs).await;
            assert_eq!(read, expected.into_values().collect::<Vec<_>>());
        });
    }
}
