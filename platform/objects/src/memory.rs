//! Objects in this process's memory, for tests and demonstrations. They end with the process.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, MAX_KEYS, ObjectError, Objects, Put};

/// Objects in memory. Unlike a file system, and like S3, it holds `a` and `a/b` at once.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    objects: Mutex<BTreeMap<Key, Bytes>>,
}

impl MemoryObjects {
    /// No operation leaves the map half changed, so that a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.lock().insert(key.clone(), bytes);
        Ok(())
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        let mut objects = self.lock();
        if objects.contains_key(key) {
            return Ok(Put::Exists);
        }
        objects.insert(key.clone(), bytes);
        Ok(Put::Created)
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        Ok(self.lock().get(key).cloned())
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        let objects = self.lock();
        let Some(bytes) = objects.get(key) else {
            return Ok(None);
        };
        let end = range.end.min(bytes.len() as u64);
        let start = range.start.min(end);
        Ok(Some(bytes.slice(start as usize..end as usize)))
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        let start = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let objects = self.lock();
        let keys = objects
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(key, _)| key);
        Ok(keys
            .take_while(|key| key.as_str().starts_with(prefix))
            .take(MAX_KEYS)
            .cloned()
            .collect())
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.lock().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn objects_in_memory_are_what_the_trait_promises() {
        conformance::check(Arc::new(MemoryObjects::default()))
            .await
            .unwrap();
    }
}
