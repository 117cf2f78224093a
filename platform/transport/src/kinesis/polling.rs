//! Reading a shard call by call. A wait for an answer may be dropped: the call goes on within, and
//! the next wait gets its answer.

use std::{pin::Pin, sync::Arc};

use aws_sdk_kinesis::types::Record;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::{
    cursor::Cursor,
    metrics,
    pace::{Next, Pace},
    service::Service,
    trouble::Trouble,
};
use crate::{ShardId, backoff};

/// What a source of records answers.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) records: Vec<Record>,
    /// How far the answer is behind the end of the shard.
    pub(super) behind_ms: i64,
    /// Whether the shard is closed, and nothing comes after this answer.
    pub(super) is_last: bool,
}

/// Reads one shard.
pub(super) struct Polling {
    service: Arc<Service>,
    shard: ShardId,
    iterator: Option<String>,
    pace: Pace,
    failures: u32,
    call: Option<Call>,
}

type Call = Pin<Box<dyn Future<Output = Result<Called, Trouble>> + Send>>;

/// The iterator of a call, and its answer.
struct Called {
    iterator: String,
    answer: Result<aws_sdk_kinesis::operation::get_records::GetRecordsOutput, Trouble>,
}

impl Polling {
    /// A reader of one shard.
    pub(super) fn new(service: Arc<Service>, shard: ShardId, pace: Pace) -> Self {
        Self {
            service,
            shard,
            iterator: None,
            pace,
            failures: 0,
            call: None,
        }
    }

    /// Begins anew, where the cursor says.
    pub(super) fn restart(&mut self) {
        self.iterator = None;
        self.call = None;
    }

    /// Waits for the next answer. Safe to drop while it waits.
    pub(super) async fn next(&mut self, cursor: &mut Cursor) -> Answer {
        loop {
            let call = self.call.get_or_insert_with(|| {
                let (service, shard) = (self.service.clone(), self.shard.clone());
                let (iterator, from) = (self.iterator.clone(), cursor.from());
                let (not_before, limit) = (self.pace.not_before(), self.pace.limit());
                Box::pin(async move {
                    sleep_until(not_before.into()).await;
                    let iterator = match iterator {
                        Some(iterator) => iterator,
                        None => service.iterator(&shard, from).await?,
                    };
                    let answer = service.records(&iterator, limit).await;
                    Ok(Called { iterator, answer })
                })
            });
            let called = call.await;
            self.call = None;
            match self.take(called) {
                Ok(answer) => return answer,
                Err(trouble) => self.failed(&trouble, cursor),
            }
        }
    }

    fn take(&mut self, called: Result<Called, Trouble>) -> Result<Answer, Trouble> {
        let Called { iterator, answer } = called?;
        self.iterator = Some(iterator);
        let answer = answer?;
        self.failures = 0;
        let records = answer.records;
        let behind_ms = answer.millis_behind_latest.unwrap_or_default();
        let bytes = records
            .iter()
            .map(|record| record.data.as_ref().len())
            .sum();
        let is_full = records.len() >= self.pace.limit() as usize;
        let next = if is_full || behind_ms > 0 {
            Next::More
        } else {
            Next::CaughtUp
        };
        self.pace.answered(bytes, records.len(), next, now());
        let is_last = answer.next_shard_iterator.is_none();
        self.iterator = answer.next_shard_iterator;
        Ok(Answer {
            records,
            behind_ms,
            is_last,
        })
    }

    fn failed(&mut self, trouble: &Trouble, cursor: &mut Cursor) {
        metrics::read_failed(trouble);
        match trouble {
            Trouble::Throttled => self.pace.refused(now()),
            Trouble::Expired => self.begin_again(cursor),
            Trouble::Invalid(_) if self.iterator.is_none() && cursor.is_unknown() => {}
            Trouble::Invalid(_) => {
                self.wait(trouble);
                self.begin_again(cursor);
            }
            Trouble::InUse(_) | Trouble::Passing(_) => self.wait(trouble),
        }
    }

    fn wait(&mut self, trouble: &Trouble) {
        self.failures += 1;
        warn!(shard = %self.shard, %trouble, "reading again");
        self.pace.failed(backoff::after(self.failures), now());
    }

    fn begin_again(&mut self, cursor: &mut Cursor) {
        self.iterator = None;
        cursor.resume();
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
