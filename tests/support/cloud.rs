//! What stands for AWS: Kinesis, DynamoDB and S3 as others have written them, each behind a proxy
//! that fails as asked.

use std::net::SocketAddr;

use faults::{
    Call, Plan, Proxy,
    servers::{Kinesis, KinesisOptions},
};
use tokio::runtime::Runtime;

use super::moto::Moto;

/// The stream that all services are on.
pub(crate) const STREAM: &str = "rides";
/// The bucket of the archive and of the processor's state.
pub(crate) const BUCKET: &str = "city";

/// Servers of its own; ended when dropped.
pub(crate) struct Cloud {
    runtime: Runtime,
    kinesis: Kinesis,
    kinesis_proxy: Proxy,
    pub(crate) moto: Moto,
}

impl Cloud {
    /// Starts all servers, with a stream of so many shards and a bucket; None if `test` is skipped.
    pub(crate) fn start(test: &str, shards: u32, plan: Plan) -> Option<Self> {
        let moto = Moto::start(test, plan)?;
        moto.make_bucket(BUCKET);
        let runtime = Runtime::new().unwrap();
        let (kinesis, kinesis_proxy) = runtime.block_on(async {
            let kinesis = Kinesis::start(KinesisOptions::default()).await;
            kinesis.create_stream(STREAM, shards).await;
            let proxy = Proxy::start(kinesis.address(), plan, 43).await;
            (kinesis, proxy)
        });
        Some(Self {
            runtime,
            kinesis,
            kinesis_proxy,
            moto,
        })
    }

    /// The stream as the services are told of it.
    pub(crate) fn stream(&self, options: &str) -> String {
        self.stream_by(self.dynamodb(), options)
    }

    /// The same with another way to DynamoDB.
    pub(crate) fn stream_by(&self, dynamodb: SocketAddr, options: &str) -> String {
        let kinesis = self.kinesis();
        format!(
            "kinesis://{STREAM}?region=us-east-1&endpoint=http://{kinesis}\
             &dynamodb_endpoint=http://{dynamodb}&{options}"
        )
    }

    /// Where Kinesis is.
    pub(crate) fn kinesis(&self) -> SocketAddr {
        self.kinesis_proxy.address()
    }

    /// Where DynamoDB is.
    pub(crate) fn dynamodb(&self) -> SocketAddr {
        self.moto.proxy.address()
    }

    /// A place in the bucket.
    pub(crate) fn objects(&self, prefix: &str) -> String {
        let endpoint = self.moto.proxy.address();
        format!("s3://{BUCKET}/{prefix}?region=us-east-1&endpoint=http://{endpoint}")
    }

    /// From now on the stream answers nothing that helps, until [`Cloud::heal`].
    pub(crate) fn cut_stream(&self) {
        self.kinesis_proxy.set_plan(Plan {
            error_before: 0.5,
            silence_before: 0.5,
            ..Plan::CALM
        });
    }

    /// From now on nothing fails.
    pub(crate) fn heal(&self) {
        self.kinesis_proxy.set_plan(Plan::CALM);
        self.moto.heal();
    }

    /// Splits a shard in the middle; says what its children are called.
    pub(crate) fn split(&self, shard: &str) -> Vec<String> {
        self.runtime.block_on(self.kinesis.split(STREAM, shard))
    }

    /// Splits a shard in the middle right before the next records are put: their sender does not know.
    pub(crate) fn split_before_next_put(&self, shard: &str) {
        self.kinesis_proxy.split_before_put(1, STREAM, shard);
    }

    /// Merges two neighbours; says what their child is called.
    pub(crate) fn merge(&self, lower: &str, upper: &str) -> Vec<String> {
        let merging = self.kinesis.merge(STREAM, lower, upper);
        self.runtime.block_on(merging)
    }

    /// How many requests have failed.
    pub(crate) fn faults(&self) -> u64 {
        self.kinesis_proxy.counts().faults + self.moto.proxy.counts().faults
    }

    /// Who asked for what.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = self.kinesis_proxy.calls();
        calls.append(&mut self.moto.proxy.calls());
        calls.into_keys().collect()
    }
}
