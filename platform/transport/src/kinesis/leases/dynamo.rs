//! A table of leases in DynamoDB, as the Kinesis Client Library makes it: one item a shard, paid by
//! the request. What a write says is in [`expression`](super::expression).
//!
//! Where nobody knows whether a write happened (a timeout, a 5xx) it is tried again: what stands there
//! then says whether it was this write, since every change moves the counter or the hand-over.

mod creation;
mod failure;

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client, config,
    error::SdkError,
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, update_item::UpdateItemError,
    },
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::time::sleep;
use tracing::{debug, warn};

use self::failure::Failure;
use super::{
    expression::{ABSENT, Expression},
    item::{self, CHECKPOINT, COUNTER, Item, KEY},
    lease::Lease,
    metrics,
    table::{LeaseTable, WriteError},
    write::{Refused, Write},
};
use crate::{ShardId, StreamError, backoff, lock::locked};

/// A request is tried so often: all tries together take less than a lease lasts.
const TRIES: u32 = 4;
/// An item is written in milliseconds; what takes longer than this is given up.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A page of a scan has up to 1 MB.
const SCAN_TIMEOUT: Duration = Duration::from_secs(5);

/// A table in DynamoDB.
#[derive(Debug)]
pub(crate) struct DynamoTable {
    client: Client,
    name: String,
    /// Items that are no leases, of which it was said already.
    skipped: Mutex<BTreeSet<String>>,
}

/// What a conditional write was answered.
#[derive(Debug)]
enum Answer {
    /// It was done, and left the item so; None where the answer does not say.
    Done(Option<Item>),
    /// The item was not as expected, but so; None where there is none.
    Refused(Option<Item>),
    Failed(Failure),
}

impl DynamoTable {
    /// The table of that name, by a client that does not try again by itself.
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            skipped: Mutex::default(),
        }
    }

    fn unusable(&self, reason: &str) -> StreamError {
        StreamError::Storage(format!("lease table {}: {reason}", self.name))
    }

    async fn page(&self, after: Option<Item>) -> Result<(Vec<Item>, Option<Item>), StreamError> {
        let mut tries = Tries::default();
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.name)
                .consistent_read(true)
                .set_exclusive_start_key(after.clone())
                .customize()
                .config_override(within(SCAN_TIMEOUT))
                .send()
                .await;
            match page {
                Ok(page) => return Ok((page.items.unwrap_or_default(), page.last_evaluated_key)),
                Err(error) => {
                    let again = tries.again("scan", Failure::of(&error)).await;
                    again.map_err(|reason| self.unusable(&reason))?;
                }
            }
        }
    }

    /// Reads an item of a page; says once that one is no lease.
    fn lease(&self, item: &Item) -> Option<Lease> {
        match item::read(item) {
            Ok(lease) => Some(lease),
            Err(error) => {
                metrics::skipped_item();
                let key = format!("{:?}", item.get(KEY));
                if locked(&self.skipped).insert(key.clone()) {
                    warn!(table = self.name, key, %error, "skipping an item");
                }
                None
            }
        }
    }

    async fn try_write(&self, shard: &ShardId, write: &Write) -> Answer {
        match write {
            Write::Create(lease) => {
                let put = self
                    .client
                    .put_item()
                    .table_name(&self.name)
                    .set_item(Some(item::write(lease)))
                    .condition_expression(ABSENT)
                    .return_values_on_condition_check_failure(
                        ReturnValuesOnConditionCheckFailure::AllOld,
                    )
                    .customize()
                    .config_override(within(TIMEOUT))
                    .send()
                    .await;
                put.map_or_else(Answer::of_put, |_| Answer::Done(Some(item::write(lease))))
            }
            Write::Update(update) => {
                let expression = Expression::of(update);
                let updated = self
                    .client
                    .update_item()
                    .table_name(&self.name)
                    .key(KEY, item::text(shard.as_str()))
                    .condition_expression(expression.condition())
                    .update_expression(expression.update())
                    .set_expression_attribute_names(Some(expression.names))
                    .set_expression_attribute_values(Some(expression.values))
                    .return_values(ReturnValue::AllNew)
                    .return_values_on_condition_check_failure(
                        ReturnValuesOnConditionCheckFailure::AllOld,
                    )
                    .customize()
                    .config_override(within(TIMEOUT))
                    .send()
                    .await;
                updated.map_or_else(Answer::of_update, |answer| Answer::Done(answer.attributes))
            }
        }
    }

    async fn try_delete(&self, lease: &Lease) -> Answer {
        let [checkpoint, _] = item::checkpoint(lease.checkpoint);
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key(KEY, item::text(lease.shard.as_str()))
            .condition_expression("#counter = :counter AND #checkpoint = :checkpoint")
            .expression_attribute_names("#counter", COUNTER)
            .expression_attribute_names("#checkpoint", CHECKPOINT)
            .expression_attribute_values(":counter", item::number(lease.counter))
            .expression_attribute_values(":checkpoint", checkpoint)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(within(TIMEOUT))
            .send()
            .await;
        deleted.map_or_else(Answer::of_delete, |_| Answer::Done(None))
    }
}

#[async_trait]
impl LeaseTable for DynamoTable {
    async fn scan(&self) -> Result<Vec<Lease>, StreamError> {
        let mut leases = Vec::new();
        let mut after = None;
        loop {
            let (items, last) = self.page(after).await?;
            leases.extend(items.iter().filter_map(|item| self.lease(item)));
            if last.is_none() {
                return Ok(leases);
            }
            after = last;
        }
    }

    async fn write(&self, shard: &ShardId, write: &Write) -> Result<Lease, WriteError> {
        let mut tries = Tries::default();
        loop {
            match self.try_write(shard, write).await {
                Answer::Done(item) => return read(&item.unwrap_or_default()),
                Answer::Refused(None) => return Err(refused(None)),
                Answer::Refused(Some(item)) => {
                    let there = read(&item)?;
                    if tries.is_unknown && write.is_done_in(&there) {
                        return Ok(there);
                    }
                    return Err(refused(Some(there)));
                }
                Answer::Failed(failure) => {
                    let again = tries.again("write", failure).await;
                    again.map_err(WriteError::Failed)?;
                }
            }
        }
    }

    async fn delete(&self, lease: &Lease) -> Result<(), WriteError> {
        let mut tries = Tries::default();
        loop {
            match self.try_delete(lease).await {
                Answer::Done(_) | Answer::Refused(None) => return Ok(()),
                Answer::Refused(Some(item)) => return Err(refused(Some(read(&item)?))),
                Answer::Failed(failure) => {
                    let again = tries.again("delete", failure).await;
                    again.map_err(WriteError::Failed)?;
                }
            }
        }
    }
}

fn refused(there: Option<Lease>) -> WriteError {
    let there = there.map(Box::new);
    WriteError::Refused(Refused { there })
}

fn read(item: &Item) -> Result<Lease, WriteError> {
    item::read(item).map_err(|error| WriteError::Failed(error.to_string()))
}

impl Answer {
    fn of_put(error: SdkError<PutItemError>) -> Self {
        let failure = Failure::of(&error);
        match error.into_service_error() {
            PutItemError::ConditionalCheckFailedException(refusal) => Self::Refused(refusal.item),
            _ => Self::Failed(failure),
        }
    }

    fn of_update(error: SdkError<UpdateItemError>) -> Self {
        let failure = Failure::of(&error);
        match error.into_service_error() {
            UpdateItemError::ConditionalCheckFailedException(refusal) => {
                Self::Refused(refusal.item)
            }
            _ => Self::Failed(failure),
        }
    }

    fn of_delete(error: SdkError<DeleteItemError>) -> Self {
        let failure = Failure::of(&error);
        match error.into_service_error() {
            DeleteItemError::ConditionalCheckFailedException(refusal) => {
                Self::Refused(refusal.item)
            }
            _ => Self::Failed(failure),
        }
    }
}

/// The tries of one call so far.
#[derive(Debug, Default)]
struct Tries {
    failed: u32,
    /// Whether one of them may have happened.
    is_unknown: bool,
}

impl Tries {
    /// Waits before the next try.
    ///
    /// # Errors
    /// What is the matter, if there is no further try.
    async fn again(&mut self, call: &'static str, failure: Failure) -> Result<(), String> {
        self.failed += 1;
        self.is_unknown |= matches!(failure, Failure::Unknown(_));
        let is_last = self.failed == TRIES || matches!(failure, Failure::Hopeless(_));
        if is_last {
            return Err(failure.reason().to_owned());
        }
        debug!(call, reason = failure.reason(), "trying again");
        sleep(backoff::after(self.failed)).await;
        Ok(())
    }
}

/// Bounds a request.
fn within(timeout: Duration) -> config::Builder {
    let timeouts = TimeoutConfig::builder().operation_timeout(timeout).build();
    config::Builder::new().timeout_config(timeouts)
}

#[cfg(test)]
mod tests;
