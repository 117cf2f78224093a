//! The proxy's faults of the network, its turns and its notes, for whichever service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{Method, StatusCode},
};
use serde_json::json;

use super::*;
use crate::{
    servers::{self, Kinesis, KinesisOptions, Moto},
    testing::{Caller, authorization, entries},
};

const FIRST: &str = "shardId-000000000000";

/// Puts a record through a proxy of this plan, and says how it was answered and whether it is
/// stored.
async fn put(plan: Plan) -> (Option<StatusCode>, bool) {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream("pings", 1).await;
    let proxy = Proxy::start(kinesis.address(), plan, 3).await;
    let body = entries("pings", &["faulty"]);
    let answered = Caller::of(proxy.address())
        .try_call("kinesis", "PutRecords", &body)
        .await;
    let direct = Caller::of(kinesis.address());
    direct.put("pings", &["last"]).await;
    let read = direct.read("pings", FIRST, 1).await;
    assert_eq!(proxy.counts().faults, 1);
    (answered.ok().map(|(status, _)| status), read[0] == "faulty")
}

#[tokio::test]
async fn what_fails_before_is_not_done_and_what_fails_after_is() {
    let calm = Plan::CALM;
    let plan = Plan {
        error_before: 1.0,
        ..calm
    };
    let unavailable = Some(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(put(plan).await, (unavailable, false));
    let plan = Plan {
        silence_before: 1.0,
        ..calm
    };
    assert_eq!(put(plan).await, (None, false));
    let plan = Plan {
        error_after: 1.0,
        ..calm
    };
    let error = Some(StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(put(plan).await, (error, true));
    let plan = Plan {
        silence_after: 1.0,
        ..calm
    };
    assert_eq!(put(plan).await, (None, true));
    let plan = Plan {
        truncated: 1.0,
        ..calm
    };
    assert_eq!(put(plan).await, (None, true));
    let begun = Instant::now();
    let plan = Plan { slow: 1.0, ..calm };
    assert_eq!(put(plan).await, (Some(StatusCode::OK), true));
    assert!(begun.elapsed() > Duration::from_millis(300));
}

#[tokio::test]
async fn silence_is_no_answer_of_yes_to_whatever_method() {
    for silence in [
        Plan {
            silence_before: 1.0,
            ..Plan::CALM
        },
        Plan {
            silence_after: 1.0,
            ..Plan::CALM
        },
    ] {
        let server = servers::S3::start().await;
        let proxy = Proxy::start(server.address(), silence, 3).await;
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
            let url = format!("http://{}/bucket/key", proxy.address());
            let asked = reqwest::Client::new().request(method.clone(), url);
            let is_yes = match asked.send().await {
                Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
                Err(_) => false,
            };
            assert!(!is_yes, "{method} was answered by silence");
        }
    }
}

#[tokio::test]
async fn a_client_may_speak_http2_to_a_server_that_does_not() {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream("pings", 1).await;
    let proxy = Proxy::start(kinesis.address(), Plan::CALM, 3).await;
    let caller = Caller::by_http2(proxy.address());
    let body = json!({ "StreamName": "pings" });
    let answer = caller.send("kinesis", "ListShards", &body).await.unwrap();
    assert_eq!(answer.version(), axum::http::Version::HTTP_2);
    assert_eq!(answer.status(), StatusCode::OK);
    caller.put("pings", &["one", "two"]).await;
    assert_eq!(caller.read("pings", FIRST, 2).await, ["one", "two"]);
}

#[tokio::test]
async fn what_fails_fails_over_http2_too() {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream("pings", 1).await;
    let plan = Plan {
        silence_after: 1.0,
        ..Plan::CALM
    };
    let proxy = Proxy::start(kinesis.address(), plan, 3).await;
    let caller = Caller::by_http2(proxy.address());
    let body = entries("pings", &["faulty"]);
    let answered = caller.try_call("kinesis", "PutRecords", &body).await;
    assert!(answered.is_err(), "{answered:?}");
    let direct = Caller::of(kinesis.address());
    assert_eq!(direct.read("pings", FIRST, 1).await, ["faulty"]);
}

/// A server that says how many requests it has at once, and takes its time.
async fn busy() -> (SocketAddr, OwnRuntime, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let (now, seen) = (Arc::new(AtomicUsize::new(0)), most.clone());
    let serve = async move || {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // In a task, as a server that does not notice that its client left.
        let now = now.clone();
        let work = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        });
        work.await.unwrap();
    };
    let runtime = OwnRuntime::start();
    let router = Router::new().fallback(move || {
        let serve = serve.clone();
        async move { serve().await }
    });
    (runtime.serve(router).await, runtime, most)
}

/// How many requests of these actions a server has at once, if the client of the first leaves while
/// the server is at it.
async fn most_at_once(actions: [&'static str; 4]) -> usize {
    let (address, _runtime, most) = busy().await;
    let plan = Plan {
        one_at_a_time: writes,
        ..Plan::CALM
    };
    let proxy = Proxy::start(address, plan, 3).await;
    let ask = |action: &'static str| {
        let caller = Caller::of(proxy.address());
        tokio::spawn(async move {
            let body = json!({ "TableName": "leases" });
            let call = caller.try_call("dynamodb", action, &body);
            call.await.unwrap();
        })
    };
    let first = ask(actions[0]);
    while most.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    let others: Vec<_> = actions[1..].iter().map(|action| ask(action)).collect();
    for other in others {
        other.await.unwrap();
    }
    most.load(Ordering::SeqCst)
}

#[tokio::test]
async fn writes_come_one_at_a_time_and_beside_no_read_though_their_clients_leave() {
    let writes = ["PutItem", "UpdateItem", "UpdateItem", "DeleteItem"];
    assert_eq!(most_at_once(writes).await, 1);
    let reads = ["GetItem", "Query", "Scan", "GetItem"];
    assert!(most_at_once(reads).await > 1);
    let read_and_writes = ["Scan", "UpdateItem", "PutItem", "DeleteItem"];
    assert_eq!(most_at_once(read_and_writes).await, 1);
}

#[tokio::test]
async fn a_seed_draws_the_same_faults_again() {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    let mut runs = Vec::new();
    for seed in [8, 8, 9] {
        let proxy = Proxy::start(kinesis.address(), Plan::each(10), seed).await;
        let caller = Caller::of(proxy.address());
        let mut statuses = Vec::new();
        for _ in 0..60 {
            let body = json!({ "StreamName": "missing" });
            let call = caller.try_call("kinesis", "ListShards", &body).await;
            statuses.push(call.ok().map(|(status, _)| status));
        }
        runs.push((statuses, proxy.counts()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let counts = runs[0].1;
    assert_eq!(counts.requests, 60);
    let kinds = [
        Fault::ErrorBefore,
        Fault::SilenceBefore,
        Fault::ErrorAfter,
        Fault::SilenceAfter,
        Fault::Truncated,
        Fault::Slow,
    ];
    let sum: u64 = kinds.iter().map(|kind| counts.of(*kind)).sum();
    assert_eq!(sum, counts.faults);
    assert_eq!(counts.of(Fault::None), 60 - sum);
    assert!(sum > 20);
}

#[tokio::test]
async fn services_say_each_in_its_words_that_it_is_too_much() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let plan = Plan {
        throttled: 1.0,
        ..Plan::CALM
    };
    let proxy = Proxy::start(nobody, plan, 3).await;
    let caller = Caller::of(proxy.address());
    let body = json!({ "TableName": "leases" });
    let call = caller.try_call("dynamodb", "UpdateItem", &body);
    let (status, said) = call.await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(said["__type"], "ThrottlingException");
    let url = format!("{}/rides/a", caller.url);
    let answer = caller.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("<Code>SlowDown</Code>")
    );
}

#[tokio::test]
async fn every_call_is_noted_also_if_it_fails() {
    let kinesis = Kinesis::start(KinesisOptions::default()).await;
    kinesis.create_stream("pings", 3).await;
    let plan = Plan {
        kinesis: KinesisPlan {
            shards_a_page: 1,
            ..KinesisPlan::CALM
        },
        ..Plan::CALM
    };
    let proxy = Proxy::start(kinesis.address(), plan, 3).await;
    let caller = Caller::of(proxy.address());
    caller.put("pings", &["a"]).await;
    let body = json!({ "StreamName": "pings" });
    let page = caller.kinesis("ListShards", body).await;
    let body = json!({ "NextToken": page["NextToken"] });
    caller.kinesis("ListShards", body).await;
    let body = json!({ "ShardIterator": caller.iterator("pings", FIRST).await });
    caller.kinesis("GetRecords", body).await;
    proxy.set_plan(Plan {
        error_before: 1.0,
        ..Plan::CALM
    });
    let url = format!("{}/rides/a", caller.url);
    let put = caller.client.put(url);
    put.header("authorization", authorization("s3"))
        .send()
        .await
        .unwrap();

    let noted: Vec<_> = proxy.calls().into_iter().collect();
    let call = |service: &str, action: &str, resource: &str| Call {
        access_key: "key".to_owned(),
        service: service.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
    };
    let expected = [
        (call("kinesis", "GetRecords", "pings"), 1),
        (call("kinesis", "GetShardIterator", "pings"), 1),
        (call("kinesis", "ListShards", "pings"), 2),
        (call("kinesis", "PutRecords", "pings"), 1),
        (call("s3", "PutObject", "rides/a"), 1),
    ];
    assert_eq!(noted, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_takes_at_once_of_one_lease_one_succeeds() {
    const ROUNDS: usize = 40;
    const TAKERS: usize = 8;
    let Some(moto) = Moto::start("of_takes_at_once_of_one_lease_one_succeeds") else {
        return;
    };
    let plan = Plan {
        one_at_a_time: writes,
        ..Plan::CALM
    };
    let proxy = Proxy::start(moto.address(), plan, 3).await;
    let caller = Caller::of(proxy.address());
    let table = json!({
        "TableName": "leases",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "leaseKey", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "leaseKey", "KeyType": "HASH" }],
    });
    let call = caller.try_call("dynamodb", "CreateTable", &table).await;
    assert_eq!(call.unwrap().0, StatusCode::OK);
    for round in 0..ROUNDS {
        let takers: Vec<_> = (0..TAKERS)
            .map(|taker| {
                let caller = Caller::of(proxy.address());
                let take = json!({
                    "TableName": "leases",
                    "Key": { "leaseKey": { "S": round.to_string() } },
                    "UpdateExpression": "SET leaseOwner = :me",
                    "ConditionExpression": "attribute_not_exists(leaseOwner)",
                    "ExpressionAttributeValues": { ":me": { "S": taker.to_string() } },
                });
                tokio::spawn(async move {
                    let call = caller.try_call("dynamodb", "UpdateItem", &take).await;
                    call.unwrap().0
                })
            })
            .collect();
        let mut taken = 0;
        for taker in takers {
            taken += usize::from(taker.await.unwrap() == StatusCode::OK);
        }
        assert_eq!(taken, 1, "in round {round}");
    }
}
