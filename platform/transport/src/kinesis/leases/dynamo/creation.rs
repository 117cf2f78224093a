//! Makes the table of leases where there is none, as the Kinesis Client Library makes it.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::{create_table::CreateTableError, describe_table::DescribeTableError},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TableStatus,
    },
};
use aws_smithy_types::error::operation::BuildError;
use tokio::time::sleep;
use tracing::{debug, info};

use super::{DynamoTable, SCAN_TIMEOUT, TIMEOUT, failure::Failure, within};
use crate::{StreamError, kinesis::leases::item::KEY};

/// A new table is there within half a minute, as a rule.
const CREATION_TRIES: u32 = 120;
/// How often it is looked whether it is.
const CREATION_WAIT: Duration = Duration::from_secs(1);

impl DynamoTable {
    /// Creates the table if it is not there, and waits until it can be used.
    ///
    /// # Errors
    /// [`StreamError`] if it is not there after minutes, or may not be created.
    pub(crate) async fn create(&self) -> Result<(), StreamError> {
        let mut reason = "it is not active".to_owned();
        for _ in 0..CREATION_TRIES {
            match self.status().await {
                Ok(Some(TableStatus::Active | TableStatus::Updating)) => return Ok(()),
                Ok(Some(status)) => debug!(table = self.name, %status, "waiting for the table"),
                Ok(None) => match self.try_create().await {
                    // What is created is looked at.
                    Ok(()) => continue,
                    Err(Failure::Hopeless(said)) => return Err(self.unusable(&said)),
                    Err(failure) => failure.reason().clone_into(&mut reason),
                },
                Err(Failure::Hopeless(said)) => return Err(self.unusable(&said)),
                Err(failure) => failure.reason().clone_into(&mut reason),
            }
            sleep(CREATION_WAIT).await;
        }
        Err(self.unusable(&reason))
    }

    async fn status(&self) -> Result<Option<TableStatus>, Failure> {
        let described = self
            .client
            .describe_table()
            .table_name(&self.name)
            .customize()
            .config_override(within(TIMEOUT))
            .send()
            .await;
        match described {
            Ok(answer) => {
                let status = answer.table.and_then(|table| table.table_status);
                let unsaid = || Failure::Unknown("the answer names no status".to_owned());
                status.map(Some).ok_or_else(unsaid)
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeTableError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }

    async fn try_create(&self) -> Result<(), Failure> {
        let odd = |error: BuildError| Failure::Hopeless(error.to_string());
        let attribute = AttributeDefinition::builder()
            .attribute_name(KEY)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(odd)?;
        let key = KeySchemaElement::builder()
            .attribute_name(KEY)
            .key_type(KeyType::Hash)
            .build()
            .map_err(odd)?;
        let created = self
            .client
            .create_table()
            .table_name(&self.name)
            .attribute_definitions(attribute)
            .key_schema(key)
            .billing_mode(BillingMode::PayPerRequest)
            .customize()
            .config_override(within(SCAN_TIMEOUT))
            .send()
            .await;
        match created {
            Ok(_) => {
                info!(table = self.name, "created the lease table");
                Ok(())
            }
            // Another worker was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateTableError::is_resource_in_use_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }
}
