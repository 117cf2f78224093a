//! Storage that fails for a while: nothing acked is lost, nothing hangs, and the log comes back.

use super::{EmbeddedStream, append, batch, only_shard, read, url};
use crate::{
    AppendError, Stream,
    embedded::full_disk::{open_on, set_full},
};

/// The log's own, among the disks of tests.
const DISK: usize = 0;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_log_comes_back_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let url = url(directory.path(), "shards=1");
    let stream = EmbeddedStream::open_with(&url, open_on::<DISK>)
        .await
        .unwrap();
    append(&stream, 0).await;
    let mut shard = only_shard(&stream).await;
    assert_eq!(read(&mut *shard, 1).await[0].0, 0);

    set_full(DISK, true);
    for _ in 0..3 {
        let failed = stream
            .producer()
            .append(batch([("key".to_owned(), 1)]))
            .await
            .failed;
        assert!(
            matches!(failed[..], [(0, AppendError::Unavailable(_))]),
            "{failed:?}"
        );
    }
    set_full(DISK, false);
    while !stream
        .producer()
        .append(batch([("key".to_owned(), 2)]))
        .await
        .failed
        .is_empty()
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    append(&stream, 3).await;

    // The reader that was there before goes on; what was refused may be there or not.
    let mut counters = Vec::new();
    while counters.last() != Some(&3) {
        counters.extend(read(&mut *shard, 1).await.iter().map(|record| record.0));
    }
    counters.retain(|counter| *counter != 1);
    assert_eq!(counters, [2, 3]);
    stream.close().await.unwrap();
}
