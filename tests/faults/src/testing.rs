//! What the tests of this crate share: a client of the plainest kind, which hides nothing.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use serde_json::{Value, json};

/// A condition that does not come about in this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks one address, as the owner of the key `key`.
pub(crate) struct Caller {
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
}

impl Caller {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: format!("http://{address}"),
        }
    }

    /// Asks by HTTP/2 without asking first whether it is understood, as Amazon's library does.
    pub(crate) fn by_http2(address: SocketAddr) -> Self {
        let client = reqwest::Client::builder().http2_prior_knowledge();
        Self {
            client: client.build().unwrap(),
            ..Self::of(address)
        }
    }

    /// A call whose answer has a head: it may be read at leisure.
    pub(crate) async fn send(
        &self,
        service: &str,
        action: &str,
        body: &Value,
    ) -> reqwest::Result<reqwest::Response> {
        let (target, content) = match service {
            "dynamodb" => ("DynamoDB_20120810", "application/x-amz-json-1.0"),
            _ => ("Kinesis_20131202", "application/x-amz-json-1.1"),
        };
        self.client
            .post(&self.url)
            .header("x-amz-target", format!("{target}.{action}"))
            .header("x-amz-date", "20300101T000000Z")
            .header("content-type", content)
            .header("authorization", authorization(service))
            .body(body.to_string())
            .send()
            .await
    }

    /// A call that is answered.
    pub(crate) async fn try_call(
        &self,
        service: &str,
        action: &str,
        body: &Value,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let answer = self.send(service, action, body).await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// A call of Kinesis that is done.
    pub(crate) async fn kinesis(&self, action: &str, body: Value) -> Value {
        let (status, answer) = self.try_call("kinesis", action, &body).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{action} of {body}: {answer}");
        answer
    }

    /// A call of Kinesis that is refused, and the name of the reason.
    pub(crate) async fn refused(&self, action: &str, body: Value) -> String {
        let (status, answer) = self.try_call("kinesis", action, &body).await.unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{action} of {body}");
        answer["__type"].as_str().unwrap().to_owned()
    }

    /// Puts records with these keys, all with the same data.
    pub(crate) async fn put(&self, stream: &str, keys: &[&str]) -> Value {
        self.kinesis("PutRecords", entries(stream, keys)).await
    }

    /// An iterator over a shard of `stream` from its first record.
    pub(crate) async fn iterator(&self, stream: &str, shard: &str) -> String {
        let body = json!({
            "StreamName": stream,
            "ShardId": shard,
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let answer = self.kinesis("GetShardIterator", body).await;
        answer["ShardIterator"].as_str().unwrap().to_owned()
    }

    /// Reads a shard to its end, or until `enough` records are read, and gives their keys in order.
    pub(crate) async fn read(&self, stream: &str, shard: &str, enough: usize) -> Vec<String> {
        let begun = Instant::now();
        let (mut keys, mut next) = (Vec::new(), Some(self.iterator(stream, shard).await));
        while let Some(iterator) = next.filter(|_| keys.len() < enough) {
            assert!(begun.elapsed() < PATIENCE, "only {keys:?} of {enough}");
            let body = json!({ "ShardIterator": iterator });
            let answer = self.kinesis("GetRecords", body).await;
            let records = answer["Records"].as_array().unwrap();
            keys.extend(records.iter().map(|record| text(&record["PartitionKey"])));
            next = answer["NextShardIterator"].as_str().map(str::to_owned);
        }
        keys
    }
}

/// The body of a `PutRecords`.
pub(crate) fn entries(stream: &str, keys: &[&str]) -> Value {
    let entry = |key: &&str| json!({ "PartitionKey": key, "Data": "eA==" });
    let entries: Vec<Value> = keys.iter().map(entry).collect();
    json!({ "StreamName": stream, "Records": entries })
}

/// A signature whose form is right.
pub(crate) fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=key/20300101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
