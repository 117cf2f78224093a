//! Streams and storages that fail, for the tests of the worker: killed at a step, flaky, or slow.

use std::{
    future::pending,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use objects::{Key, ObjectError, Objects, Put, Swap, Tag, Upload};
use tokio::{sync::Notify, time::sleep};
use transport::{
    AppendError, Appended, Batch, Consumer, Lineage, Position, Producer, Read, Shard, ShardId,
    Stream, StreamError, testing,
};

/// Burns down with every step, and stops everything that waits for it once it is blown.
pub(crate) struct Fuse {
    left: AtomicI64,
    blown: Notify,
}

impl Fuse {
    pub(crate) fn burning(steps: i64) -> Self {
        Self {
            left: AtomicI64::new(steps),
            blown: Notify::new(),
        }
    }

    /// Waits until it is blown.
    pub(crate) async fn blown(&self) {
        self.blown.notified().await;
    }

    async fn burn(&self) {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left == 1 {
            self.blown.notify_one();
        }
        if left <= 1 {
            pending::<()>().await;
        }
    }
}

/// Stops for ever before or after an effect, as a process does that is killed there.
pub(crate) struct Fused<Inner: ?Sized> {
    pub(crate) inner: Arc<Inner>,
    pub(crate) fuse: Arc<Fuse>,
}

#[async_trait]
impl Stream for Fused<dyn Stream> {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(Fused {
            inner: self.inner.producer(),
            fuse: self.fuse.clone(),
        })
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        self.inner.consumer(group)
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.inner.close().await
    }
}

#[async_trait]
impl Producer for Fused<dyn Producer> {
    async fn append(&self, batch: Batch) -> Appended {
        self.fuse.burn().await;
        let appended = self.inner.append(batch).await;
        self.fuse.burn().await;
        appended
    }
}

#[async_trait]
impl Objects for Fused<dyn Objects> {
    fn uri(&self, key: &Key) -> String {
        self.inner.uri(key)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.inner.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        self.fuse.burn().await;
        let put = self.inner.put_if_absent(key, bytes).await;
        self.fuse.burn().await;
        put
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        self.fuse.burn().await;
        let swap = self.inner.put_if_unchanged(key, bytes, tag).await;
        self.fuse.burn().await;
        swap
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        self.inner.upload(key).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.inner.get(key).await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        self.inner.get_tagged(key).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        self.inner.get_range(key, range).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        self.fuse.burn().await;
        self.inner.list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.fuse.burn().await;
        self.inner.delete(key).await
    }
}

/// Is unavailable at two calls of three.
pub(crate) struct Flaky<Inner: ?Sized> {
    pub(crate) inner: Arc<Inner>,
    pub(crate) calls: Arc<AtomicU32>,
}

impl<Inner: ?Sized> Flaky<Inner> {
    fn fails(&self) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst) % 3 != 2
    }

    fn answer(&self, key: &str) -> Result<(), ObjectError> {
        if self.fails() {
            return Err(ObjectError::Unavailable {
                key: key.into(),
                reason: "flaky".into(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Stream for Flaky<dyn Stream> {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(Flaky {
            inner: self.inner.producer(),
            calls: self.calls.clone(),
        })
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        self.inner.consumer(group)
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.inner.close().await
    }
}

#[async_trait]
impl Producer for Flaky<dyn Producer> {
    /// Fails with every second record of a batch, beginning with the first.
    async fn append(&self, batch: Batch) -> Appended {
        if !self.fails() {
            return self.inner.append(batch).await;
        }
        let mut taken = Batch::default();
        for (key, payload) in batch.iter().skip(1).step_by(2) {
            taken.push(
                |bytes| bytes.extend_from_slice(key),
                |bytes| bytes.extend_from_slice(payload),
            );
        }
        assert!(self.inner.append(taken).await.failed.is_empty());
        unavailable((0..batch.len()).step_by(2))
    }
}

fn unavailable(indexes: impl Iterator<Item = usize>) -> Appended {
    let error = AppendError::Unavailable("flaky".into());
    Appended {
        failed: indexes.map(|at| (at, error.clone())).collect(),
    }
}

#[async_trait]
impl Objects for Flaky<dyn Objects> {
    fn uri(&self, key: &Key) -> String {
        self.inner.uri(key)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.answer(key.as_str())?;
        self.inner.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        // The answer gets lost, after the object is put.
        let put = self.inner.put_if_absent(key, bytes).await?;
        self.answer(key.as_str())?;
        Ok(put)
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        // The answer gets lost, after the object is put.
        let swap = self.inner.put_if_unchanged(key, bytes, tag).await?;
        self.answer(key.as_str())?;
        Ok(swap)
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        self.answer(key.as_str())?;
        self.inner.upload(key).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.answer(key.as_str())?;
        self.inner.get(key).await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        self.answer(key.as_str())?;
        self.inner.get_tagged(key).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        self.answer(key.as_str())?;
        self.inner.get_range(key, range).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        self.answer(prefix)?;
        self.inner.list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.answer(key.as_str())?;
        self.inner.delete(key).await
    }
}

/// A stream that can be read and takes nothing.
pub(crate) struct ReadOnly {
    pub(crate) inner: Arc<dyn Stream>,
}

#[async_trait]
impl Stream for ReadOnly {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(TakesNothing)
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        self.inner.consumer(group)
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.inner.close().await
    }
}

struct TakesNothing;

#[async_trait]
impl Producer for TakesNothing {
    async fn append(&self, batch: Batch) -> Appended {
        unavailable(0..batch.len())
    }
}

/// What a shard answers to being finished: so many refusals before it works, which is counted in
/// `finished`; and steps before and after that at which the process may die.
pub(crate) fn finishing(
    mut refusals: u32,
    finished: Arc<AtomicU32>,
    fuse: Arc<Fuse>,
) -> testing::Finish {
    Box::new(move || {
        let is_refused = refusals > 0;
        refusals = refusals.saturating_sub(1);
        let (finished, fuse) = (finished.clone(), fuse.clone());
        Box::pin(async move {
            fuse.burn().await;
            if is_refused {
                return Err(StreamError::Storage("flaky".into()));
            }
            finished.fetch_add(1, Ordering::SeqCst);
            fuse.burn().await;
            Ok(())
        })
    })
}

/// Answers every read after a while.
pub(crate) struct Slow<Inner: ?Sized> {
    pub(crate) inner: Box<Inner>,
    pub(crate) wait: Duration,
}

#[async_trait]
impl Shard for Slow<dyn Shard> {
    fn id(&self) -> &ShardId {
        self.inner.id()
    }

    fn lineage(&self) -> &Lineage {
        self.inner.lineage()
    }

    fn seek(&mut self, after: Option<Position>) {
        self.inner.seek(after);
    }

    async fn read(&mut self) -> Result<Read, StreamError> {
        sleep(self.wait).await;
        self.inner.read().await
    }

    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError> {
        sleep(self.wait).await;
        self.inner.read_if_any().await
    }

    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError> {
        self.inner.checkpoint(position).await
    }

    async fn finish(&mut self) -> Result<(), StreamError> {
        self.inner.finish().await
    }
}
