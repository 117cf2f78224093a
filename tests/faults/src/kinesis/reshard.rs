//! Shards that are split or merged at the worst moment: between what a client knows of them and its
//! put.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Fault, Shared, kinesis::shards, upstream::Upstream};

/// No stream is about to change for longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it is active.
const POLL: Duration = Duration::from_millis(5);

/// What is done to a stream before a put.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) stream: String,
    /// Before which put that is forwarded from now on: 1 is the next.
    pub(crate) put: u64,
    pub(crate) reshard: Reshard,
}

#[derive(Debug)]
pub(crate) enum Reshard {
    /// In the middle of its hash keys.
    Split(String),
    /// Of which the first has the hash keys below those of the second.
    Merge(String, String),
}

/// Does what was ordered before this put.
///
/// # Panics
/// Where the stream cannot be changed like that: the test is not what it is meant to be.
pub(super) async fn before_put(shared: &Shared, stream: &str) {
    for reshard in shared.reshards_due(stream) {
        let done = tokio::time::timeout(PATIENCE, reshard.apply(&shared.upstream, stream));
        let is_done = done.await.is_ok_and(|done| done.is_some());
        assert!(is_done, "{reshard:?} of {stream}");
        shared.draws(|draws| draws.counts.fault(Fault::Resharded));
    }
}

impl Shared {
    /// Counts this put, and takes what was ordered before it.
    fn reshards_due(&self, stream: &str) -> Vec<Reshard> {
        self.reshards(|orders| {
            for order in orders.iter_mut().filter(|order| order.stream == stream) {
                order.put = order.put.saturating_sub(1);
            }
            let due = orders.extract_if(.., |order| order.put == 0);
            due.map(|order| order.reshard).collect()
        })
    }
}

impl Reshard {
    async fn apply(&self, upstream: &Upstream, stream: &str) -> Option<()> {
        match self {
            Self::Split(shard) => {
                let body = json!({
                    "StreamName": stream,
                    "ShardToSplit": shard,
                    "NewStartingHashKey": middle(&shards::one(upstream, stream, shard).await?)?,
                });
                upstream.kinesis("SplitShard", &body).await?;
            }
            Self::Merge(lower, upper) => {
                let body = json!({
                    "StreamName": stream,
                    "ShardToMerge": lower,
                    "AdjacentShardToMerge": upper,
                });
                upstream.kinesis("MergeShards", &body).await?;
            }
        }
        let body = json!({ "StreamName": stream });
        loop {
            let said = upstream.kinesis("DescribeStreamSummary", &body).await?;
            if said["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
                return Some(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The first hash key of a shard's upper half.
fn middle(shard: &Value) -> Option<String> {
    let key = |name: &str| shard["HashKeyRange"][name].as_str()?.parse::<u128>().ok();
    let (first, last) = (key("StartingHashKey")?, key("EndingHashKey")?);
    Some((first + (last - first).div_ceil(2)).to_string())
}
