//! Storage that fails for a while: nothing acked is lost, nothing hangs, and the log comes back.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use redb::{Database, StorageBackend, backends::FileBackend};

use super::{EmbeddedStream, append, batch, only_shard, read, url};
use crate::{AppendError, Stream, embedded::store::StoreError};

/// Whether the disk of this file's only test is full.
static IS_FULL: AtomicBool = AtomicBool::new(false);

/// A file on a disk that can be full.
#[derive(Debug)]
struct Flaky(FileBackend);

fn check() -> io::Result<()> {
    let is_full = IS_FULL.load(Ordering::SeqCst);
    if is_full {
        Err(io::ErrorKind::StorageFull.into())
    } else {
        Ok(())
    }
}

impl StorageBackend for Flaky {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        check()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        check()?;
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

fn open_flaky(path: &Path) -> Result<Database, StoreError> {
    let io = |error: io::Error| StoreError::Passing(error.to_string());
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(io)?;
    Ok(Database::builder().create_with_backend(Flaky(FileBackend::new(file)?))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_log_comes_back_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let url = url(directory.path(), "shards=1");
    let stream = EmbeddedStream::open_with(&url, open_flaky).await.unwrap();
    append(&stream, 0).await;
    let mut shard = only_shard(&stream).await;
    assert_eq!(read(&mut *shard, 1).await[0].0, 0);

    IS_FULL.store(true, Ordering::SeqCst);
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
    IS_FULL.store(false, Ordering::SeqCst);
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
