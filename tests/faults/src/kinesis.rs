//! Calls of Kinesis: what fails in them that fails nowhere else, and what ferrokinesis answers
//! otherwise than Kinesis. Each part takes one action, asks the server, and mends the answer.

mod entries;
mod records;
mod reshard;
mod shards;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod tests;
mod trimmed;

use axum::http::{HeaderMap, header};
use ferrokinesis::shard_iterator::decode_shard_iterator;
use serde_json::Value;

use crate::{
    Plan, Shared, json,
    upstream::{Answer, Question},
};
pub(crate) use reshard::{Order, Reshard};

/// Whether a request is a call of Kinesis whose body can be read here.
pub(crate) fn is_understood(headers: &HeaderMap) -> bool {
    json::service(headers) == Some("kinesis")
        && headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes() == json::CONTENT_TYPE.as_bytes())
}

/// Has the server do what a client asked. None where it does not answer.
pub(crate) async fn ask(shared: &Shared, question: Question, plan: &Plan) -> Option<Answer> {
    let upstream = &shared.upstream;
    match json::action(&question.headers).unwrap_or_default() {
        "PutRecords" => entries::put(shared, question).await,
        "GetRecords" => records::get(upstream, question).await,
        "ListShards" => shards::list(upstream, question, plan.kinesis.shards_a_page).await,
        "GetShardIterator" | "SubscribeToShard" if plan.kinesis.refuse_trimmed => {
            trimmed::refuse(upstream, question).await
        }
        _ => upstream.ask(question).await,
    }
}

/// The name of the stream that a request speaks of, in whichever way.
pub(crate) fn stream_of(body: &Value) -> Option<String> {
    if let Some(name) = body["StreamName"].as_str() {
        return Some(name.to_owned());
    }
    if let Some(arn) = body["StreamARN"].as_str().or(body["ConsumerARN"].as_str()) {
        let (_, name) = arn.split_once(":stream/")?;
        return Some(name.split('/').next()?.to_owned());
    }
    if let Some(iterator) = body["ShardIterator"].as_str() {
        return Some(decode_shard_iterator(iterator).ok()?.1);
    }
    shards::stream_of_token(body["NextToken"].as_str()?).map(str::to_owned)
}
