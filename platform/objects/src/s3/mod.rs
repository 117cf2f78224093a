//! Objects in a bucket of Amazon S3, or of a store that speaks its protocol. Credentials come by
//! the SDK's default chain: environment, profile, web identity, container or instance.
//!
//! A put carries its SHA-256, which the service verifies, and a mark of its own: where nobody knows
//! whether it happened (a timeout, a 5xx), what is there says by the mark whether it was this put.
//! An object's tag is its `ETag`, which a swap gives back as `If-Match`.

mod address;
mod failure;
mod large;
mod parts;
mod put;
mod stream;
mod tries;

#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_config::{
    BehaviorVersion, ConfigLoader, Region, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::{
    Client, config,
    operation::list_objects_v2::ListObjectsV2Output,
    primitives::DateTime,
    types::{ChecksumMode, ObjectLockMode, ServerSideEncryption},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use bytes::Bytes;

use self::{
    address::{Address, Lock, LockMode},
    failure::Failure,
    put::{Condition, Sent},
    stream::Stream,
    tries::Tries,
};
use crate::{Key, MAX_KEYS, ObjectError, Objects, Put, Swap, Tag, Upload};

/// A connection that takes longer comes to nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A request without a body gets so long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A body gets a second more for so many bytes: what a poor link carries.
const BYTES_A_SECOND: u64 = 1 << 20;

/// Objects below a prefix of a bucket.
#[derive(Debug, Clone)]
pub struct S3Objects {
    client: Client,
    address: Address,
}

/// What a read gave.
#[derive(Debug, Default)]
struct Read {
    bytes: Bytes,
    e_tag: Option<String>,
}

impl S3Objects {
    /// Opens what `s3://bucket/prefix?region=..&endpoint=..&kms_key=..` names. Nothing is asked of
    /// the service yet.
    ///
    /// # Errors
    /// [`ObjectError::Url`] for a URL that is not understood.
    pub async fn open(url: &str) -> Result<Self, ObjectError> {
        Self::open_by(url, aws_config::defaults(BehaviorVersion::latest())).await
    }

    async fn open_by(url: &str, loader: ConfigLoader) -> Result<Self, ObjectError> {
        let address = Address::parse(url)?;
        let https = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
        let mut loader = loader
            .http_client(https)
            // Tries are counted here, where it is known what a repeat does.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build());
        if let Some(region) = &address.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &address.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let shared = loader.load().await;
        let config = config::Builder::from(&shared)
            // Other stores than Amazon's seldom have a host name for each bucket.
            .force_path_style(address.endpoint.is_some())
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            address,
        })
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.address.prefix)
    }

    /// One page of what is in the bucket, with every name in it, strictly after `after`.
    async fn page(
        &self,
        prefix: &str,
        after: Option<String>,
    ) -> Result<ListObjectsV2Output, ObjectError> {
        let mut open = Tries::default();
        loop {
            let listed = self
                .client
                .list_objects_v2()
                .bucket(&self.address.bucket)
                .prefix(self.full(prefix))
                .set_start_after(after.clone())
                .max_keys(MAX_KEYS as i32)
                .customize()
                .config_override(within(0))
                .send()
                .await;
            match listed.map_err(|error| Failure::of(&error)) {
                Ok(page) => return Ok(page),
                Err(failure) => open.again("list", prefix, failure).await?,
            }
        }
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        let kms_key = self.address.kms_key.as_ref();
        kms_key.map(|_| ServerSideEncryption::AwsKms)
    }

    fn lock_mode(&self) -> Option<ObjectLockMode> {
        self.address.lock.map(|lock| match lock.mode {
            LockMode::Compliance => ObjectLockMode::Compliance,
            LockMode::Governance => ObjectLockMode::Governance,
        })
    }

    /// Until when an object is locked that is put now.
    fn locked_until(&self) -> Option<DateTime> {
        let Lock { days, .. } = self.address.lock?;
        let until = SystemTime::now() + Duration::from_hours(24 * u64::from(days));
        Some(DateTime::from(until))
    }

    async fn read(&self, key: &Key, range: Option<String>) -> Result<Option<Read>, ObjectError> {
        let mut open = Tries::default();
        loop {
            match self.try_read(key, range.clone()).await {
                Ok(read) => return Ok(Some(read)),
                Err(Failure::Absent) => return Ok(None),
                Err(Failure::BeyondEnd) => return Ok(Some(Read::default())),
                Err(failure) => open.again("get", key, failure).await?,
            }
        }
    }

    async fn try_read(&self, key: &Key, range: Option<String>) -> Result<Read, Failure> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.address.bucket)
            .key(self.full(key.as_str()))
            .set_range(range)
            .checksum_mode(ChecksumMode::Enabled)
            .customize()
            .config_override(within(0))
            .send()
            .await
            .map_err(|error| Failure::of(&error))?;
        let bytes = u64::try_from(answer.content_length().unwrap_or_default());
        let e_tag = answer.e_tag;
        let whole =
            tokio::time::timeout(time_for(bytes.unwrap_or_default()), answer.body.collect());
        match whole.await {
            Ok(Ok(body)) => Ok(Read {
                bytes: body.into_bytes(),
                e_tag,
            }),
            Ok(Err(error)) => Err(Failure::Unknown(error.to_string())),
            Err(_) => Err(Failure::Unknown(
                "the body did not arrive in time".to_owned(),
            )),
        }
    }
}

#[async_trait]
impl Objects for S3Objects {
    fn uri(&self, key: &Key) -> String {
        format!("s3://{}/{}", self.address.bucket, self.full(key.as_str()))
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        // What is replaced was there or was not.
        let _met = self.send(key, bytes, Condition::None).await?;
        Ok(())
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        Ok(match self.send(key, bytes, Condition::Absent).await? {
            Sent::Here => Put::Created,
            // Of a put that nobody knows of, it is as true: the object was there.
            Sent::Unmet | Sent::NobodyKnows => Put::Exists,
        })
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        let condition = Condition::Unchanged(tag.clone());
        match self.send(key, bytes, condition).await? {
            Sent::Here => Ok(Swap::Done),
            Sent::Unmet => Ok(Swap::Changed),
            // Another may have swapped what this call put.
            Sent::NobodyKnows => Err(ObjectError::Unavailable {
                key: key.to_string(),
                reason: "a try was not answered, and the object is another's by now".to_owned(),
            }),
        }
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        Ok(Box::new(Stream::new(self.clone(), key.clone())))
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        Ok(self.read(key, None).await?.map(|read| read.bytes))
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        let Some(read) = self.read(key, None).await? else {
            return Ok(None);
        };
        let e_tag = read.e_tag.ok_or_else(|| ObjectError::Refused {
            key: key.to_string(),
            reason: "the store gives it no ETag".to_owned(),
        })?;
        Ok(Some((read.bytes, Tag::new(&e_tag))))
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        if range.is_empty() {
            // A range of HTTP has at least one byte; whether the object is there is still asked.
            let first = self.read(key, Some("bytes=0-0".to_owned())).await?;
            return Ok(first.map(|_| Bytes::new()));
        }
        // No object is as long as some stores can count: what goes on beyond is to its end.
        let last = Some(range.end - 1).filter(|last| i64::try_from(*last).is_ok());
        let last = last.map_or_else(String::new, |last| last.to_string());
        let range = format!("bytes={}-{last}", range.start);
        let read = self.read(key, Some(range)).await?;
        Ok(read.map(|read| read.bytes))
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        let mut after = after.map(|after| self.full(after.as_str()));
        loop {
            let page = self.page(prefix, after).await?;
            let names = page.contents().iter().filter_map(|object| object.key());
            let ours = names.filter_map(|name| name.strip_prefix(&self.address.prefix));
            // Consoles mark folders by empty objects of such names.
            let ours = ours.filter(|name| !name.is_empty() && !name.ends_with('/'));
            let keys: Result<Vec<_>, _> = ours
                .map(|name| {
                    Key::new(name).map_err(|error| ObjectError::Refused {
                        key: name.to_owned(),
                        reason: error.to_string(),
                    })
                })
                .collect();
            let keys = keys?;
            after = page.contents().last().and_then(|last| last.key.clone());
            // A page of marks alone is no end.
            let is_end = page.is_truncated() != Some(true) || after.is_none();
            if !keys.is_empty() || is_end {
                return Ok(keys);
            }
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        let mut open = Tries::default();
        loop {
            let deleted = self
                .client
                .delete_object()
                .bucket(&self.address.bucket)
                .key(self.full(key.as_str()))
                .customize()
                .config_override(within(0))
                .send()
                .await;
            match deleted.map_err(|error| Failure::of(&error)) {
                Ok(_) | Err(Failure::Absent) => return Ok(()),
                Err(failure) => open.again("delete", key, failure).await?,
            }
        }
    }
}

/// How long a request with so many bytes may take.
fn time_for(bytes: u64) -> Duration {
    TIMEOUT + Duration::from_secs(bytes / BYTES_A_SECOND)
}

/// Bounds a request with so many bytes.
fn within(bytes: u64) -> config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(time_for(bytes));
    config::Builder::new().timeout_config(timeouts.build())
}
