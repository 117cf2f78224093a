//! What a log of limited size must do that keeps what its groups have not read.

use std::sync::Arc;

use super::{
    reading::{self, acquire, append, counter, int_batch, read_all},
    within,
};
use crate::{AppendError, Batch, Read, Stream, StreamError};

/// Runs what holds for a log of limited size that keeps what its groups have not read. `open` gives
/// a new, empty stream with these options in its URL.
pub async fn run_bounded(open: impl AsyncFn(&str) -> Arc<dyn Stream>) {
    let small = "shards=1&max_bytes=16777216";
    within(a_full_log_refuses_until_a_group_moves_on(open(small).await)).await;
    within(what_no_group_waits_for_makes_room(open(small).await)).await;
    let forgetful = "shards=1&retention=0s";
    within(what_retention_took_is_told_as_a_gap(open(forgetful).await)).await;
    within(what_a_group_has_not_passed_is_kept(open(forgetful).await)).await;
    within(a_position_beyond_the_end_is_an_error(
        open("shards=1").await,
    ))
    .await;
}

/// A batch that takes about 60 KiB, with one record that can be counted.
fn large(number: u64) -> Batch {
    let mut batch = int_batch([("key".to_owned(), number)]);
    batch.push(
        |to| to.extend_from_slice(b"ballast"),
        |to| to.resize(to.len() + 60_000, 0),
    );
    batch
}

async fn fill(stream: &dyn Stream) -> u64 {
    for number in 0..1_000 {
        let failed = stream.producer().append(large(number)).await.failed;
        if !failed.is_empty() {
            assert!(
                failed
                    .iter()
                    .all(|(_, error)| matches!(error, AppendError::Unavailable(_)))
            );
            return number;
        }
    }
    1_000
}

async fn a_full_log_refuses_until_a_group_moves_on(stream: Arc<dyn Stream>) {
    let mut consumer = stream.consumer("group");
    let taken = fill(&*stream).await;
    assert!(taken < 1_000, "the log is bounded");
    let mut shard = acquire(&mut *consumer).await;
    let mut seen = 0;
    while seen < taken {
        let Ok(Read::Records(fetched)) = shard.read().await else {
            continue;
        };
        for record in fetched.iter().filter(|record| record.key == b"key") {
            assert_eq!(
                record.payload,
                counter(seen),
                "nothing unread was thrown away"
            );
            seen += 1;
        }
        if let Some(last) = fetched.iter().last() {
            assert!(shard.checkpoint(last.position).await.is_ok());
        }
    }
    assert!(
        stream
            .producer()
            .append(large(taken))
            .await
            .failed
            .is_empty()
    );
}

async fn what_no_group_waits_for_makes_room(stream: Arc<dyn Stream>) {
    assert_eq!(fill(&*stream).await, 1_000);
}

async fn what_retention_took_is_told_as_a_gap(stream: Arc<dyn Stream>) {
    let mut consumer = stream.consumer("group");
    let mut shard = acquire(&mut *consumer).await;
    append(&*stream, [("key".to_owned(), 0)]).await;
    let first = reading::first(&mut *shard).await.position;
    let mut number = 0;
    loop {
        number += 1;
        append(&*stream, [("key".to_owned(), number)]).await;
        let last = reading::last(&mut *shard).await.position;
        assert!(shard.checkpoint(last).await.is_ok());
        shard.seek(Some(first));
        match shard.read().await {
            Ok(Read::Gap(upto)) => {
                assert!(upto > first, "the gap ends after what was read");
                append(&*stream, [("key".to_owned(), number + 1)]).await;
                assert!(reading::first(&mut *shard).await.position > upto);
                return;
            }
            Ok(Read::Records(_)) => shard.seek(Some(last)),
            other => assert!(
                matches!(other, Ok(Read::Revoked)),
                "reading failed: {other:?}"
            ),
        }
    }
}

async fn what_a_group_has_not_passed_is_kept(stream: Arc<dyn Stream>) {
    drop(stream.consumer("slow"));
    for number in 0..30 {
        append(&*stream, [("key".to_owned(), number)]).await;
        let mut consumer = stream.consumer("fast");
        let mut shard = acquire(&mut *consumer).await;
        let last = reading::last(&mut *shard).await.position;
        assert!(shard.checkpoint(last).await.is_ok());
    }
    let counters: Vec<_> = read_all(&*stream, "slow", 30)
        .await
        .iter()
        .map(|record| record.counter)
        .collect();
    assert_eq!(counters, (0..30).collect::<Vec<_>>());
}

async fn a_position_beyond_the_end_is_an_error(stream: Arc<dyn Stream>) {
    append(&*stream, [("key".to_owned(), 0)]).await;
    let mut consumer = stream.consumer("group");
    let mut shard = acquire(&mut *consumer).await;
    let beyond = crate::Position::from_offset(1);
    shard.seek(Some(beyond));
    assert!(matches!(shard.read().await, Err(StreamError::Storage(_))));
    assert!(shard.checkpoint(beyond).await.is_err());
}
