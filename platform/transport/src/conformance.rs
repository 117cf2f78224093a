//! What every backend must do, as a suite that each runs in its own tests.
//! It is test code: it panics where a promise is broken. It measures no speed.

mod bounded;
mod reading;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub use self::bounded::run_bounded;
use self::reading::{Reader, acquire, append, counter, int_batch, read_all, read_all_new};
use crate::{AppendError, Batch, Read, Stream, StreamError};

/// Whether a record may come again after a failure that left open whether it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing comes again.
    Once,
    /// What comes again comes before all that was appended later with its key.
    AtLeastOnce,
}

/// A case that is not through by then hangs. Where brokers fail all the time, each of its appends may
/// wait for one to come back.
const HANGS_AFTER: Duration = Duration::from_mins(4);

/// Runs what holds for every backend. `open` gives a new, empty stream of two shards or more.
pub async fn run(delivery: Delivery, open: impl AsyncFn() -> Arc<dyn Stream>) {
    run_delayed(delivery, &open).await;
    within(a_shard_says_that_it_is_read_to_its_end_and_then_goes_on(
        open().await,
    ))
    .await;
}

/// Runs what holds also for a stream that may show a record some time after it is durable.
pub async fn run_delayed(delivery: Delivery, open: impl AsyncFn() -> Arc<dyn Stream>) {
    within(records_come_once_and_in_the_order_of_their_key(
        delivery,
        open().await,
    ))
    .await;
    within(reading_resumes_exactly_after_a_position(open().await)).await;
    within(a_read_may_be_dropped_at_any_time(open().await)).await;
    within(every_group_reads_everything(open().await)).await;
    within(shards_are_handed_over_without_loss_or_repeat(open().await)).await;
    within(a_refused_record_does_not_touch_its_neighbours(open().await)).await;
    within(a_closed_stream_says_so(open().await)).await;
}

#[expect(clippy::expect_used, reason = "this is test code")]
async fn within(case: impl Future<Output = ()>) {
    tokio::time::timeout(HANGS_AFTER, case)
        .await
        .expect("the case hangs");
}

async fn records_come_once_and_in_the_order_of_their_key(
    delivery: Delivery,
    stream: Arc<dyn Stream>,
) {
    const APPENDERS: u64 = 8;
    const BATCHES: u64 = 40;
    const KEYS: u64 = 5;
    let appenders = (0..APPENDERS).map(|appender| {
        let producer = stream.producer();
        tokio::spawn(async move {
            for batch in 0..BATCHES {
                let keys = (0..KEYS).map(|key| (format!("{appender}-{key}"), batch));
                assert!(producer.append(int_batch(keys)).await.failed.is_empty());
            }
        })
    });
    let appenders: Vec<_> = appenders.collect();
    let count = (APPENDERS * BATCHES * KEYS) as usize;
    let records = match delivery {
        Delivery::Once => read_all(&*stream, "group", count).await,
        Delivery::AtLeastOnce => read_all_new(&*stream, "group", count).await,
    };
    for appender in appenders {
        assert!(appender.await.is_ok(), "an appender panicked");
    }
    let mut next = HashMap::<_, u64>::new();
    let mut shard_of_key = HashMap::new();
    let mut last_of_shard = HashMap::new();
    for record in records {
        let next = next.entry(record.key.clone()).or_default();
        assert_eq!(record.counter, *next, "of key {}", record.key);
        *next += 1;
        let shard = shard_of_key
            .entry(record.key)
            .or_insert_with(|| record.shard.clone());
        assert_eq!(*shard, record.shard, "a key has one shard");
        let now = (record.position, record.appended_ms);
        if let Some((position, appended_ms)) = last_of_shard.insert(record.shard, now) {
            assert!(position < now.0, "positions grow");
            assert!(appended_ms <= now.1, "the stream's clock never goes back");
        }
    }
}

async fn reading_resumes_exactly_after_a_position(stream: Arc<dyn Stream>) {
    const RECORDS: u64 = 200;
    for counter in 0..RECORDS {
        append(&*stream, [(format!("key-{}", counter % 7), counter)]).await;
    }
    let records = read_all(&*stream, "group", RECORDS as usize).await;
    let mut consumer = stream.consumer("another");
    let mut waiting: HashMap<_, Vec<_>> = HashMap::new();
    for record in records {
        waiting
            .entry(record.shard.clone())
            .or_default()
            .push(record);
    }
    let mut held = Vec::new();
    while !waiting.is_empty() {
        let mut shard = acquire(&mut *consumer).await;
        let records = waiting.remove(shard.id()).unwrap_or_default();
        for pair in records.windows(2) {
            shard.seek(Some(pair[0].position));
            let first = reading::first(&mut *shard).await;
            assert_eq!(
                (first.position, first.counter),
                (pair[1].position, pair[1].counter)
            );
            assert_eq!(
                first.appended_ms, pair[1].appended_ms,
                "times are the same at every read"
            );
        }
        shard.seek(None);
        if let Some(record) = records.first() {
            assert_eq!(reading::first(&mut *shard).await.position, record.position);
        }
        // Kept, so that it is not handed out again.
        held.push(shard);
    }
}

async fn a_read_may_be_dropped_at_any_time(stream: Arc<dyn Stream>) {
    const RECORDS: u64 = 100;
    let mut reader = Reader::join_impatient(&*stream, "group");
    for counter in 0..RECORDS {
        append(&*stream, [("key".to_owned(), counter)]).await;
        tokio::task::yield_now().await;
    }
    for expected in 0..RECORDS {
        assert_eq!(reader.new_record().await.counter, expected);
    }
}

#[expect(clippy::expect_used, reason = "this is test code")]
async fn a_shard_says_that_it_is_read_to_its_end_and_then_goes_on(stream: Arc<dyn Stream>) {
    const RECORDS: u64 = 5_000;
    append(&*stream, [("key".to_owned(), 0)]).await;
    let found = read_all(&*stream, "finder", 1).await;
    let home = found.first().expect("one record").shard.clone();
    let mut consumer = stream.consumer("group");
    let mut held = Vec::new();
    let mut shard = loop {
        let shard = acquire(&mut *consumer).await;
        if *shard.id() == home {
            break shard;
        }
        held.push(shard);
    };
    let mut newest = None;
    for round in 1..=2 {
        let more = (1..=RECORDS).map(|number| ("key".to_owned(), round * RECORDS + number));
        append(&*stream, more).await;
        let mut count = 0;
        while let Some(read) = shard.read_if_any().await.expect("the shard can be read") {
            let Read::Records(fetched) = read else {
                continue;
            };
            for record in reading::all(&home, &fetched) {
                if newest.is_none_or(|newest| record.counter > newest) {
                    newest = Some(record.counter);
                    count += 1;
                }
            }
        }
        let earlier = u64::from(round == 1);
        assert_eq!(count, RECORDS + earlier);
    }
}

async fn every_group_reads_everything(stream: Arc<dyn Stream>) {
    append(
        &*stream,
        (0..50).map(|counter| (format!("key-{counter}"), counter)),
    )
    .await;
    for group in ["one", "two"] {
        let mut counters: Vec<_> = read_all_new(&*stream, group, 50)
            .await
            .iter()
            .map(|record| record.counter)
            .collect();
        counters.sort_unstable();
        assert_eq!(counters, (0..50).collect::<Vec<_>>());
    }
}

async fn shards_are_handed_over_without_loss_or_repeat(stream: Arc<dyn Stream>) {
    let mut counter = 0;
    let mut round = || {
        counter += 1;
        (0..40).map(move |key| (format!("key-{key}"), counter))
    };
    let mut first = Reader::join(&*stream, "group");
    append(&*stream, round()).await;
    for _ in 0..40 {
        first.new_record().await;
    }
    // The first member waits in its reads when it is told.
    let mut second = Reader::join_after(&*stream, "group", &first);
    first.revoked().await;
    second.acquired().await;
    append(&*stream, round()).await;
    let mut of_second = 0;
    for _ in 0..40 {
        tokio::select! {
            record = first.new_record() => assert_eq!(record.counter, 2),
            record = second.new_record() => {
                assert_eq!(record.counter, 2);
                of_second += 1;
            }
        }
    }
    assert!(of_second > 0, "the second member has a part");
    // The second leaves: all comes back to the first.
    second.leave().await;
    append(&*stream, round()).await;
    for _ in 0..40 {
        assert_eq!(first.new_record().await.counter, 3);
    }
}

async fn a_refused_record_does_not_touch_its_neighbours(stream: Arc<dyn Stream>) {
    let mut batch = Batch::default();
    let push = |batch: &mut Batch, key: &[u8], payload: &[u8]| {
        batch.push(
            |to| to.extend_from_slice(key),
            |to| to.extend_from_slice(payload),
        );
    };
    push(&mut batch, b"key", &counter(0));
    push(&mut batch, b"key", &vec![0; 2 << 20]);
    push(&mut batch, b"key", &counter(1));
    push(&mut batch, b"", &counter(99));
    push(&mut batch, &[b'k'; 257], &counter(99));
    push(&mut batch, b"key", &counter(2));
    let failed = stream.producer().append(batch).await.failed;
    let indexes: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [1, 3, 4]);
    assert!(
        failed
            .iter()
            .all(|(_, error)| matches!(error, AppendError::Rejected(_)))
    );
    let counters: Vec<_> = read_all_new(&*stream, "group", 3)
        .await
        .iter()
        .map(|record| record.counter)
        .collect();
    assert_eq!(counters, [0, 1, 2]);
    assert!(
        stream
            .producer()
            .append(Batch::default())
            .await
            .failed
            .is_empty()
    );
}

async fn a_closed_stream_says_so(stream: Arc<dyn Stream>) {
    let producer = stream.producer();
    let mut idle = stream.consumer("idle");
    let mut shard = acquire(&mut *idle).await;
    append(&*stream, [("key".to_owned(), 0)]).await;
    let waiting = tokio::spawn(async move { while shard.read().await.is_ok() {} });
    assert!(stream.close().await.is_ok());
    assert!(waiting.await.is_ok(), "a waiting reader is told");
    assert!(matches!(idle.acquire().await, Err(StreamError::Closed)));
    let failed = producer
        .append(int_batch([("key".to_owned(), 1)]))
        .await
        .failed;
    assert!(matches!(failed[..], [(0, AppendError::Unavailable(_))]));
    assert!(stream.close().await.is_ok(), "closing again is no error");
}
