//! The calls to Kinesis, each with its time limit, and in the terms of this crate. Nothing is tried
//! again here: what a repeat does is known by whoever calls.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_kinesis::{
    Client,
    operation::get_records::GetRecordsOutput,
    primitives::{Blob, DateTime},
    types::{PutRecordsRequestEntry, PutRecordsResultEntry, Shard, ShardIteratorType},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tokio::time::sleep;

use super::{
    address::Address,
    aggregate::Packed,
    listing::{ListShards, ListedShard},
    trouble::Trouble,
};
use crate::{
    ShardId, StreamError, backoff,
    hash_key::{HashKey, HashRange},
    sequence::Sequence,
};

/// A connection that takes longer comes to nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A call gets so long, with up to 10 MiB in it.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A page of shards (the most that Kinesis gives).
const PAGE: i32 = 1_000;
/// A list of more shards than this is no list.
const MAX_SHARDS: usize = 100_000;
/// A call that may be made again is made so often before whoever wants it is told.
const TRIES: u32 = 5;

/// One stream of Kinesis.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    client: Client,
    stream: String,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest record kept.
    Oldest,
    /// At the record of this number.
    At(Sequence),
    /// At the first record that came at this time or later, Unix ms UTC.
    Time(i64),
}

/// The configuration of all clients that `address` asks for, by the SDK's default chain.
pub(crate) async fn configure(address: &Address, loader: ConfigLoader) -> SdkConfig {
    let https = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT);
    let mut loader = loader
        .behavior_version(BehaviorVersion::latest())
        .http_client(https)
        // Tries are counted here, where it is known what a repeat does.
        .retry_config(RetryConfig::disabled())
        // The time limit of each call is enough, and a subscription may be silent.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts.build());
    if let Some(region) = &address.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}

impl Service {
    /// The stream that `address` names.
    pub(crate) fn new(address: &Address, shared: &SdkConfig) -> Self {
        let mut config = aws_sdk_kinesis::config::Builder::from(shared);
        if let Some(endpoint) = &address.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(config.build()),
            stream: address.stream.clone(),
        }
    }

    /// Puts records; what became of each is in the answer, in their order.
    pub(crate) async fn put(
        &self,
        records: Vec<Packed>,
    ) -> Result<Vec<PutRecordsResultEntry>, Trouble> {
        let count = records.len();
        let entries: Result<Vec<_>, _> = records.into_iter().map(entry).collect();
        let entries = entries.map_err(|error| Trouble::Invalid(error.to_string()))?;
        let call = self.client.put_records().stream_name(&self.stream);
        let answer = call.set_records(Some(entries)).send().await?;
        if answer.records.len() != count {
            let text = format!("{} answers to {count} records", answer.records.len());
            return Err(Trouble::Passing(text));
        }
        Ok(answer.records)
    }

    /// An iterator that begins there. It lives five minutes.
    pub(crate) async fn iterator(&self, shard: &ShardId, from: Start) -> Result<String, Trouble> {
        let call = self.client.get_shard_iterator();
        let call = call.stream_name(&self.stream).shard_id(shard.as_str());
        let call = match from {
            Start::Oldest => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Start::At(sequence) => call
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(sequence.to_string()),
            Start::Time(ms) => call
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(ms)),
        };
        let answer = call.send().await?;
        answer
            .shard_iterator
            .ok_or_else(|| Trouble::Passing("an answer without an iterator".to_owned()))
    }

    /// The next records, at most `limit`.
    pub(crate) async fn records(
        &self,
        iterator: &str,
        limit: i32,
    ) -> Result<GetRecordsOutput, Trouble> {
        let call = self.client.get_records().shard_iterator(iterator);
        Ok(call.limit(limit).send().await?)
    }

    /// The client, for calls that are somebody's own.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The stream's name.
    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// One whole list, page by page.
    async fn list_once(&self) -> Result<Vec<ListedShard>, Trouble> {
        let mut listed = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let call = self.client.list_shards().max_results(PAGE);
            let call = match token {
                // With a token nothing else is said.
                Some(token) => call.next_token(token),
                None => call.stream_name(&self.stream),
            };
            let page = call.send().await?;
            for shard in page.shards.unwrap_or_default() {
                let id = shard.shard_id.clone();
                let read = read(shard);
                listed.push(read.ok_or_else(|| Trouble::Passing(format!("shard {id} is odd")))?);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(listed);
            }
            if listed.len() > MAX_SHARDS {
                return Err(Trouble::Passing("the list of shards has no end".to_owned()));
            }
        }
    }
}

#[async_trait]
impl ListShards for Service {
    async fn list(&self) -> Result<Vec<ListedShard>, StreamError> {
        repeat("list the shards", || self.list_once()).await
    }
}

/// Makes calls that may be made again, until they succeed or have failed too often.
///
/// # Errors
/// [`StreamError`] with what was to be done and the last failure.
pub(super) async fn repeat<Calls, T>(
    what: &str,
    calls: impl Fn() -> Calls,
) -> Result<T, StreamError>
where
    Calls: Future<Output = Result<T, Trouble>>,
{
    let mut failures = 0;
    loop {
        let error = match calls().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        failures += 1;
        if failures == TRIES {
            return Err(StreamError::storage(format!("{what}: {error}")));
        }
        sleep(backoff::after(failures)).await;
    }
}

fn entry(record: Packed) -> Result<PutRecordsRequestEntry, Box<dyn std::error::Error>> {
    Ok(PutRecordsRequestEntry::builder()
        .partition_key(String::from_utf8(record.partition_key)?)
        .data(Blob::new(record.data))
        .build()?)
}

/// A shard as it is listed; None if there is something that no shard has.
fn read(shard: Shard) -> Option<ListedShard> {
    let range = shard.hash_key_range?;
    let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
    let ending = shard.sequence_number_range?.ending_sequence_number;
    Some(ListedShard {
        id: ShardId::new(&shard.shard_id),
        parents: parents
            .iter()
            .flatten()
            .map(|id| ShardId::new(id))
            .collect(),
        range: HashRange::new(
            HashKey::parse(&range.starting_hash_key)?,
            HashKey::parse(&range.ending_hash_key)?,
        ),
        ending: match ending {
            Some(ending) => Some(ending.parse().ok()?),
            None => None,
        },
    })
}
