//! What readers promise beside the contract of every stream.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::Position;

/// Appends so much that nothing packs smaller, as records of 50 KB, each with a key of its own.
async fn append_bulk(stream: &dyn Stream, bytes: usize) {
    const RECORD: usize = 50_000;
    let mut random = StdRng::seed_from_u64(5);
    for key in 0..bytes / RECORD {
        let mut batch = Batch::default();
        let mut payload = vec![0; RECORD];
        random.fill_bytes(&mut payload);
        batch.push(
            |to| to.extend_from_slice(format!("bulk-{key}").as_bytes()),
            |to| to.extend_from_slice(&payload),
        );
        let failed = stream.producer().append(batch).await.failed;
        assert!(failed.is_empty(), "{failed:?}");
    }
}

/// Reads to the end; returns the number of records and the last position.
async fn read_out(shard: &mut dyn Shard) -> (usize, Option<Position>) {
    let (mut count, mut last) = (0, None);
    while let Some(read) = shard.read_if_any().await.unwrap() {
        if let Read::Records(fetched) = read {
            count += fetched.len();
            last = fetched.iter().last().map(|record| record.position);
        }
    }
    (count, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_has_taken_is_told_as_a_gap() {
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(1).await;
    append(&*stream, [(1, 0)]).await;
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    let (_, first) = read_out(&mut *shard).await;
    // The brokers keep 5 MB.
    append_bulk(&*stream, 8_000_000).await;
    for if_any in [false, true] {
        shard.seek(first);
        let read = if if_any {
            shard.read_if_any().await.unwrap().unwrap()
        } else {
            shard.read().await.unwrap()
        };
        let Read::Gap(until) = read else {
            panic!("no gap, but {read:?}")
        };
        assert!(until > first.unwrap());
        let Read::Records(fetched) = shard.read().await.unwrap() else {
            panic!("no records")
        };
        let next = fetched.iter().next().unwrap().position;
        assert_eq!(next.offset(), until.offset() + 1);
    }
    shard.seek(None);
    let oldest = shard.read().await.unwrap();
    assert!(
        matches!(oldest, Read::Records(_)),
        "who has read nothing misses nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_beyond_the_end_is_another_logs() {
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(1).await;
    append(&*stream, [(1, 0)]).await;
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    shard.seek(Some(Position::from_offset(0)));
    assert!(
        shard.read_if_any().await.unwrap().is_none(),
        "the end itself is no error"
    );
    for if_any in [false, true] {
        shard.seek(Some(Position::from_offset(1)));
        let read = async {
            if if_any {
                shard.read_if_any().await.err()
            } else {
                shard.read().await.err()
            }
        };
        let error = timeout(Duration::from_secs(30), read).await.unwrap();
        let error = error.unwrap().to_string();
        assert!(error.contains("another log's"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_a_leader_does_not_have_yet_is_waited_for() {
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(1).await;
    append(&*stream, [(1, 0)]).await;
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    // Offset 2 is read next, and there is only 0 so far.
    shard.seek(Some(Position::from_offset(1)));
    let catching_up = async {
        sleep(Duration::from_secs(3)).await;
        append(&*stream, [(1, 1), (1, 2)]).await;
    };
    let (found, ()) = tokio::join!(numbers(&mut *shard), catching_up);
    assert_eq!(found, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_nobody_reads_stops_no_other() {
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(2).await;
    append_bulk(&*stream, 8_000_000).await;
    let mut consumer = stream.consumer("group");
    let mut shards = [
        consumer.acquire().await.unwrap(),
        consumer.acquire().await.unwrap(),
    ];
    let [idle, busy] = &mut shards;
    // It begins, and then rests on what is read ahead for it.
    assert!(matches!(idle.read().await.unwrap(), Read::Records(_)));
    let (count, last) = read_out(&mut **busy).await;
    assert!(count > 20, "only {count}");
    busy.seek(last);
    append_bulk(&*stream, 500_000).await;
    let (more, _) = read_out(&mut **busy).await;
    assert!(more > 0, "what comes later comes too");
    let (rest, _) = read_out(&mut **idle).await;
    assert!(rest > 20, "nor is what rested lost: {rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_goes_to_another_member_once_it_was_dropped() {
    let cloud = Cloud {
        // Long enough that nobody is taken for gone while others keep the machine busy.
        options: "linger=2ms&session=9s&wait=10ms",
        ..Cloud::start()
    };
    let (topic, stream) = cloud.stream(2).await;
    append(&*stream, (0..20).map(|key| (key, 0))).await;
    let mut first = stream.consumer("group");
    let mut held = vec![
        first.acquire().await.unwrap(),
        first.acquire().await.unwrap(),
    ];
    let another = cloud.open(&topic).await;
    let mut second = another.consumer("group");
    let (told, got) = tokio::join!(
        async {
            loop {
                for shard in &mut held {
                    let told = timeout(Duration::from_millis(20), shard.read()).await;
                    if let Ok(Ok(Read::Revoked)) = told {
                        return shard.id().clone();
                    }
                }
            }
        },
        timeout(Duration::from_secs(12), second.acquire()),
    );
    assert!(got.is_err(), "it is not handed out before it was dropped");
    held.retain(|shard| *shard.id() != told);
    let got = second.acquire().await.unwrap();
    assert_eq!(*got.id(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_later_begins_there() {
    let cloud = Cloud::start();
    let (topic, stream) = cloud.stream(1).await;
    append(&*stream, (0..20).map(|number| (1, number))).await;
    let url = format!(
        "kafka://{}/{topic}?{QUICK}&start_ms=4102444800000",
        cloud.kafka.address()
    );
    let later = crate::open(&url).await.unwrap();
    let mut shard = later.consumer("later").acquire().await.unwrap();
    assert!(shard.read_if_any().await.unwrap().is_none());
    append(&*stream, [(1, 20)]).await;
    assert_eq!(numbers(&mut *shard).await, [20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_the_groups_offset() {
    let cloud = Cloud::start();
    let (topic, stream) = cloud.stream(1).await;
    append(&*stream, (0..5).map(|number| (1, number))).await;
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    let (_, last) = read_out(&mut *shard).await;
    shard.checkpoint(last.unwrap()).await.unwrap();
    let address = Address::parse(&format!("kafka://{}/{topic}", cloud.kafka.address())).unwrap();
    let name = format!("{topic}-group");
    let committed = spawn_blocking(move || {
        let client: BaseConsumer<Voice> = config::reader(&address, &name)
            .create_with_context(Voice::of("test"))
            .unwrap();
        let mut asked = rdkafka::TopicPartitionList::new();
        asked.add_partition(&topic, 0);
        let found = client.committed_offsets(asked, ANSWERS_WITHIN).unwrap();
        found.find_partition(&topic, 0).unwrap().offset()
    });
    assert_eq!(committed.await.unwrap(), rdkafka::Offset::Offset(5));
}
