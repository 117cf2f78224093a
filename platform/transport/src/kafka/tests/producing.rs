//! What the producer promises beside the contract of every stream.

use super::*;
use crate::AppendError;

#[tokio::test(flavor = "multi_thread")]
async fn the_producer_begins_anew_after_an_error_that_ends_its_client() {
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(1).await;
    append(&*stream, [(1, 0)]).await;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cloud.kafka.fail(RDKafkaApiKey::Produce, &[error]);
    let failed = stream.producer().append(batch([(1, 1)])).await.failed;
    assert!(
        matches!(failed[..], [(0, AppendError::Unavailable(_))]),
        "{failed:?}"
    );
    for number in 2..50 {
        append(&*stream, [(1, number)]).await;
    }
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    let mut found = Vec::new();
    while found.last() != Some(&49) {
        found.extend(numbers(&mut *shard).await);
    }
    let expected: Vec<_> = (0..50).filter(|number| *number != 1).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_the_partition_that_javas_producer_gives_it() {
    // From the tests of Kafka's own murmur2, for seven partitions.
    let hashes: [(&str, i32); 5] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("abc", 479_470_107),
    ];
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(7).await;
    let mut keys = Batch::default();
    for (key, _) in hashes {
        keys.push(|to| to.extend_from_slice(key.as_bytes()), |to| to.push(1));
    }
    assert!(stream.producer().append(keys).await.failed.is_empty());
    let mut consumer = stream.consumer("group");
    let mut found = Vec::new();
    for _ in 0..7 {
        let mut shard = consumer.acquire().await.unwrap();
        while let Some(read) = shard.read_if_any().await.unwrap() {
            let Read::Records(fetched) = read else {
                continue;
            };
            let name = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
            let keys = fetched.iter().map(|record| name(record.key));
            found.extend(keys.map(|key| (key, shard.id().to_string())));
        }
        std::mem::forget(shard);
    }
    found.sort();
    let partition = |hash: i32| format!("partition-{}", (hash & i32::MAX) % 7);
    let mut expected: Vec<_> = hashes
        .map(|(key, hash)| (key.to_owned(), partition(hash)))
        .into();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_sender_is_gone_is_whole_or_not_there() {
    const BATCHES: u64 = 200;
    const RECORDS: u64 = 40;
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(1).await;
    let producer = stream.producer();
    for number in 0..BATCHES {
        let records = (0..RECORDS).map(|record| (1, number * RECORDS + record));
        let appending = producer.append(batch(records));
        // It is dropped at its first wait, or a little later.
        let _given_up = timeout(Duration::from_micros(number * 20), appending).await;
    }
    append(&*stream, [(1, BATCHES * RECORDS)]).await;
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    let mut found = Vec::new();
    while found.last() != Some(&(BATCHES * RECORDS)) {
        found.extend(numbers(&mut *shard).await);
    }
    assert!(found.is_sorted_by(|one, next| one < next), "in their order");
    found.pop();
    for number in 0..BATCHES {
        let count = found.iter().filter(|found| **found / RECORDS == number);
        let count = count.count() as u64;
        assert!(count == 0 || count == RECORDS, "{count} of batch {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_broker_takes_is_unavailable_and_later_records_are_taken() {
    let cloud = Cloud::start();
    let (_, stream) = cloud.stream(1).await;
    append(&*stream, [(1, 0)]).await;
    for broker in 1..=BROKERS {
        cloud.kafka.down(broker);
    }
    let failed = stream.producer().append(batch([(1, 1)])).await.failed;
    assert!(
        matches!(failed[..], [(0, AppendError::Unavailable(_))]),
        "{failed:?}"
    );
    for broker in 1..=BROKERS {
        cloud.kafka.up(broker);
    }
    append(&*stream, [(1, 2)]).await;
    assert!(stream.close().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_brokers_refuse_for_a_while_comes_once_and_in_its_order() {
    use RDKafkaRespErr as Answer;
    const ROUNDS: u64 = 6;
    let cloud = Cloud::start();
    let (topic, stream) = cloud.stream(1).await;
    // One call at a time is under way: it meets each error once, and every append its end before
    // anything more fails.
    for round in 0..ROUNDS {
        let broker = round as u32 % BROKERS + 1;
        append(&*stream, [(1, 2 * round)]).await;
        cloud.kafka.lead(&topic, 0, broker);
        cloud.kafka.down(broker);
        let errors = [
            Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Answer::RD_KAFKA_RESP_ERR__TRANSPORT,
            Answer::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        ];
        cloud.kafka.fail(RDKafkaApiKey::Produce, &errors);
        // It is under way when its broker comes back.
        let coming_back = async { cloud.kafka.up(broker) };
        tokio::join!(append(&*stream, [(1, 2 * round + 1)]), coming_back);
    }
    let mut shard = stream.consumer("group").acquire().await.unwrap();
    let mut found = Vec::new();
    while found.len() < 2 * ROUNDS as usize {
        found.extend(numbers(&mut *shard).await);
    }
    assert_eq!(found, (0..2 * ROUNDS).collect::<Vec<_>>());
}
