//! A caller that repeats what the storage could not do. What a single conditional call says is not
//! asked again: it must be true.

use super::*;

/// Repeats calls until they are answered.
pub(super) struct Patient(pub(super) S3Objects);

/// An upload that is begun again where it fails, so that it keeps what it was given.
struct PatientUpload {
    objects: S3Objects,
    key: Key,
    pieces: Vec<Bytes>,
}

/// Calls again while the storage is unavailable.
async fn until_done<T, Answer>(call: impl Fn() -> Answer) -> Result<T, ObjectError>
where
    Answer: Future<Output = Result<T, ObjectError>>,
{
    loop {
        match call().await {
            Err(ObjectError::Unavailable { .. }) => {}
            done => return done,
        }
    }
}

#[async_trait]
impl Objects for Patient {
    fn uri(&self, key: &Key) -> String {
        self.0.uri(key)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        until_done(|| self.0.put(key, bytes.clone())).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        self.0.put_if_absent(key, bytes).await
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        self.0.put_if_unchanged(key, bytes, tag).await
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        Ok(Box::new(PatientUpload {
            objects: self.0.clone(),
            key: key.clone(),
            pieces: Vec::new(),
        }))
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        until_done(|| self.0.get(key)).await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        until_done(|| self.0.get_tagged(key)).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        until_done(|| self.0.get_range(key, range.clone())).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        until_done(|| self.0.list(prefix, after)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        until_done(|| self.0.delete(key)).await
    }
}

#[async_trait]
impl Upload for PatientUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.pieces.push(bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        let this = &*self;
        until_done(|| async move {
            let mut upload = this.objects.upload(&this.key).await?;
            for piece in &this.pieces {
                upload.write(piece.clone()).await?;
            }
            upload.finish().await
        })
        .await
    }
}
