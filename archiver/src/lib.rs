//! The archiver: all that travels on the stream becomes rows of Parquet, each exactly once,
//! whatever is killed wherever. It does not change what it archives, and asks nobody for a lock.
//!
//! The path of one ping: a `worker` reads it from its shard of the stream; the `draft` of the
//! next commit decodes it, asks the dedupe `window` whether it is new, and keeps it among its
//! `rows`; at a `cut` the range is fixed by an intent in the shard's `ledger`, the rows become
//! columns and are `encode`d, the files go to where the `layout` says, and a `commit` makes
//! them part of the archive. Only then the stream's checkpoint moves.

#[cfg(test)]
mod athena;
mod audit;
mod books;
mod budget;
mod chunked;
mod columns;
pub mod commands;
mod commit;
mod compaction;
mod cut;
mod dead_letters;
mod draft;
mod encode;
mod erasure;
mod export;
mod hours;
mod layout;
mod ledger;
mod lists;
mod metrics;
mod moment;
mod provider;
mod reading;
mod rewriting;
mod rows;
mod settings;
mod storage;
mod sweep;
#[cfg(test)]
mod testing;
mod window;
mod worker;

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use objects::Objects;
use service::Drain;
use tokio::{task::JoinSet, time};
use transport::{Consumer, Shard, Stream, StreamError};

pub use settings::Settings;

use crate::{
    budget::Budget,
    cut::Limits,
    ledger::Ledger,
    metrics::WindowGauges,
    worker::{FIRST_RATIO, Permits, Worker, unix_ms},
};

/// The consumer group whose members share the shards.
const GROUP: &str = "archiver";

/// Shards that this member has not got so long after it began to drain are another's.
const LAST_SHARDS: Duration = Duration::from_millis(200);

/// Archives the stream until `drain` is requested and what it says is to be read is archived.
///
/// # Errors
/// An error from a stream or a storage that does not get better by waiting. What was begun is
/// finished at the next start.
pub async fn run(
    settings: Settings,
    stream: Arc<dyn Stream>,
    objects: Arc<dyn Objects>,
    drain: Drain,
) -> anyhow::Result<()> {
    metrics::describe();
    let limits = Limits {
        file_bytes: settings.archive_max_file_bytes,
        age: settings.archive_max_age,
    };
    let budget = Budget::new(settings.archive_memory);
    let permits = Permits::default();
    let mut consumer = stream.consumer(GROUP);
    let mut workers = JoinSet::new();
    let mut taken = HashSet::new();
    loop {
        tokio::select! {
            shard = next_shard(&mut *consumer, &drain) => {
                let Some(shard) = shard.context("acquire a shard")? else { break };
                // A shard that a worker has drained and dropped is offered again.
                if !taken.insert(shard.id().clone()) && drain.is_requested() {
                    break;
                }
                let stop = drain.shutdown().clone();
                let ledger = Ledger::new(Arc::clone(&objects), shard.id().as_str(), stop);
                let worker = Worker {
                    shard,
                    ledger,
                    share: budget.share(),
                    limits,
                    encoded_ratio: FIRST_RATIO,
                    permits: permits.clone(),
                    now_ms: unix_ms,
                    window: WindowGauges::default(),
                    drain: drain.clone(),
                };
                workers.spawn(worker.run());
            }
            Some(ended) = workers.join_next() => ended.context("a worker panicked")??,
        }
    }
    while let Some(ended) = workers.join_next().await {
        ended.context("a worker panicked")??;
    }
    Ok(())
}

/// Waits for the next shard; None once the archiver drains and no further one comes.
async fn next_shard(
    consumer: &mut dyn Consumer,
    drain: &Drain,
) -> Result<Option<Box<dyn Shard>>, StreamError> {
    if !drain.is_requested() {
        tokio::select! {
            shard = consumer.acquire() => return shard.map(Some),
            () = drain.requested() => {}
        }
    }
    if matches!(drain, Drain::HandOver(_)) {
        return Ok(None);
    }
    time::timeout(LAST_SHARDS, consumer.acquire())
        .await
        .ok()
        .transpose()
}
