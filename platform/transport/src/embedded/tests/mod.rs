//! The embedded stream over restarts, failures, kills and damage.

mod crash;
mod damage;
mod failure;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::EmbeddedStream;
use crate::{
    Batch, Read, Shard, Stream, StreamError,
    conformance::{self, Delivery},
    gather::Found,
};

fn url(directory: &Path, options: &str) -> String {
    format!("embedded://{}?{options}", directory.display())
}

async fn open(directory: &Path, options: &str) -> EmbeddedStream {
    EmbeddedStream::open(&url(directory, options))
        .await
        .unwrap()
}

fn batch(records: impl IntoIterator<Item = (String, u64)>) -> Batch {
    let mut batch = Batch::default();
    for (key, counter) in records {
        batch.push(
            |to| to.extend_from_slice(key.as_bytes()),
            |to| to.extend_from_slice(&counter.to_le_bytes()),
        );
    }
    batch
}

async fn append(stream: &EmbeddedStream, counter: u64) {
    let appended = stream
        .producer()
        .append(batch([("key".to_owned(), counter)]))
        .await;
    assert!(appended.failed.is_empty(), "{:?}", appended.failed);
}

async fn only_shard(stream: &EmbeddedStream) -> Box<dyn Shard> {
    stream.consumer("group").acquire().await.unwrap()
}

/// Counters, positions and times of the records that the next reads give, `count` of them.
async fn read(shard: &mut dyn Shard, count: usize) -> Vec<(u64, crate::Position, i64)> {
    let mut records = Vec::new();
    while records.len() < count {
        let Read::Records(fetched) = shard.read().await.unwrap() else {
            continue;
        };
        records.extend(fetched.iter().map(|record| {
            let counter = u64::from_le_bytes(record.payload.try_into().unwrap());
            (counter, record.position, record.appended_ms)
        }));
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_stream() {
    let directory = tempfile::tempdir().unwrap();
    let opened = std::cell::Cell::new(0);
    conformance::run(Delivery::Once, async || {
        opened.set(opened.get() + 1);
        let directory = directory.path().join(opened.get().to_string());
        Arc::new(open(&directory, "shards=4").await) as Arc<dyn Stream>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_a_bounded_log() {
    let directory = tempfile::tempdir().unwrap();
    let opened = std::cell::Cell::new(0);
    conformance::run_bounded(async |options: &str| {
        opened.set(opened.get() + 1);
        let stream = open(&directory.path().join(opened.get().to_string()), options).await;
        Arc::new(stream) as Arc<dyn Stream>
    })
    .await;
}

#[tokio::test]
async fn records_positions_and_times_outlast_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let stream = open(directory.path(), "shards=1").await;
    for counter in 0..5 {
        append(&stream, counter).await;
    }
    let before = read(&mut *only_shard(&stream).await, 5).await;
    stream.close().await.unwrap();

    let stream = open(directory.path(), "").await;
    append(&stream, 5).await;
    let mut shard = only_shard(&stream).await;
    let after = read(&mut *shard, 6).await;
    assert_eq!(after[..5], before);
    assert!(after[5].1 > before[4].1 && after[5].2 >= before[4].2);
    shard.seek(Some(before[2].1));
    assert_eq!(read(&mut *shard, 3).await[0].0, 3);
}

#[tokio::test]
async fn a_group_and_its_checkpoint_outlast_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let forgetful = "shards=1&retention=0s";
    let stream = open(directory.path(), forgetful).await;
    drop(stream.consumer("slow"));
    append(&stream, 0).await;
    append(&stream, 1).await;
    let mut shard = only_shard(&stream).await;
    let first = read(&mut *shard, 2).await[0].1;
    shard.checkpoint(first).await.unwrap();
    stream.close().await.unwrap();

    // Nobody has joined, but both groups are known: the slow one keeps all.
    let stream = open(directory.path(), forgetful).await;
    append(&stream, 2).await;
    append(&stream, 3).await;
    stream.close().await.unwrap();
    let stream = open(directory.path(), forgetful).await;
    let counters: Vec<_> = read(&mut *only_shard(&stream).await, 4)
        .await
        .iter()
        .map(|record| record.0)
        .collect();
    assert_eq!(counters, [0, 1, 2, 3]);
}

#[tokio::test]
async fn positions_go_on_where_all_records_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let forgetful = "shards=1&retention=0s";
    let stream = open(directory.path(), forgetful).await;
    let mut shard = only_shard(&stream).await;
    append(&stream, 0).await;
    let position = read(&mut *shard, 1).await[0].1;
    shard.checkpoint(position).await.unwrap();
    drop(shard);
    // Idle turns delete as well: wait until a reader from the beginning finds nothing.
    loop {
        let found = stream.log.reading.store.read(0, None).unwrap();
        if matches!(found, Found::CaughtUp(1)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stream.close().await.unwrap();
    let stream = open(directory.path(), "").await;
    append(&stream, 1).await;
    let mut shard = only_shard(&stream).await;
    assert!(read(&mut *shard, 1).await[0].1 > position);
}

#[tokio::test]
async fn another_number_of_shards_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), "shards=2")
        .await
        .close()
        .await
        .unwrap();
    let error = EmbeddedStream::open(&url(directory.path(), "shards=3"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("the log was made with 2"),
        "{error}"
    );
    open(directory.path(), "").await.close().await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_open_elsewhere_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let _stream = open(directory.path(), "").await;
    let error = EmbeddedStream::open(&url(directory.path(), ""))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StreamError::Storage(text) if text.contains("already open")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_queue_holds_waits_and_gets_through() {
    let directory = tempfile::tempdir().unwrap();
    let stream = open(directory.path(), "").await;
    let appends = (0..12).map(|_| {
        let producer = stream.producer();
        let mut batch = Batch::default();
        for key in 0..8_u8 {
            batch.push(|to| to.push(key), |to| to.resize(to.len() + (1 << 19), 0));
        }
        tokio::spawn(async move { producer.append(batch).await })
    });
    // 48 MiB, three times the queue.
    for append in appends.collect::<Vec<_>>() {
        assert!(append.await.unwrap().failed.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_what_is_queued() {
    let directory = tempfile::tempdir().unwrap();
    let stream = Arc::new(open(directory.path(), "shards=1").await);
    let appends = (0..50).map(|counter| {
        let producer = stream.producer();
        let append = async move { producer.append(batch([("key".to_owned(), counter)])).await };
        (counter, tokio::spawn(append))
    });
    let appends: Vec<_> = appends.collect();
    while stream.log.reading.signals.end(0) == 0 {
        tokio::task::yield_now().await;
    }
    stream.close().await.unwrap();
    let mut acked = BTreeSet::from([99]);
    for (counter, append) in appends {
        if append.await.unwrap().failed.is_empty() {
            acked.insert(counter);
        }
    }
    assert!(acked.len() > 1, "at least one was taken before the end");
    let stream = open(directory.path(), "").await;
    append(&stream, 99).await;
    let found = read(&mut *only_shard(&stream).await, acked.len()).await;
    let found: BTreeSet<_> = found.iter().map(|(counter, ..)| *counter).collect();
    assert_eq!(found, acked);
}

#[tokio::test]
async fn reading_the_file_from_any_offset_goes_on_exactly_there() {
    let directory = tempfile::tempdir().unwrap();
    let stream = open(directory.path(), "shards=1").await;
    let mut end = 0;
    for size in (1..=9).chain([300, 1, 700]) {
        let records = (end..end + size).map(|counter| ("key".to_owned(), counter));
        assert!(
            stream
                .producer()
                .append(batch(records))
                .await
                .failed
                .is_empty()
        );
        end += size;
    }
    for from in 0..=end + 1 {
        match stream.log.reading.store.read(0, Some(from)).unwrap() {
            Found::Records(fetched) => {
                let offsets: Vec<_> = fetched
                    .iter()
                    .map(|record| record.position.offset())
                    .collect();
                assert_eq!(offsets, (from..end).collect::<Vec<_>>());
            }
            Found::CaughtUp(at) => assert_eq!((at, from), (end, end)),
            Found::Beyond(at) => assert_eq!((at, from), (end, end + 1)),
            other => panic!("{other:?} at {from}"),
        }
    }
    stream.close().await.unwrap();
}
