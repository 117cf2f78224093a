//! Large objects, put in parts: a failure costs a part, and nobody sees the object before its last.

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;
use tracing::warn;

use super::{
    Failure, MARK, S3Objects, Upload, digest,
    tries::{FIRST_WAIT, TRIES},
    within,
};
use crate::metrics;

/// Bytes of a part: S3 takes parts from 5 MiB on, and 10,000 of them.
const PART_BYTES: usize = 8 << 20;
/// Parts under way at once.
const PARTS_AT_ONCE: usize = 4;

impl S3Objects {
    /// Tries once to put a large object.
    pub(super) async fn try_large(&self, upload: &Upload) -> Result<(), Failure> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.address.bucket)
            .key(&upload.key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .metadata(MARK, &upload.mark)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.address.kms_key.clone())
            .set_object_lock_mode(self.lock_mode())
            .set_object_lock_retain_until_date(self.locked_until())
            .customize()
            .config_override(within(0))
            .send()
            .await
            .map_err(|error| Failure::of(&error))?;
        let Some(id) = begun.upload_id() else {
            return Err(Failure::NotDone("the upload has no id".to_owned()));
        };
        let ended = self.complete(upload, id).await;
        if let Err(failure) = &ended
            && !matches!(failure, Failure::Unknown(_))
        {
            self.abort(upload, id).await;
        }
        ended
    }

    async fn complete(&self, upload: &Upload, id: &str) -> Result<(), Failure> {
        let starts = (0..upload.bytes.len()).step_by(PART_BYTES);
        let parts = (1..).zip(starts).map(|(number, start)| {
            let end = upload.bytes.len().min(start + PART_BYTES);
            self.put_part(upload, id, (number, upload.bytes.slice(start..end)))
        });
        let parts: Vec<CompletedPart> = stream::iter(parts.collect::<Vec<_>>())
            .buffered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.address.bucket)
            .key(&upload.key)
            .upload_id(id)
            .set_if_none_match(upload.condition.if_none_match())
            .mpu_object_size(upload.bytes.len() as i64)
            .multipart_upload(parts.build())
            .customize()
            .config_override(within(upload.bytes.len()))
            .send()
            .await;
        completed.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Puts one part, which may be repeated.
    async fn put_part(
        &self,
        upload: &Upload,
        id: &str,
        (number, bytes): (i32, Bytes),
    ) -> Result<CompletedPart, Failure> {
        let digest = digest(&bytes);
        let mut tries = 0;
        loop {
            let put = self
                .client
                .upload_part()
                .bucket(&self.address.bucket)
                .key(&upload.key)
                .upload_id(id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .checksum_sha256(&digest)
                .body(ByteStream::from(bytes.clone()))
                .customize()
                .config_override(within(bytes.len()))
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
    async fn abort(&self, upload: &Upload, id: &str) {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&self.address.bucket)
            .key(&upload.key)
            .upload_id(id)
            .customize()
            .config_override(within(0))
            .send()
            .await;
        if let Err(error) = aborted {
            let reason = Failure::of(&error).reason();
            warn!(key = upload.key, reason, "the parts of an upload stay");
        }
    }
}
