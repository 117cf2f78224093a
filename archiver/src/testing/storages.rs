//! Storages with faults, around the one in memory.
//! They know nothing of what is stored.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use objects::{Key, ObjectError, Objects, Put, Swap, Tag, Upload, memory::MemoryObjects};
use service::Shutdown;
use tokio::task::yield_now;

use crate::storage::Storage;

/// What a storage does when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answers one operation with an error, and does not do it.
    RefuseBefore,
    /// Answers one operation with an error, and does it.
    RefuseAfter,
    /// The process dies before an operation.
    DieBefore,
    /// The process dies after an operation, before it has heard of it.
    DieAfter,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] = [
        Self::RefuseBefore,
        Self::RefuseAfter,
        Self::DieBefore,
        Self::DieAfter,
    ];
}

impl Fault {
    /// Those that tell apart what others do not: to die before an operation leaves what dying after the
    /// one before it leaves, and what was refused is just done again.
    pub(crate) const DISTINCT: [Self; 2] = [Self::RefuseAfter, Self::DieAfter];
}

/// A storage as work waits for it that nothing ends.
pub(crate) fn storage(objects: &Arc<dyn Objects>) -> Storage {
    Storage {
        objects: Arc::clone(objects),
        drain: Shutdown::new(),
    }
}

/// A storage of its own with all that is in another one.
pub(crate) async fn copy_of(objects: &dyn Objects) -> Arc<dyn Objects> {
    let copy = MemoryObjects::default();
    for key in super::keys(objects, "").await {
        let bytes = objects.get(&key).await.unwrap().unwrap();
        copy.put(&key, bytes).await.unwrap();
    }
    Arc::new(copy)
}

/// A storage that has a fault at one operation.
pub(crate) struct Flaky {
    objects: Arc<dyn Objects>,
    faults: Arc<Faults>,
    /// Requested when the process is dead: nothing is answered from then on.
    pub(crate) dead: Shutdown,
}

/// The fault that is to come, and the operations until then.
struct Faults {
    fault: Option<(usize, Fault)>,
    operations: AtomicUsize,
    dead: Shutdown,
}

/// An upload that has a fault at its end.
struct FlakyUpload {
    upload: Box<dyn Upload>,
    key: Key,
    faults: Arc<Faults>,
}

impl Flaky {
    pub(crate) fn new(objects: Arc<dyn Objects>, fault: Option<(usize, Fault)>) -> Arc<Self> {
        let dead = Shutdown::new();
        Arc::new(Self {
            objects,
            faults: Arc::new(Faults {
                fault,
                operations: AtomicUsize::new(0),
                dead: dead.clone(),
            }),
            dead,
        })
    }

    /// Operations begun so far.
    pub(crate) fn operations(&self) -> usize {
        self.faults.operations.load(Ordering::Relaxed)
    }

    async fn run<T>(
        &self,
        key: &str,
        operation: impl Future<Output = Result<T, ObjectError>>,
    ) -> Result<T, ObjectError> {
        self.faults.run(key, operation).await
    }
}

impl Faults {
    async fn run<T>(
        &self,
        key: &str,
        operation: impl Future<Output = Result<T, ObjectError>>,
    ) -> Result<T, ObjectError> {
        if self.dead.is_requested() {
            return std::future::pending().await;
        }
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        let fault = self
            .fault
            .filter(|(at, _)| *at == number)
            .map(|(_, fault)| fault);
        let unavailable = ObjectError::Unavailable {
            key: key.to_owned(),
            reason: "flaky".into(),
        };
        if matches!(fault, None | Some(Fault::RefuseAfter | Fault::DieAfter)) {
            let done = operation.await;
            if fault.is_none() {
                return done;
            }
        }
        if matches!(fault, Some(Fault::DieBefore | Fault::DieAfter)) {
            self.dead.request();
            return std::future::pending().await;
        }
        Err(unavailable)
    }
}

#[async_trait]
impl Upload for FlakyUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        if self.faults.dead.is_requested() {
            return std::future::pending().await;
        }
        self.upload.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        let finish = self.upload.finish();
        self.faults.run(self.key.as_str(), finish).await
    }
}

#[async_trait]
impl Objects for Flaky {
    fn uri(&self, key: &Key) -> String {
        self.objects.uri(key)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.run(key.as_str(), self.objects.put(key, bytes)).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        self.run(key.as_str(), self.objects.put_if_absent(key, bytes))
            .await
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        self.run(key.as_str(), self.objects.put_if_unchanged(key, bytes, tag))
            .await
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        // What it puts is put when it is finished: that is the operation.
        Ok(Box::new(FlakyUpload {
            upload: self.objects.upload(key).await?,
            key: key.clone(),
            faults: Arc::clone(&self.faults),
        }))
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.run(key.as_str(), self.objects.get(key)).await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        self.run(key.as_str(), self.objects.get_tagged(key)).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        self.run(key.as_str(), self.objects.get_range(key, range))
            .await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        self.run(prefix, self.objects.list(prefix, after)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.run(key.as_str(), self.objects.delete(key)).await
    }
}

/// A storage whose answers come in another order with every seed.
pub(crate) struct Jittery {
    pub(crate) objects: Arc<MemoryObjects>,
    pub(crate) seed: AtomicUsize,
}

impl Jittery {
    async fn wait(&self) {
        let drawn = self.seed.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        for _ in 0..(drawn.wrapping_mul(0x85eb_ca6b) >> 13) % 7 {
            yield_now().await;
        }
    }
}

#[async_trait]
impl Objects for Jittery {
    fn uri(&self, key: &Key) -> String {
        self.objects.uri(key)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.wait().await;
        let done = self.objects.put(key, bytes).await;
        self.wait().await;
        done
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        self.wait().await;
        let done = self.objects.put_if_absent(key, bytes).await;
        self.wait().await;
        done
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        self.wait().await;
        let done = self.objects.put_if_unchanged(key, bytes, tag).await;
        self.wait().await;
        done
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        self.wait().await;
        self.objects.upload(key).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.wait().await;
        self.objects.get(key).await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        self.wait().await;
        self.objects.get_tagged(key).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        self.objects.get_range(key, range).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        self.wait().await;
        self.objects.list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.objects.delete(key).await
    }
}
