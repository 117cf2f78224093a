//! Kinesis, as ferrokinesis 0.7 serves its protocol, within this process; and what tests do to a
//! stream that their program may not do itself.

mod order;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, time::Duration};

use axum::{extract::DefaultBodyLimit, middleware};
use ferrokinesis::{
    actions::{Operation, dispatch},
    create_app,
    store::{Store, StoreOptions},
    types::Shard,
};
use serde_json::{Value, json};

use crate::own_runtime::OwnRuntime;
use order::Order;

/// More than the 10 MiB of one call are in base64.
const MAX_BODY_BYTES: usize = 16 << 20;

/// How a server differs from the plainest one.
#[derive(Debug, Clone)]
pub struct KinesisOptions {
    /// Whether puts above 1 MiB or 1000 records a second and shard are throttled.
    pub enforce_limits: bool,
    /// How long an iterator lives, in whole seconds.
    pub iterator_ttl: Duration,
    /// How long a subscription to a shard lasts.
    pub subscribe_to_shard_session: Duration,
}

impl Default for KinesisOptions {
    /// As AWS has it, but without limits.
    fn default() -> Self {
        Self {
            enforce_limits: false,
            iterator_ttl: Duration::from_mins(5),
            subscribe_to_shard_session: Duration::from_mins(5),
        }
    }
}

/// A server of its own, in region `us-east-1`; it takes any key. It ends when dropped.
///
/// It stores one put at a time and no put while a shard is split or merged, as [`order`] says.
/// Its methods panic where the server refuses: they prepare a test.
pub struct Kinesis {
    address: SocketAddr,
    store: Store,
    order: Order,
    runtime: OwnRuntime,
}

impl Kinesis {
    /// Starts a server without streams.
    pub async fn start(options: KinesisOptions) -> Self {
        let runtime = OwnRuntime::start();
        // It starts tasks of its own.
        let (app, store) = runtime.run(async { create_app(options.into()) }).await;
        let order = Order::new(store.clone());
        let app = app
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(middleware::from_fn_with_state(order.clone(), order::keep));
        let address = runtime.serve(app).await;
        Self {
            address,
            store,
            order,
            runtime,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a stream of so many shards, and waits until it is active.
    pub async fn create_stream(&self, name: &str, shards: u32) {
        let body = json!({ "StreamName": name, "ShardCount": shards });
        self.order(Operation::CreateStream, body).await;
    }

    /// Splits a shard in the middle, and says what its two children are called.
    pub async fn split(&self, stream: &str, shard: &str) -> Vec<String> {
        let parent = self.shard(stream, shard).await.hash_key_range;
        let (first, last) = (parent.start_u128(), parent.end_u128());
        let middle = first + (last - first).div_ceil(2);
        let body = json!({
            "StreamName": stream,
            "ShardToSplit": shard,
            "NewStartingHashKey": middle.to_string(),
        });
        self.order(Operation::SplitShard, body).await;
        self.children(stream, shard).await
    }

    /// Merges two shards, of which `lower` has the hash keys below those of `upper`, and says what
    /// their child is called.
    pub async fn merge(&self, stream: &str, lower: &str, upper: &str) -> Vec<String> {
        let body = json!({
            "StreamName": stream,
            "ShardToMerge": lower,
            "AdjacentShardToMerge": upper,
        });
        self.order(Operation::MergeShards, body).await;
        self.children(stream, lower).await
    }

    /// Forgets every record that is in the stream now, as if its time of retention were over: a
    /// reader who has not read them never will.
    pub async fn forget_before_now(&self, stream: &str) {
        let (store, stream) = (self.store.clone(), stream.to_owned());
        let order = self.order.clone();
        let forget = async move {
            let _turn = order.turn().await;
            let records: Vec<String> = store.get_record_store(&stream).await.into_keys().collect();
            store.delete_record_keys(&stream, &records).await;
        };
        self.runtime.run(forget).await;
    }

    /// How many bytes each record of a stream has, with its key: what AWS would bill.
    pub async fn stored_bytes(&self, stream: &str) -> Vec<usize> {
        let records = self.store.get_record_store(stream).await;
        records
            .values()
            .map(|record| record.partition_key.len() + base64_bytes(&record.data))
            .collect()
    }

    /// Has an order to the server done in its turn, to its end.
    async fn order(&self, operation: Operation, body: Value) {
        let (store, order) = (self.store.clone(), self.order.clone());
        let what = body.to_string();
        let work = async move {
            let _turn = order.turn().await;
            let done = dispatch(&store, operation, body).await;
            order::settled(&store).await;
            done.map(|_| ())
        };
        let done = self.runtime.run(work).await;
        assert!(done.is_ok(), "{operation:?} of {what}: {done:?}");
    }

    async fn children(&self, stream: &str, parent: &str) -> Vec<String> {
        let is_parent = |named: &Option<String>| named.as_deref() == Some(parent);
        self.shards(stream)
            .await
            .into_iter()
            .filter(|shard| {
                is_parent(&shard.parent_shard_id) || is_parent(&shard.adjacent_parent_shard_id)
            })
            .map(|shard| shard.shard_id)
            .collect()
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    async fn shard(&self, stream: &str, name: &str) -> Shard {
        let shards = self.shards(stream).await;
        let named = shards.into_iter().find(|shard| shard.shard_id == name);
        named.expect("a shard of that name")
    }

    #[expect(clippy::expect_used, reason = "it is for tests")]
    async fn shards(&self, stream: &str) -> Vec<Shard> {
        let found = self.store.get_stream(stream).await;
        found.expect("a stream of that name").shards
    }
}

/// How many bytes a text in base64 stands for.
fn base64_bytes(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

impl From<KinesisOptions> for StoreOptions {
    /// What takes its time in AWS takes none here.
    fn from(options: KinesisOptions) -> Self {
        Self {
            create_stream_ms: 0,
            delete_stream_ms: 0,
            update_stream_ms: 0,
            shard_limit: 1_000,
            iterator_ttl_seconds: options.iterator_ttl.as_secs(),
            subscribe_to_shard_session_ms: options.subscribe_to_shard_session.as_millis() as u64,
            enforce_limits: options.enforce_limits,
            ..Self::default()
        }
    }
}
