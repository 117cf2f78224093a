//! One object that is put whole, under all its tries, and what became of it. Large ones go in parts
//! ([`super::large`]).

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, ChecksumMode},
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{Failure, S3Objects, tries::Tries, within};
use crate::{Key, ObjectError, Tag};

/// Larger objects are put in parts, so that a failure costs a part.
pub(super) const LARGE_BYTES: usize = 16 << 20;
/// The name of the mark among an object's metadata.
pub(super) const MARK: &str = "hansom-put";

/// What must be there for a put to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Anything or nothing.
    None,
    /// No object.
    Absent,
    /// The object of this tag.
    Unchanged(Tag),
}

impl Condition {
    pub(super) fn if_none_match(&self) -> Option<String> {
        (*self == Self::Absent).then(|| "*".to_owned())
    }

    pub(super) fn if_match(&self) -> Option<String> {
        match self {
            Self::None | Self::Absent => None,
            Self::Unchanged(tag) => Some(tag.to_string()),
        }
    }
}

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It happened.
    Here,
    /// Its condition was not met, and it did not happen.
    Unmet,
    /// A try of it may have happened; if so, another has replaced the object since.
    NobodyKnows,
}

/// One object that is being put.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) key: String,
    pub(super) bytes: Bytes,
    pub(super) condition: Condition,
    /// Base64 of its SHA-256.
    pub(super) digest: String,
    pub(super) mark: String,
}

impl S3Objects {
    /// Puts an object.
    pub(super) async fn send(
        &self,
        key: &Key,
        bytes: Bytes,
        condition: Condition,
    ) -> Result<Sent, ObjectError> {
        let parcel = Parcel {
            key: self.full(key.as_str()),
            digest: digest(&bytes),
            bytes,
            condition,
            mark: new_mark(),
        };
        let mut open = Tries::default();
        loop {
            let tried = if parcel.bytes.len() > LARGE_BYTES {
                self.try_large(&parcel).await
            } else {
                self.try_put(&parcel).await
            };
            let failure = match tried {
                Ok(()) => return Ok(Sent::Here),
                Err(failure) => failure,
            };
            // An object that has to be there is not: that is no error of a swap.
            let is_swap = matches!(parcel.condition, Condition::Unchanged(_));
            let is_unmet = failure == Failure::Unmet || is_swap && failure == Failure::Absent;
            if !is_unmet {
                open.again("put", key, failure).await?;
                continue;
            }
            if !open.is_unknown {
                return Ok(Sent::Unmet);
            }
            let bytes = parcel.bytes.len() as u64;
            let is_ours = self.is_there(key, &parcel.mark, bytes).await?;
            return Ok(if is_ours {
                Sent::Here
            } else {
                Sent::NobodyKnows
            });
        }
    }

    /// Whether what is there has this mark and length. Where nothing is there, whoever deleted it, it
    /// has not.
    pub(super) async fn is_there(
        &self,
        key: &Key,
        mark: &str,
        bytes: u64,
    ) -> Result<bool, ObjectError> {
        let mut open = Tries::default();
        loop {
            let head = self
                .client
                .head_object()
                .bucket(&self.address.bucket)
                .key(self.full(key.as_str()))
                .checksum_mode(ChecksumMode::Enabled)
                .customize()
                .config_override(within(0))
                .send()
                .await;
            match head.map_err(|error| Failure::of(&error)) {
                Ok(head) => {
                    let is_marked = head
                        .metadata()
                        .and_then(|all| all.get(MARK))
                        .is_some_and(|there| there == mark);
                    let is_whole = head.content_length() == i64::try_from(bytes).ok();
                    return Ok(is_marked && is_whole);
                }
                Err(Failure::Absent) => return Ok(false),
                Err(failure) => open.again("head", key, failure).await?,
            }
        }
    }

    pub(super) async fn try_put(&self, parcel: &Parcel) -> Result<(), Failure> {
        let sent = self
            .client
            .put_object()
            .bucket(&self.address.bucket)
            .key(&parcel.key)
            .set_if_none_match(parcel.condition.if_none_match())
            .set_if_match(parcel.condition.if_match())
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_sha256(&parcel.digest)
            .metadata(MARK, &parcel.mark)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.address.kms_key.clone())
            .set_object_lock_mode(self.lock_mode())
            .set_object_lock_retain_until_date(self.locked_until())
            .body(ByteStream::from(parcel.bytes.clone()))
            .customize()
            .config_override(within(parcel.bytes.len() as u64))
            .send()
            .await;
        sent.map(drop).map_err(|error| Failure::of(&error))
    }
}

/// Of one call; no other has it.
pub(super) fn new_mark() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Base64 of the SHA-256.
pub(super) fn digest(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(Sha256::digest(bytes))
}
