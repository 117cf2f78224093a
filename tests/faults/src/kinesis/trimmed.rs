//! Positions before the first record that a shard still has are refused. ferrokinesis reads on at
//! that record as if nothing were missing.

use serde_json::{Value, json};

use crate::{
    json,
    kinesis::{shards, stream_of},
    upstream::{Answer, Question, Upstream},
};

/// Asks for an iterator or a subscription, if the record that it starts from is there.
pub(super) async fn refuse(upstream: &Upstream, question: Question) -> Option<Answer> {
    if let Some(position) = Position::of(&question.json)
        && position.is_trimmed(upstream).await?
    {
        let why = "The record of this sequence number is trimmed, says the proxy";
        return Some(json::refusal("InvalidArgumentException", why));
    }
    upstream.ask(question).await
}

/// A record that something starts at or after.
struct Position {
    stream: String,
    shard: String,
    number: String,
}

impl Position {
    fn of(body: &Value) -> Option<Self> {
        let number = [
            &body["StartingSequenceNumber"],
            &body["StartingPosition"]["SequenceNumber"],
        ];
        Some(Self {
            stream: stream_of(body)?,
            shard: body["ShardId"].as_str()?.to_owned(),
            number: number.iter().find_map(|number| number.as_str())?.to_owned(),
        })
    }

    async fn is_trimmed(&self, upstream: &Upstream) -> Option<bool> {
        let shard = shards::one(upstream, &self.stream, &self.shard).await?;
        let begin = shard["SequenceNumberRange"]["StartingSequenceNumber"].as_str()?;
        // There is no record at a shard's begin that could be trimmed.
        if self.number == begin {
            return Some(false);
        }
        let body = json!({
            "StreamName": self.stream,
            "ShardId": self.shard,
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let iterator = upstream.kinesis("GetShardIterator", &body).await?;
        let body = json!({ "ShardIterator": iterator["ShardIterator"], "Limit": 1 });
        let records = upstream.kinesis("GetRecords", &body).await?;
        let first = records["Records"][0]["SequenceNumber"].as_str();
        Some(first.is_none_or(|first| is_below(&self.number, first)))
    }
}

/// Sequence numbers are too large for a number's type.
fn is_below(number: &str, other: &str) -> bool {
    (number.len(), number) < (other.len(), other)
}
