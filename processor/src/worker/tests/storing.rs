//! What goes on while a snapshot is on its way to a storage that takes long, or never answers.

use super::*;

#[tokio::test]
async fn a_storage_that_does_not_answer_keeps_nobody_from_seeing_the_rides() {
    let inner = Arc::new(MemoryObjects::default()) as Arc<dyn Objects>;
    // It looks for a model and for a snapshot, and puts the first of these.
    let fuse = Arc::new(Fuse::burning(3));
    let silent = Arc::new(Fused {
        inner,
        fuse: fuse.clone(),
    });
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=1").unwrap());
    let mut running = Running::start(stream.clone(), silent);
    let records = records();
    let (first, rest) = records.split_at(records.len() / 2);
    append(&stream, first).await;
    fuse.blown().await;
    append(&stream, rest).await;
    let over = running.wait_until_over();
    time::timeout(Duration::from_secs(20), over).await.unwrap();
    // The trips went out as well, though no snapshot without them is stored.
    while trips_of(&stream, 1).await.len() < RIDES {
        time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_came_while_a_snapshot_was_stored_is_in_the_next_one() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let (mut shard, mut worker) = draining(&objects).await;
    let Ok(Some(Read::Records(batch))) = shard.read_if_any().await else {
        panic!("there is nothing to read")
    };
    worker.process(&batch);
    worker.begin_to_store().await.unwrap();
    assert!(worker.saver.is_storing() && worker.is_saved());
    worker.process(&batch);
    let end = worker.finish(&mut *shard, End::Drained).await.unwrap();
    assert_eq!(end, End::Drained);
    assert!(worker.is_saved());
    let stored = objects.list("_state/", None).await.unwrap();
    assert_eq!(stored.len(), 2, "{stored:?}");
}
