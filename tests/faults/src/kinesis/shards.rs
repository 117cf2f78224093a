//! `ListShards` by pages, and what the proxy itself wants to know of shards. ferrokinesis knows no
//! page but the first, and no filter.

use serde_json::{Value, json};

use crate::{
    json,
    kinesis::stream_of,
    upstream::{Answer, Question, Upstream},
};

/// What may not stand beside a token: it says all of that.
const SAID_BY_TOKEN: [&str; 4] = [
    "StreamName",
    "StreamCreationTimestamp",
    "ExclusiveStartShardId",
    "ShardFilter",
];

/// Where a page begins. As text it is `stream/shard/filter`, of which none has a slash.
#[derive(Debug, PartialEq)]
struct Page<'a> {
    stream: &'a str,
    after: Option<&'a str>,
    filter: &'a str,
}

impl<'a> Page<'a> {
    fn of_token(token: &'a str) -> Option<Self> {
        let (stream, rest) = token.split_once('/')?;
        let (after, filter) = rest.split_once('/')?;
        let after = Some(after);
        Some(Self {
            stream,
            after,
            filter,
        })
    }

    fn of_first(stream: &'a str, body: &'a Value) -> Self {
        let filter = &body["ShardFilter"];
        let after = body["ExclusiveStartShardId"].as_str();
        Self {
            stream,
            after: after.or(filter["ShardId"].as_str()),
            filter: filter["Type"].as_str().unwrap_or_default(),
        }
    }

    /// Whether a shard is on it, as far as that is known here.
    fn has(&self, shard: &Value) -> bool {
        self.filter != "AT_LATEST" || shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null()
    }

    fn token_after(&self, shard: &Value) -> Option<String> {
        let Self { stream, filter, .. } = self;
        Some(format!("{stream}/{}/{filter}", shard["ShardId"].as_str()?))
    }
}

pub(super) fn stream_of_token(token: &str) -> Option<&str> {
    Some(Page::of_token(token)?.stream)
}

/// Lists shards, at most so many.
pub(super) async fn list(
    upstream: &Upstream,
    question: Question,
    at_most: usize,
) -> Option<Answer> {
    let body = &question.json;
    let named = stream_of(body).unwrap_or_default();
    let page = match body["NextToken"].as_str() {
        None => Page::of_first(&named, body),
        Some(_) if SAID_BY_TOKEN.iter().any(|name| !body[name].is_null()) => {
            let why = "NextToken and StreamName cannot be provided together.";
            return Some(json::refusal("InvalidArgumentException", why));
        }
        Some(token) => match Page::of_token(token) {
            Some(page) => page,
            None => {
                return Some(json::refusal(
                    "ExpiredNextTokenException",
                    "not of the proxy",
                ));
            }
        },
    };
    let mut asked = json!({ "StreamName": page.stream });
    if let Some(after) = page.after {
        asked["ExclusiveStartShardId"] = after.into();
    }
    let answer = upstream.ask(question.of_body(asked)).await?;
    let Some(Value::Array(mut shards)) = answer.json().map(|mut page| page["Shards"].take()) else {
        return Some(answer);
    };
    shards.retain(|shard| page.has(shard));
    let wanted = body["MaxResults"].as_u64().map(|wanted| wanted as usize);
    let count = wanted.map_or(at_most, |wanted| wanted.min(at_most));
    let has_more = shards.len() > count;
    shards.truncate(count);
    let mut listed = json!({ "Shards": shards });
    if has_more {
        let last = shards.last().and_then(|last| page.token_after(last));
        listed["NextToken"] = last.into();
    }
    Some(answer.of_body(&listed))
}

/// All shards of a stream.
pub(super) async fn all(upstream: &Upstream, stream: &str) -> Option<Vec<Value>> {
    let body = json!({ "StreamName": stream });
    match upstream.kinesis("ListShards", &body).await?["Shards"].take() {
        Value::Array(shards) => Some(shards),
        _ => None,
    }
}

/// A shard of a stream.
pub(super) async fn one(upstream: &Upstream, stream: &str, shard: &str) -> Option<Value> {
    let shards = all(upstream, stream).await?;
    shards.into_iter().find(|one| one["ShardId"] == shard)
}

/// The shards that go on where this one ends, as `GetRecords` names them.
pub(super) async fn children(upstream: &Upstream, stream: &str, shard: &str) -> Option<Vec<Value>> {
    let shards = all(upstream, stream).await?;
    let children = shards.iter().filter_map(|child| {
        let parents: Vec<&Value> = ["ParentShardId", "AdjacentParentShardId"]
            .iter()
            .map(|name| &child[name])
            .filter(|parent| !parent.is_null())
            .collect();
        parents.iter().any(|parent| *parent == shard).then(|| {
            json!({
                "ShardId": child["ShardId"],
                "ParentShards": parents,
                "HashKeyRange": child["HashKeyRange"],
            })
        })
    });
    Some(children.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_where_its_page_begins() {
        for filter in ["", "AT_LATEST"] {
            let body = json!({ "ShardFilter": { "Type": filter } });
            let first = Page::of_first("pings", &body);
            let token = first.token_after(&json!({ "ShardId": "shardId-1" }));
            let after = Some("shardId-1");
            let next = Page { after, ..first };
            assert_eq!(Page::of_token(&token.unwrap()), Some(next));
        }
        assert_eq!(Page::of_token("AAAA"), None);
    }
}
