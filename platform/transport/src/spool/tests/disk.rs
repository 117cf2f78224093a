//! Logs and disks that are full: nothing acked is lost, and the spool comes back.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use redb::{Database, StorageBackend, backends::FileBackend};

use super::*;
use crate::embedded::StoreError;

fn large() -> Batch {
    let mut batch = Batch::default();
    batch.add(b"ballast", &vec![b'x'; 900_000]);
    batch
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_refuses_and_takes_again_when_the_stream_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let spooled = open(&sky, directory.path()).await;
    let mut acked = Vec::new();
    for counter in 0.. {
        append(&*spooled.producer(), "cab", counter).await;
        acked.push(counter);
        assert!(counter < 200, "the spool is bounded");
        if is_unavailable(&spooled.producer().append(large()).await) {
            break;
        }
    }
    assert!(acked.len() > 20);
    // The other lane has its own share.
    append(&*spooled.backfill(), "old", 0).await;
    sky.turn(Weather::Calm);
    while !spooled.producer().append(large()).await.failed.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let kept = |taken: &[Taken]| {
        first_occurrences(taken, "cab").len() == acked.len()
            && !first_occurrences(taken, "old").is_empty()
    };
    sky.has_taken(kept).await;
    let acked = HashMap::from([("cab".to_owned(), acked)]);
    assert_kept(&sky.taken(), &acked);
}

/// Whether the disk of this file's only test with one is full.
static IS_FULL: AtomicBool = AtomicBool::new(false);

/// A file on a disk that can be full.
#[derive(Debug)]
struct Flaky(FileBackend);

fn check() -> io::Result<()> {
    if IS_FULL.load(Ordering::SeqCst) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
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

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_acked_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let settings = settings(directory.path());
    let spooled = Spooled::open_with(sky.stream(), settings, open_flaky)
        .await
        .unwrap();
    append(&*spooled.producer(), "cab", 0).await;
    IS_FULL.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(is_unavailable(
            &spooled.producer().append(batch([("cab", 1)])).await
        ));
    }
    IS_FULL.store(false, Ordering::SeqCst);
    while is_unavailable(&spooled.producer().append(batch([("cab", 2)])).await) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    append(&*spooled.producer(), "cab", 3).await;
    sky.turn(Weather::Calm);
    sky.has_taken(|taken| first_occurrences(taken, "cab").contains(&3))
        .await;
    let acked = HashMap::from([("cab".to_owned(), vec![0, 2, 3])]);
    assert_kept(&sky.taken(), &acked);
    spooled.close().await.unwrap();
}
