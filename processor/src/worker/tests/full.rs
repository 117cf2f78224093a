//! What workers promise on a stream that takes nothing more: it is read, and has its trips then.

use super::*;

/// A stream of one shard that is full of what the processor has not read: rides, and waste.
async fn brimful() -> Arc<dyn Stream> {
    let url = "memory:?shards=1&max_bytes=16777216";
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open(url).unwrap());
    drop(stream.consumer(GROUP));
    append(&stream, &records()).await;
    for bytes in [500_000, 5_000, 10] {
        while takes(&stream, bytes).await {}
    }
    stream
}

async fn takes(stream: &Arc<dyn Stream>, bytes: usize) -> bool {
    let mut batch = Batch::default();
    batch.push(|key| key.push(b'x'), |payload| payload.resize(bytes, 0xff));
    stream.producer().append(batch).await.failed.is_empty()
}

#[tokio::test]
async fn a_full_stream_is_read_and_takes_the_trips_then() {
    let stream = brimful().await;
    let running = Running::start(stream.clone(), Arc::new(MemoryObjects::default()));
    assert_eq!(running.finish().await.len(), RIDES);
    assert_eq!(trips_of(&stream, 1).await.len(), RIDES);
}

#[tokio::test]
async fn a_worker_that_starts_tells_the_stream_where_it_is() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    // Its trips do not go there, or it might have read them too.
    let inner = brimful().await;
    let before = Running::start(Arc::new(ReadOnly { inner }), objects.clone());
    before.finish().await;
    // The same stream, as one that the last checkpoint did not reach.
    let stream = brimful().await;
    let running = Running::start(stream.clone(), objects);
    let takes_again = async {
        while !takes(&stream, 10).await {
            time::sleep(Duration::from_millis(1)).await;
        }
    };
    time::timeout(Duration::from_secs(20), takes_again)
        .await
        .unwrap();
    running.finish().await;
}

#[tokio::test]
async fn trips_that_the_stream_does_not_take_wait_in_the_snapshot() {
    let inner = full_stream().await;
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let outage = ReadOnly {
        inner: inner.clone(),
    };
    // All rides are shown meanwhile, or this would not end.
    let rides = Running::start(Arc::new(outage), objects.clone())
        .finish()
        .await;
    assert_eq!(trips(&inner).await.len(), 0);
    let again = Running::start(inner.clone(), objects.clone());
    assert_eq!(again.finish().await, rides);
    let written = trips(&inner).await;
    assert_eq!(written.len(), RIDES);
    // They are written once: what is durable has left the snapshot too.
    let end = stream_length(&inner).await;
    Running::start(inner.clone(), objects).finish().await;
    assert_eq!(stream_length(&inner).await, end);
}
