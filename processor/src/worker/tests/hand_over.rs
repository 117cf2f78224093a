//! What a worker leaves to the next owner of its shard, where others go on appending.

use super::*;

#[tokio::test]
async fn a_shard_that_is_handed_over_goes_on_where_reading_stopped() {
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=1").unwrap());
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let records = records();
    let (read, unread) = records.split_at(records.len() / 2);
    append(&stream, read).await;
    let drain = Drain::HandOver(Shutdown::new());
    let (mut shard, mut former) = worker(&stream, &objects, drain.clone()).await;
    loop {
        match former.next(&mut *shard).await.unwrap() {
            Next::Show => former.view.show(&mut former.state),
            Next::Take(Read::Records(batch)) => break former.process(&batch),
            _ => panic!("there is nothing to read"),
        }
    }
    append(&stream, unread).await;
    drain.shutdown().request();
    assert_eq!(former.follow(&mut *shard).await.unwrap(), End::Drained);
    assert_eq!(former.state.rides()[Phase::Completed as usize], 0);
    let stored = former.position;
    drop((shard, former));

    let (mut shard, mut next) = worker(&stream, &objects, Drain::ReadOut(Shutdown::new())).await;
    assert_eq!(next.position, stored);
    next.drain.shutdown().request();
    assert_eq!(next.follow(&mut *shard).await.unwrap(), End::Drained);
    assert_eq!(next.state.rides()[Phase::Completed as usize], RIDES);
}
