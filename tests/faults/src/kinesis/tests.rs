//! The proxy before ferrokinesis, asked over HTTP as a program asks Kinesis.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    Fault, KinesisPlan, Plan, Proxy,
    servers::{Kinesis, KinesisOptions},
    testing::{Caller, entries, text},
};

pub(super) const FIRST: &str = "shardId-000000000000";
pub(super) const SECOND: &str = "shardId-000000000001";

/// A stream `pings` behind a proxy.
pub(super) struct Stage {
    pub(super) kinesis: Kinesis,
    pub(super) proxy: Proxy,
    /// Asks the proxy.
    pub(super) caller: Caller,
    /// Asks the server.
    pub(super) direct: Caller,
}

impl Stage {
    pub(super) async fn of(shards: u32, plan: KinesisPlan) -> Self {
        let kinesis = Kinesis::start(KinesisOptions::default()).await;
        kinesis.create_stream("pings", shards).await;
        let plan = Plan {
            kinesis: plan,
            ..Plan::CALM
        };
        let proxy = Proxy::start(kinesis.address(), plan, 5).await;
        let caller = Caller::of(proxy.address());
        let direct = Caller::of(kinesis.address());
        Self {
            kinesis,
            proxy,
            caller,
            direct,
        }
    }
}

fn array<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().unwrap()
}

fn ids(page: &Value) -> Vec<&str> {
    let shards = array(page, "Shards").iter();
    shards
        .map(|shard| shard["ShardId"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn of_a_put_some_entries_are_stored_and_others_are_not_as_it_says() {
    let plan = KinesisPlan {
        entry_throttled: 0.2,
        entry_failed: 0.2,
        entry_stored_but_failed: 0.2,
        ..KinesisPlan::CALM
    };
    let stage = Stage::of(1, plan).await;
    let keys: Vec<String> = (0..200).map(|key| key.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let put = stage.caller.put("pings", &keys).await;

    let iterator = stage.direct.iterator("pings", FIRST).await;
    let body = json!({ "ShardIterator": iterator });
    let read = stage.direct.kinesis("GetRecords", body).await;
    let mut stored: BTreeMap<String, String> = array(&read, "Records")
        .iter()
        .map(|record| {
            (
                text(&record["PartitionKey"]),
                text(&record["SequenceNumber"]),
            )
        })
        .collect();
    let count = |fault| stage.proxy.counts().of(fault);
    let mut said = BTreeMap::new();
    for (key, entry) in keys.iter().zip(array(&put, "Records")) {
        if let Some(code) = entry["ErrorCode"].as_str() {
            *said.entry(code).or_insert(0) += 1;
            if code == "ProvisionedThroughputExceededException" {
                assert!(!stored.contains_key(*key));
            }
        } else {
            assert_eq!(stored.remove(*key), Some(text(&entry["SequenceNumber"])));
        }
    }
    let throttled = count(Fault::EntryThrottled);
    let failed = count(Fault::EntryFailed) + count(Fault::EntryStoredButFailed);
    assert_eq!(said["ProvisionedThroughputExceededException"], throttled);
    assert_eq!(said["InternalFailure"], failed);
    assert_eq!(put["FailedRecordCount"], throttled + failed);
    // What is stored but was not said to be.
    assert_eq!(stored.len() as u64, count(Fault::EntryStoredButFailed));
    for fault in [
        Fault::EntryThrottled,
        Fault::EntryFailed,
        Fault::EntryStoredButFailed,
    ] {
        assert!(count(fault) > 20, "{fault:?}: {}", count(fault));
    }
}

#[tokio::test]
async fn a_put_of_which_nothing_is_left_is_not_sent() {
    let plan = KinesisPlan {
        entry_throttled: 1.0,
        ..KinesisPlan::CALM
    };
    let stage = Stage::of(1, plan).await;
    let put = stage.caller.put("pings", &["a", "b"]).await;
    assert_eq!(put["FailedRecordCount"], 2);
    assert_eq!(array(&put, "Records").len(), 2);
}

#[tokio::test]
async fn a_call_too_many_is_refused_in_the_words_of_kinesis() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    stage.proxy.set_plan(Plan {
        throttled: 1.0,
        ..Plan::CALM
    });
    let too_many = "ProvisionedThroughputExceededException";
    for (action, name) in [
        ("PutRecords", too_many),
        ("GetRecords", too_many),
        ("ListShards", "LimitExceededException"),
        ("SubscribeToShard", "LimitExceededException"),
    ] {
        let body = entries("pings", &["a"]);
        assert_eq!(stage.caller.refused(action, body).await, name);
    }
    stage.proxy.set_plan(Plan::CALM);
    stage.caller.put("pings", &["b"]).await;
    assert_eq!(stage.direct.read("pings", FIRST, 1).await, ["b"]);
    assert_eq!(stage.proxy.counts().of(Fault::Throttled), 4);
}

#[tokio::test]
async fn only_readers_find_their_iterator_expired() {
    let plan = KinesisPlan {
        expired_iterator: 1.0,
        ..KinesisPlan::CALM
    };
    let stage = Stage::of(1, plan).await;
    stage.caller.put("pings", &["a"]).await;
    let body = json!({ "ShardIterator": stage.caller.iterator("pings", FIRST).await });
    let refused = stage.caller.refused("GetRecords", body).await;
    assert_eq!(refused, "ExpiredIteratorException");
}

#[tokio::test]
async fn shards_are_listed_by_pages() {
    let plan = KinesisPlan {
        shards_a_page: 2,
        ..KinesisPlan::CALM
    };
    let stage = Stage::of(5, plan).await;
    let mut body = json!({ "StreamName": "pings" });
    let (mut found, mut pages) = (Vec::new(), Vec::new());
    loop {
        let page = stage.caller.kinesis("ListShards", body).await;
        pages.push(ids(&page).len());
        found.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(token) = page["NextToken"].as_str() else {
            break;
        };
        body = json!({ "NextToken": token });
    }
    assert_eq!(pages, [2, 2, 1]);
    assert!(found.is_sorted());
    found.dedup();
    assert_eq!(found.len(), 5);

    let body = json!({ "StreamName": "pings", "MaxResults": 1 });
    let page = stage.caller.kinesis("ListShards", body).await;
    assert_eq!(ids(&page), [FIRST]);
    let token = text(&page["NextToken"]);
    let body = json!({ "StreamName": "pings", "NextToken": token });
    let refused = stage.caller.refused("ListShards", body).await;
    assert_eq!(refused, "InvalidArgumentException");
    let body = json!({ "NextToken": "AAAA" });
    let refused = stage.caller.refused("ListShards", body).await;
    assert_eq!(refused, "ExpiredNextTokenException");
}

#[tokio::test]
async fn a_list_of_latest_shards_has_none_that_is_closed() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    let children = stage.kinesis.split("pings", FIRST).await;
    let body = json!({ "StreamName": "pings", "ShardFilter": { "Type": "AT_LATEST" } });
    let page = stage.caller.kinesis("ListShards", body).await;
    assert_eq!(ids(&page), children);
    let body = json!({ "StreamName": "pings" });
    let page = stage.caller.kinesis("ListShards", body).await;
    assert_eq!(ids(&page).len(), 3);
}

/// Reads a shard to its end.
async fn end_of(caller: &Caller, shard: &str) -> Value {
    let mut iterator = caller.iterator("pings", shard).await;
    loop {
        let body = json!({ "ShardIterator": iterator });
        let answer = caller.kinesis("GetRecords", body).await;
        match answer["NextShardIterator"].as_str() {
            Some(next) => {
                assert!(answer["ChildShards"].is_null());
                next.clone_into(&mut iterator);
            }
            None => return answer,
        }
    }
}

#[tokio::test]
async fn at_a_shards_end_come_its_children() {
    let stage = Stage::of(2, KinesisPlan::CALM).await;
    stage.caller.put("pings", &["a", "b", "c"]).await;
    let children = stage.kinesis.split("pings", FIRST).await;
    let end = end_of(&stage.caller, FIRST).await;
    let ends = array(&end, "ChildShards");
    let named: Vec<String> = ends.iter().map(|child| text(&child["ShardId"])).collect();
    assert_eq!(named, children);
    assert_eq!(ends[0]["ParentShards"], json!([FIRST]));
    assert_eq!(ends[0]["HashKeyRange"]["StartingHashKey"], "0");

    let merged = stage.kinesis.merge("pings", &children[1], SECOND).await;
    for parent in [&children[1], SECOND] {
        let end = end_of(&stage.caller, parent).await;
        let child = &array(&end, "ChildShards")[0];
        assert_eq!(text(&child["ShardId"]), merged[0]);
        assert_eq!(child["ParentShards"], json!([children[1], SECOND]));
    }
}

#[tokio::test]
async fn who_has_not_read_all_is_behind() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    stage.caller.put("pings", &["a", "b"]).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let iterator = stage.caller.iterator("pings", FIRST).await;
    let body = json!({ "ShardIterator": iterator, "Limit": 1 });
    let read = stage.caller.kinesis("GetRecords", body).await;
    // Arrivals are in whole seconds.
    let behind = read["MillisBehindLatest"].as_u64().unwrap();
    assert!((1_200..60_000).contains(&behind), "{behind}");
    let body = json!({ "ShardIterator": iterator });
    let read = stage.caller.kinesis("GetRecords", body).await;
    assert_eq!(read["MillisBehindLatest"], 0);
}

fn at(kind: &str, number: &str) -> Value {
    json!({
        "StreamName": "pings",
        "ShardId": FIRST,
        "ShardIteratorType": kind,
        "StartingSequenceNumber": number,
    })
}

#[tokio::test]
async fn a_position_that_is_trimmed_is_refused_if_that_is_asked_for() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    let refuse = Plan {
        kinesis: KinesisPlan {
            refuse_trimmed: true,
            ..KinesisPlan::CALM
        },
        ..Plan::CALM
    };
    let put = stage.caller.put("pings", &["a"]).await;
    let trimmed = text(&put["Records"][0]["SequenceNumber"]);
    stage.kinesis.forget_before_now("pings").await;
    for put_after in [false, true] {
        if put_after {
            stage.caller.put("pings", &["b"]).await;
        }
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            stage.proxy.set_plan(Plan::CALM);
            let body = at(kind, &trimmed);
            stage.caller.kinesis("GetShardIterator", body.clone()).await;
            stage.proxy.set_plan(refuse);
            let refused = stage.caller.refused("GetShardIterator", body).await;
            assert_eq!(refused, "InvalidArgumentException");
        }
    }
    let put = stage.caller.put("pings", &["c"]).await;
    let there = text(&put["Records"][0]["SequenceNumber"]);
    let body = json!({ "StreamName": "pings" });
    let listed = stage.caller.kinesis("ListShards", body).await;
    let begin = text(&listed["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]);
    for number in [there, begin] {
        let body = at("AT_SEQUENCE_NUMBER", &number);
        stage.caller.kinesis("GetShardIterator", body).await;
    }
    stage.caller.iterator("pings", FIRST).await;
}

#[tokio::test]
async fn a_shard_is_split_right_before_a_put() {
    let stage = Stage::of(1, KinesisPlan::CALM).await;
    stage.kinesis.create_stream("others", 1).await;
    stage.proxy.split_before_put(2, "pings", FIRST);
    let shards = |put: &Value| -> Vec<String> {
        let records = array(put, "Records").iter();
        records.map(|record| text(&record["ShardId"])).collect()
    };
    let keys = ["a", "b", "c", "d", "e", "f"];
    stage.caller.put("others", &keys).await;
    let before = shards(&stage.caller.put("pings", &keys).await);
    assert_eq!(before, vec![FIRST; 6]);
    let mut after = shards(&stage.caller.put("pings", &keys).await);
    after.sort();
    after.dedup();
    assert_eq!(after, [SECOND, "shardId-000000000002"]);
    assert_eq!(stage.proxy.counts().of(Fault::Resharded), 1);

    stage
        .proxy
        .merge_before_put(1, "pings", SECOND, "shardId-000000000002");
    let merged = shards(&stage.caller.put("pings", &keys).await);
    assert_eq!(merged, vec!["shardId-000000000003"; 6]);
    assert_eq!(stage.proxy.counts().of(Fault::Resharded), 2);
}
