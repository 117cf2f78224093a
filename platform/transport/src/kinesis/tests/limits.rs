//! What the service does not take: too much at once, and records that are too long.

use super::*;
use crate::AppendError;

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_refuses_gets_all_it_has_room_for() {
    const RECORDS: usize = 120;
    let test = "kinesis: a_shard_that_refuses_gets_all_it_has_room_for";
    let options = KinesisOptions {
        enforce_limits: true,
        ..Default::default()
    };
    let Some(cloud) = Cloud::start(test, options, Plan::CALM).await else {
        return;
    };
    let (name, first) = cloud.stream(1, QUICK).await;
    // Two producers know nothing of each other, and want three seconds' worth together.
    let second = cloud.open(&name, QUICK).await;
    let appending = [first.producer(), second.producer()].map(|producer| {
        let mut batch = Batch::default();
        for key in 0..RECORDS {
            batch.push(
                |to| to.extend_from_slice(format!("key-{key}").as_bytes()),
                |to| to.resize(to.len() + 12_000, 7),
            );
        }
        tokio::spawn(async move { producer.append(batch).await })
    });
    for appending in appending {
        assert!(appending.await.unwrap().failed.is_empty());
    }
    let mut shard = first.consumer("group").acquire().await.unwrap();
    let mut count = 0;
    while count < 2 * RECORDS {
        if let Read::Records(fetched) = shard.read().await.unwrap() {
            count += fetched.len();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_grows_beyond_the_limit_is_refused_alone() {
    let test = "kinesis: a_record_that_grows_beyond_the_limit_is_refused_alone";
    let Some(cloud) = Cloud::start(test, KinesisOptions::default(), Plan::CALM).await else {
        return;
    };
    let (_name, stream) = cloud.stream(1, QUICK).await;
    // What begins like an aggregate is packed into one, lest readers take it apart.
    let framed = [0xf3, 0x89, 0x9a, 0xc2];
    let mut batch = Batch::default();
    for (first, bytes) in [
        (&framed[..], (1 << 20) - 1),
        (b"not", (1 << 20) - 1),
        (&framed, 100),
    ] {
        batch.push(
            |to| to.push(b'k'),
            |to| {
                let end = to.len() + bytes;
                to.extend_from_slice(first);
                to.resize(end, 7);
            },
        );
    }
    let failed = stream.producer().append(batch).await.failed;
    let refused: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(refused, [0], "{failed:?}");
    assert!(
        matches!(&failed[0].1, AppendError::Rejected(_)),
        "{failed:?}"
    );
}
