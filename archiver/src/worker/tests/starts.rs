//! What a worker finds when it starts: open intents, lost records, what another has not finished.

use transport::Position;

use super::*;
use crate::testing::shards::Odd;

/// The positions of all that is on the stream's one shard.
async fn positions(stream: &Arc<dyn Stream>) -> Vec<Position> {
    let mut shard = stream.consumer("archiver").acquire().await.unwrap();
    let mut positions = Vec::new();
    while let Some(Read::Records(records)) = shard.read_if_any().await.unwrap() {
        positions.extend(records.iter().map(|record| record.position));
    }
    positions
}

/// Fixes the range of all that is on the stream's one shard, and writes nothing of it.
pub(super) async fn leave_open(stream: &Arc<dyn Stream>, objects: Arc<dyn Objects>) {
    let mut shard = stream.consumer("archiver").acquire().await.unwrap();
    let ledger = Ledger::new(objects, shard.id().as_str(), Shutdown::new());
    let State::Open { mut draft, .. } = ledger.load(shard.lineage()).await.unwrap() else {
        panic!("the chain is closed")
    };
    while let Some(Read::Records(records)) = shard.read_if_any().await.unwrap() {
        let _all = draft.take(&records, None).unwrap();
    }
    let intent = draft.intent().unwrap();
    assert_eq!(ledger.open(&intent).await.unwrap(), Hold::Kept);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_answers_late_is_archived_to_its_end() {
    let objects = Arc::new(MemoryObjects::default());
    let stream = stream(1).await;
    append(&stream, &[ping("v1", 1).into(), ping("v1", 2).into()]).await;
    leave_open(&stream, objects.clone()).await;
    append(&stream, &[ping("v1", 3).into()]).await;
    let (mut worker, drain) = worker(&stream, objects.clone(), LIMITS).await;
    worker.shard = Box::new(Odd {
        delay: Duration::from_secs(5),
        ..Odd::new(worker.shard)
    });
    drain.request();
    worker.run().await.unwrap();
    assert_eq!(read(&*objects).await.pings.len(), 3);
}

/// Loses the stream's first records; says what the archive has then, and how many gaps.
async fn lose(lost: usize, is_open: bool) -> (usize, usize) {
    let objects = Arc::new(MemoryObjects::default());
    let stream = stream(1).await;
    append(&stream, &[ping("v1", 0).into(), ping("v1", 1).into()]).await;
    if is_open {
        leave_open(&stream, objects.clone()).await;
    }
    append(&stream, &[ping("v1", 2).into(), ping("v1", 3).into()]).await;
    let positions = positions(&stream).await;
    let (mut worker, drain) = worker(&stream, objects.clone(), LIMITS).await;
    worker.shard = Box::new(Odd {
        lost: Some(positions[lost]),
        ..Odd::new(worker.shard)
    });
    drain.request();
    worker.run().await.unwrap();
    let archive = read(&*objects).await;
    let gaps = archive.commits.iter().map(|commit| commit.gaps.len());
    (archive.pings.len(), gaps.sum())
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_has_lost_is_a_gap_and_the_rest_is_archived() {
    for lost in 0..4 {
        assert_eq!(lose(lost, false).await, (3 - lost, 1), "{lost}");
        // A gap that begins in an open range and ends behind it is one of both commits.
        let gaps = 1 + usize::from(lost > 1);
        assert_eq!(lose(lost, true).await, (3 - lost, gaps), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_was_not_stored_is_stored_at_the_next_start() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    append(&stream, &[ping("v1", 1).into()]).await;
    assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
    let (mut worker, drain) = worker(&stream, objects.clone(), LIMITS).await;
    let odd = Odd::new(worker.shard);
    let checkpoints = Arc::clone(&odd.checkpoints);
    worker.shard = Box::new(odd);
    drain.request();
    worker.run().await.unwrap();
    let committed = &read(&*objects).await.commits[0].range.to;
    let stored: Vec<_> = checkpoints
        .lock()
        .unwrap()
        .iter()
        .map(Position::to_string)
        .collect();
    assert_eq!(stored, [committed.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn one_shard_at_a_time_redoes_what_was_left_open() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    append(&stream, &[ping("v1", 1).into()]).await;
    leave_open(&stream, objects.clone()).await;
    let (worker, _drain) = worker(&stream, objects.clone(), LIMITS).await;
    let redo = Arc::clone(&worker.permits.redo);
    let anothers = redo.acquire().await.unwrap();
    let running = tokio::spawn(worker.run());
    time::sleep(Duration::from_mins(1)).await;
    assert!(read(&*objects).await.commits.is_empty());
    drop(anothers);
    let _archive = archived(&objects, 1).await;
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn of_the_windows_only_the_latest_two_stay_also_after_a_kill_before_they_were_deleted() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let left = Key::new("_windows/shard-0/0000000001.zst").unwrap();
    for number in 0..5 {
        append(&stream, &[ping("v1", number).into()]).await;
        assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
        if number == 3 {
            objects.put(&left, "left".into()).await.unwrap();
        }
    }
    let windows = objects.list("_windows/", None).await.unwrap();
    let names: Vec<_> = windows.iter().map(Key::as_str).collect();
    assert_eq!(
        names,
        [
            "_windows/shard-0/0000000004.zst",
            "_windows/shard-0/0000000005.zst"
        ]
    );
}
