//! Logs and disks that are full: nothing acked is lost, and the spool comes back.

use super::*;
use crate::embedded::full_disk::{open_on, set_full};

/// The spool's, among the disks of tests.
const DISK: usize = 1;

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

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_acked_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let sky = Sky::new(Weather::Down);
    let settings = settings(directory.path());
    let spooled = Spooled::open_with(sky.stream(), settings, open_on::<DISK>)
        .await
        .unwrap();
    append(&*spooled.producer(), "cab", 0).await;
    set_full(DISK, true);
    for _ in 0..3 {
        assert!(is_unavailable(
            &spooled.producer().append(batch([("cab", 1)])).await
        ));
    }
    set_full(DISK, false);
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
