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
use objects::{Key, ObjectError, Objects, Put, memory::MemoryObjects};
use service::Shutdown;
use tokio::task::yield_now;

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

/// A storage that has a fault at one operation.
pub(crate) struct Flaky {
    objects: Arc<dyn Objects>,
    fault: Option<(usize, Fault)>,
    operations: AtomicUsize,
    /// Requested when the process is dead: nothing is answered from then on.
    pub(crate) dead: Shutdown,
}

impl Flaky {
    pub(crate) fn new(objects: Arc<dyn Objects>, fault: Option<(usize, Fault)>) -> Arc<Self> {
        Arc::new(Self {
            objects,
            fault,
            operations: AtomicUsize::new(0),
            dead: Shutdown::new(),
        })
    }

    /// Operations begun so far.
    pub(crate) fn operations(&self) -> usize {
        self.operations.load(Ordering::Relaxed)
    }

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
impl Objects for Flaky {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.run(key.as_str(), self.objects.put(key, bytes)).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        self.run(key.as_str(), self.objects.put_if_absent(key, bytes))
            .await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.run(key.as_str(), self.objects.get(key)).await
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

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.wait().await;
        self.objects.get(key).await
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
