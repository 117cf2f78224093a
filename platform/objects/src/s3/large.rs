//! The parts that large objects are put in: a failure costs a part, and nobody sees the object
//! before its last. Whether all parts are there at once or come piece by piece is not asked here.

use aws_sdk_s3::{
    operation::abort_multipart_upload::AbortMultipartUploadError,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;
use tracing::warn;

use super::{
    Failure, S3Objects,
    put::{Condition, MARK, Parcel, digest},
    tries::{FIRST_WAIT, TRIES},
    within,
};
use crate::metrics;

/// Bytes of a part: S3 takes parts from 5 MiB on, and 10,000 of them.
pub(super) const PART_BYTES: usize = 8 << 20;
/// Parts under way at once.
pub(super) const PARTS_AT_ONCE: usize = 4;

/// A large object that is begun at the service, and that nobody sees.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    /// With the prefix.
    pub(super) key: String,
    pub(super) id: String,
}

impl S3Objects {
    /// Tries once to put a large object that is there whole.
    pub(super) async fn try_large(&self, parcel: &Parcel) -> Result<(), Failure> {
        let begun = self.begin(parcel.key.clone(), &parcel.mark).await?;
        let ended = self.put_parts(parcel, &begun).await;
        if let Err(failure) = &ended
            && !matches!(failure, Failure::Unknown(_))
        {
            self.abort(&begun).await;
        }
        ended
    }

    async fn put_parts(&self, parcel: &Parcel, begun: &Begun) -> Result<(), Failure> {
        let starts = (0..parcel.bytes.len()).step_by(PART_BYTES);
        let parts = (1..).zip(starts).map(|(number, start)| {
            let end = parcel.bytes.len().min(start + PART_BYTES);
            self.put_part(begun, number, parcel.bytes.slice(start..end))
        });
        let parts = stream::iter(parts.collect::<Vec<_>>())
            .buffered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        let bytes = parcel.bytes.len() as u64;
        self.complete(begun, parts, bytes, &parcel.condition).await
    }

    /// Begins an object of parts; once it is whole it will have this mark.
    pub(super) async fn begin(&self, key: String, mark: &str) -> Result<Begun, Failure> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.address.bucket)
            .key(&key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .metadata(MARK, mark)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.address.kms_key.clone())
            .set_object_lock_mode(self.lock_mode())
            .set_object_lock_retain_until_date(self.locked_until())
            .customize()
            .config_override(within(0))
            .send()
            .await
            .map_err(|error| Failure::of(&error))?;
        match begun.upload_id {
            Some(id) => Ok(Begun { key, id }),
            None => Err(Failure::NotDone("the upload has no id".to_owned())),
        }
    }

    /// Makes the object of its parts, which are in order and have so many bytes together.
    pub(super) async fn complete(
        &self,
        begun: &Begun,
        parts: Vec<CompletedPart>,
        bytes: u64,
        condition: &Condition,
    ) -> Result<(), Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.address.bucket)
            .key(&begun.key)
            .upload_id(&begun.id)
            .set_if_none_match(condition.if_none_match())
            .set_if_match(condition.if_match())
            .mpu_object_size(bytes as i64)
            .multipart_upload(parts.build())
            .customize()
            .config_override(within(bytes))
            .send()
            .await;
        completed.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Puts one part, which may be repeated.
    pub(super) async fn put_part(
        &self,
        begun: &Begun,
        number: i32,
        bytes: Bytes,
    ) -> Result<CompletedPart, Failure> {
        let digest = digest(&bytes);
        let mut tries = 0;
        loop {
            let put = self
                .client
                .upload_part()
                .bucket(&self.address.bucket)
                .key(&begun.key)
                .upload_id(&begun.id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .checksum_sha256(&digest)
                .body(ByteStream::from(bytes.clone()))
                .customize()
                .config_override(within(bytes.len() as u64))
                .send()
                .await;
            tries += 1;
            match put.map_err(|error| Failure::of(&error)) {
                Ok(part) => {
                    return Ok(CompletedPart::builder()
                        .set_e_tag(part.e_tag().map(str::to_owned))
                        .part_number(number)
                        .checksum_sha256(digest)
                        .build());
                }
                Err(Failure::NotDone(_) | Failure::Unknown(_)) if tries < TRIES => {
                    metrics::retried("put_part");
                    sleep(FIRST_WAIT * 2_u32.pow(tries)).await;
                }
                // Nobody sees an upload that is not complete.
                Err(Failure::Unknown(reason)) => return Err(Failure::NotDone(reason)),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Gives up an upload. One that stays costs until the bucket's own rules remove it.
    pub(super) async fn abort(&self, begun: &Begun) {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&self.address.bucket)
            .key(&begun.key)
            .upload_id(&begun.id)
            .customize()
            .config_override(within(0))
            .send()
            .await;
        let Err(error) = aborted else {
            return;
        };
        let is_gone = error
            .as_service_error()
            .is_some_and(AbortMultipartUploadError::is_no_such_upload);
        if !is_gone {
            let reason = Failure::of(&error).reason();
            warn!(key = begun.key, reason, "the parts of an upload stay");
        }
    }
}
