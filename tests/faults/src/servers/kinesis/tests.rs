//! The server is asked as a program asks it, over HTTP.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::*;
use crate::testing::{Caller, text};

const FIRST: &str = "shardId-000000000000";

async fn stream_of(shards: u32) -> (Kinesis, Caller) {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream("pings", shards).await;
    let caller = Caller::of(kinesis.address());
    (kinesis, caller)
}

#[tokio::test]
async fn a_stream_takes_and_gives_records() {
    let (_kinesis, caller) = stream_of(1).await;
    let put = caller.put("pings", &["a", "b", "a"]).await;
    assert_eq!(put["FailedRecordCount"], 0);
    assert_eq!(caller.read("pings", FIRST, 3).await, ["a", "b", "a"]);
}

#[tokio::test]
async fn a_split_shard_ends_and_has_two_children() {
    let (kinesis, caller) = stream_of(1).await;
    caller.put("pings", &["a"]).await;
    let children = kinesis.split("pings", FIRST).await;
    assert_eq!(children, ["shardId-000000000001", "shardId-000000000002"]);
    let put = caller.put("pings", &["a"]).await;
    assert!(children.contains(&text(&put["Records"][0]["ShardId"])));
    // It is read to its end, though more is asked for.
    assert_eq!(caller.read("pings", FIRST, 9).await, ["a"]);
}

#[tokio::test]
async fn merged_shards_have_one_child() {
    let (kinesis, caller) = stream_of(2).await;
    let child = kinesis.merge("pings", FIRST, "shardId-000000000001").await;
    assert_eq!(child, ["shardId-000000000002"]);
    let put = caller.put("pings", &["a"]).await;
    assert_eq!(put["Records"][0]["ShardId"], "shardId-000000000002");
}

#[tokio::test]
async fn a_reader_misses_no_record_of_puts_at_once() {
    const WRITERS: usize = 8;
    const PUTS: usize = 40;
    let (kinesis, caller) = stream_of(1).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let caller = Caller::of(kinesis.address());
            tokio::spawn(async move {
                for put in 0..PUTS {
                    let keys: Vec<String> = (0..50)
                        .map(|record| format!("{writer} {put} {record}"))
                        .collect();
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    caller.put("pings", &keys).await;
                }
            })
        })
        .collect();
    let read = caller.read("pings", FIRST, WRITERS * PUTS * 50).await;
    for writer in writers {
        writer.await.unwrap();
    }
    let keys: BTreeSet<&String> = read.iter().collect();
    assert_eq!(keys.len(), WRITERS * PUTS * 50);
}

#[tokio::test]
async fn no_record_lands_in_a_shard_behind_its_read_end() {
    let (kinesis, caller) = stream_of(1).await;
    let writer = tokio::spawn({
        let caller = Caller::of(kinesis.address());
        async move {
            let mut shards = Vec::new();
            for _ in 0..300 {
                let put = caller.put("pings", &["a", "b", "c"]).await;
                let records = put["Records"].as_array().unwrap().clone();
                shards.extend(records.iter().map(|record| text(&record["ShardId"])));
            }
            shards
        }
    });
    kinesis.split("pings", FIRST).await;
    let read = caller.read("pings", FIRST, usize::MAX).await.len();
    let shards = writer.await.unwrap();
    assert_eq!(shards.iter().filter(|shard| *shard == FIRST).count(), read);
}

#[tokio::test]
async fn what_is_forgotten_is_read_no_more() {
    let (kinesis, caller) = stream_of(1).await;
    caller.put("pings", &["a", "b"]).await;
    kinesis.forget_before_now("pings").await;
    caller.put("pings", &["c"]).await;
    assert_eq!(caller.read("pings", FIRST, 1).await, ["c"]);
}

#[tokio::test]
async fn an_iterator_lives_as_long_as_it_was_said() {
    let options = KinesisOptions {
        iterator_ttl: Duration::from_secs(1),
        ..KinesisOptions::default()
    };
    let kinesis = Kinesis::start(options).await;
    kinesis.create_stream("pings", 1).await;
    let caller = Caller::of(kinesis.address());
    let iterator = caller.iterator("pings", FIRST).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let refused = caller
        .refused("GetRecords", json!({ "ShardIterator": iterator }))
        .await;
    assert_eq!(refused, "ExpiredIteratorException");
}

#[tokio::test]
async fn limits_are_enforced_if_they_are_asked_for() {
    let options = KinesisOptions {
        enforce_limits: true,
        ..KinesisOptions::default()
    };
    let kinesis = Kinesis::start(options).await;
    kinesis.create_stream("pings", 1).await;
    let caller = Caller::of(kinesis.address());
    let keys = ["a"; 500];
    let mut failed = 0;
    for _ in 0..6 {
        let put = caller.put("pings", &keys).await;
        failed += put["FailedRecordCount"].as_u64().unwrap();
    }
    assert!(failed > 0);
}

#[tokio::test]
async fn a_server_ends_when_it_is_dropped_also_for_who_is_connected() {
    let (kinesis, caller) = stream_of(1).await;
    caller.put("pings", &["a"]).await;
    drop(kinesis);
    let body = json!({ "StreamName": "pings" });
    while let Ok((status, _)) = caller.try_call("kinesis", "ListShards", &body).await {
        assert_eq!(status, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
