//! `GetRecords`: at a shard's end come its children, and an answer says how far behind it is.
//! ferrokinesis says neither.

use std::time::{SystemTime, UNIX_EPOCH};

use ferrokinesis::shard_iterator::decode_shard_iterator;
use serde_json::Value;

use crate::{
    kinesis::shards,
    upstream::{Answer, Question, Upstream},
};

/// One answer holds so many records, if it is not told otherwise.
const MOST_RECORDS: u64 = 10_000;

pub(super) async fn get(upstream: &Upstream, question: Question) -> Option<Answer> {
    let limit = question.json["Limit"].as_u64().unwrap_or(MOST_RECORDS);
    let iterator = question.json["ShardIterator"].as_str().map(str::to_owned);
    let answer = upstream.ask(question).await?;
    let Some(mut page) = answer.json() else {
        return Some(answer);
    };
    if page["NextShardIterator"].is_null() {
        let (_, stream, shard, _) = decode_shard_iterator(&iterator?).ok()?;
        let children = shards::children(upstream, &stream, &shard).await?;
        page["ChildShards"] = children.into();
        return Some(answer.of_body(&page));
    }
    let records = page["Records"].as_array().map_or(&[][..], Vec::as_slice);
    // One that is not full has all that there is.
    let is_full = records.len() as u64 >= limit;
    let Some(last) = records.last().filter(|_| is_full) else {
        return Some(answer);
    };
    page["MillisBehindLatest"] = millis_since(&last["ApproximateArrivalTimestamp"])?.into();
    Some(answer.of_body(&page))
}

/// How long ago this was, which is in seconds since 1970.
fn millis_since(arrival: &Value) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let since = now.as_secs_f64() - arrival.as_f64()?;
    Some((since.max(0.0) * 1_000.0) as u64)
}
