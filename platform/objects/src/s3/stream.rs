//! An object that is put piece by piece: in parts that go while the next is gathered, or whole where
//! it ends before it fills one. Memory holds the part that is gathered and those under way: 40 MiB
//! up to the 16th GiB, then more with the size of the parts ([`super::parts`]), 256 MiB at last.
//!
//! Parts of an upload that is dropped are removed behind it; if that is not done, because the process
//! or its runtime ends first, they cost until the bucket's own rules remove them. Nobody sees them.

use async_trait::async_trait;
use aws_sdk_s3::types::CompletedPart;
use bytes::{Bytes, BytesMut};
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinSet},
};
use tracing::warn;

use super::{
    Failure, S3Objects,
    large::Begun,
    parts,
    put::{Condition, new_mark},
    tries::Tries,
};
use crate::{Key, ObjectError, Upload};

/// An upload under way.
pub(super) struct Stream {
    objects: S3Objects,
    key: Key,
    mark: String,
    /// What comes next: never more than a part, never nothing behind a part that went.
    gathered: BytesMut,
    /// None before a second part is to come, and again at the end.
    parts: Option<Parts>,
    /// Whether it has all that it was given.
    is_whole: bool,
}

/// What went of an upload so far.
struct Parts {
    begun: Begun,
    under_way: JoinSet<Result<CompletedPart, Failure>>,
    put: Vec<CompletedPart>,
    /// Bytes of all, put or under way.
    bytes: u64,
}

impl Stream {
    pub(super) fn new(objects: S3Objects, key: Key) -> Self {
        Self {
            objects,
            key,
            mark: new_mark(),
            gathered: BytesMut::new(),
            parts: None,
            is_whole: true,
        }
    }

    /// Puts what is gathered behind the parts before, once there is room for one under way.
    async fn send(&mut self) -> Result<(), ObjectError> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(Parts::of(
                begin(&self.objects, &self.key, &self.mark).await?,
            )),
        };
        let refuse = |failure: Failure| failure.error(&self.key);
        let bytes = self.gathered.split().freeze();
        parts.wait_for_room(bytes.len()).await.map_err(refuse)?;
        parts.send(&self.objects, bytes);
        Ok(())
    }

    /// The size of the part that is gathered.
    fn part_bytes(&self) -> Result<usize, ObjectError> {
        let number = self.parts.as_ref().map_or(0, Parts::count) + 1;
        parts::bytes_of(number).ok_or_else(|| ObjectError::Refused {
            key: self.key.to_string(),
            reason: format!("has more than the {} parts that S3 takes", number - 1),
        })
    }

    /// Makes the object of what was put.
    async fn complete(&mut self) -> Result<(), ObjectError> {
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        let refuse = |failure: Failure| failure.error(&self.key);
        parts.wait_for_all().await.map_err(refuse)?;
        let (objects, key) = (&self.objects, &self.key);
        let mut open = Tries::default();
        loop {
            let put = parts.put.clone();
            let completed = objects.complete(&parts.begun, put, parts.bytes, &Condition::None);
            let Err(failure) = completed.await else {
                break;
            };
            let may_be_done = open.is_unknown || matches!(failure, Failure::Unknown(_));
            if may_be_done && objects.is_there(key, &self.mark, parts.bytes).await? {
                break;
            }
            // A try that happened leaves no upload for the next one to complete.
            let failure = if may_be_done {
                Failure::Unknown(failure.reason())
            } else {
                failure
            };
            open.again("complete", key, failure).await?;
        }
        // There is nothing to remove any more.
        self.parts = None;
        Ok(())
    }

    fn lacks_a_piece(&self) -> ObjectError {
        ObjectError::Unavailable {
            key: self.key.to_string(),
            reason: "a piece before this was not written".to_owned(),
        }
    }

    /// Removes the parts that went, those under way as well.
    async fn give_up(&mut self) {
        if let Some(parts) = self.parts.take() {
            parts.remove(&self.objects).await;
        }
    }

    async fn write_all(&mut self, mut bytes: Bytes) -> Result<(), ObjectError> {
        loop {
            let room = self.part_bytes()? - self.gathered.len();
            if self.parts.is_some() {
                // A whole part will come, most likely: its buffer need not grow.
                self.gathered.reserve(room);
            }
            if bytes.len() <= room {
                self.gathered.extend_from_slice(&bytes);
                return Ok(());
            }
            self.gathered.extend_from_slice(&bytes.split_to(room));
            self.send().await?;
        }
    }

    async fn finish_all(&mut self) -> Result<(), ObjectError> {
        if self.parts.is_some() {
            self.send().await?;
            return self.complete().await;
        }
        let bytes = self.gathered.split().freeze();
        let _sent = self.objects.send(&self.key, bytes, Condition::None).await?;
        Ok(())
    }
}

impl Parts {
    fn of(begun: Begun) -> Self {
        Self {
            begun,
            under_way: JoinSet::new(),
            put: Vec::new(),
            bytes: 0,
        }
    }

    fn count(&self) -> usize {
        self.put.len() + self.under_way.len()
    }

    fn send(&mut self, objects: &S3Objects, bytes: Bytes) {
        self.bytes += bytes.len() as u64;
        let (objects, begun) = (objects.clone(), self.begun.clone());
        let number = self.count() as i32 + 1;
        self.under_way
            .spawn(async move { objects.put_part(&begun, number, bytes).await });
    }

    async fn wait_for_room(&mut self, part_bytes: usize) -> Result<(), Failure> {
        while self.under_way.len() >= parts::at_once(part_bytes) {
            self.wait_for_one().await?;
        }
        Ok(())
    }

    async fn wait_for_all(&mut self) -> Result<(), Failure> {
        while !self.under_way.is_empty() {
            self.wait_for_one().await?;
        }
        self.put.sort_unstable_by_key(CompletedPart::part_number);
        Ok(())
    }

    async fn wait_for_one(&mut self) -> Result<(), Failure> {
        if let Some(ended) = self.under_way.join_next().await {
            let lost = |error: JoinError| Failure::NotDone(error.to_string());
            self.put.push(ended.map_err(lost)??);
        }
        Ok(())
    }

    /// A part that arrives after the rest is removed would stay, so they end first.
    async fn remove(mut self, objects: &S3Objects) {
        self.under_way.shutdown().await;
        objects.abort(&self.begun).await;
    }
}

async fn begin(objects: &S3Objects, key: &Key, mark: &str) -> Result<Begun, ObjectError> {
    let mut open = Tries::default();
    loop {
        match objects.begin(objects.full(key.as_str()), mark).await {
            Ok(begun) => return Ok(begun),
            Err(failure) => open.again("begin", key, failure).await?,
        }
    }
}

#[async_trait]
impl Upload for Stream {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        if !self.is_whole {
            return Err(self.lacks_a_piece());
        }
        // So it stays where this fails, or is not waited for.
        self.is_whole = false;
        let written = self.write_all(bytes).await;
        if written.is_err() {
            self.give_up().await;
        }
        self.is_whole = written.is_ok();
        written
    }

    async fn finish(mut self: Box<Self>) -> Result<(), ObjectError> {
        if !self.is_whole {
            return Err(self.lacks_a_piece());
        }
        let finished = self.finish_all().await;
        if finished.is_err() {
            self.give_up().await;
        }
        finished
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let objects = self.objects.clone();
        let Ok(runtime) = Handle::try_current() else {
            warn!(key = %self.key, "the parts of an upload stay");
            return;
        };
        runtime.spawn(async move { parts.remove(&objects).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::tests::open;

    #[tokio::test]
    async fn more_parts_than_s3_takes_are_refused() {
        let objects = open(([127, 0, 0, 1], 1).into(), "bucket", "").await;
        let mut stream = Stream::new(objects, Key::new("x").unwrap());
        let mut parts = Parts::of(Begun {
            key: "some/prefix/x".to_owned(),
            id: "id".to_owned(),
        });
        parts.put = vec![CompletedPart::builder().build(); 10_000];
        stream.parts = Some(parts);
        let error = stream.write(Bytes::from_static(b"x")).await.unwrap_err();
        assert!(matches!(error, ObjectError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("10000 parts"), "{error}");
    }
}
