//! What a worker leaves to the next owner of its shard, where others go on appending.

use super::{starts::leave_open, *};
use crate::testing::shards::Odd;

#[tokio::test(start_paused = true)]
async fn what_is_read_is_archived_and_what_is_unread_is_the_next_owners() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let (mut worker, drain) = worker(&stream, objects.clone(), LIMITS).await;
    worker.drain = Drain::HandOver(drain.clone());
    worker.shard = Box::new(Odd {
        delay: Duration::from_secs(10),
        ..Odd::new(worker.shard)
    });
    append(&stream, &[ping("v1", 1).into()]).await;
    let running = tokio::spawn(worker.run());
    time::sleep(Duration::from_secs(15)).await;
    append(&stream, &[ping("v1", 2).into()]).await;
    drain.request();
    running.await.unwrap().unwrap();
    assert_eq!(read(&*objects).await.pings.len(), 1);
    assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
    assert_eq!(read(&*objects).await.pings.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_anothers_is_let_go_though_that_one_has_committed_first() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    let (mut worker, _drain) = worker(&stream, objects.clone(), LIMITS).await;
    let shard = Odd::new(worker.shard);
    let taken = shard.taken.clone();
    worker.shard = Box::new(shard);
    append(&stream, &[ping("v1", 1).into()]).await;
    let running = tokio::spawn(worker.run());
    time::sleep(Duration::from_secs(1)).await;
    let (new, drain) = worker_of("new", &stream, objects.clone(), LIMITS).await;
    drain.request();
    new.run().await.unwrap();
    append(&stream, &[ping("v1", 2).into()]).await;
    time::sleep(Duration::from_secs(1)).await;
    taken.notify_one();
    let ended = time::timeout(Duration::from_mins(1), running).await;
    ended.expect("it lets go").unwrap().unwrap();
    assert_eq!(read(&*objects).await.pings.len(), 1);
    assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
    assert_eq!(read(&*objects).await.pings.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_open_intent_is_left_open() {
    let stream = stream(1).await;
    let objects = Arc::new(MemoryObjects::default());
    append(&stream, &[ping("v1", 1).into()]).await;
    leave_open(&stream, objects.clone()).await;
    let (mut worker, drain) = worker(&stream, objects.clone(), LIMITS).await;
    drain.request();
    worker.drain = Drain::HandOver(drain);
    worker.run().await.unwrap();
    assert!(read(&*objects).await.commits.is_empty());
    assert!(archive(&stream, objects.clone(), &Shutdown::new()).await);
    assert_eq!(read(&*objects).await.pings.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_further_shard_is_waited_for() {
    let drain = Shutdown::new();
    drain.request();
    let (stream, objects) = (stream(4).await, Arc::new(MemoryObjects::default()));
    let began = Instant::now();
    let ended = crate::run(settings(), stream, objects, Drain::HandOver(drain)).await;
    ended.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}
