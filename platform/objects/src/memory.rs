//! Objects in this process's memory, for tests and demonstrations. They end with the process.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, MAX_KEYS, ObjectError, Objects, Put, Swap, Tag, Upload};

/// Objects in memory. Unlike a file system, and like S3, it holds `a` and `a/b` at once.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    /// Shared with the uploads under way.
    objects: Arc<Mutex<BTreeMap<Key, Bytes>>>,
}

/// What was written so far of an object.
struct Written {
    objects: Arc<Mutex<BTreeMap<Key, Bytes>>>,
    key: Key,
    bytes: Vec<u8>,
}

impl MemoryObjects {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
        lock(&self.objects)
    }
}

/// No operation leaves the map half changed, so that a panic elsewhere spoils nothing.
fn lock(objects: &Mutex<BTreeMap<Key, Bytes>>) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Objects for MemoryObjects {
    fn uri(&self, key: &Key) -> String {
        format!("memory:{key}")
    }

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

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        let mut objects = self.lock();
        match objects.get_mut(key) {
            Some(there) if Tag::of(there) == *tag => {
                *there = bytes;
                Ok(Swap::Done)
            }
            _ => Ok(Swap::Changed),
        }
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        Ok(Box::new(Written {
            objects: Arc::clone(&self.objects),
            key: key.clone(),
            bytes: Vec::new(),
        }))
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        Ok(self.lock().get(key).cloned())
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        let bytes = self.lock().get(key).cloned();
        Ok(bytes.map(|bytes| (bytes.clone(), Tag::of(&bytes))))
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

#[async_trait]
impl Upload for Written {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        lock(&self.objects).insert(self.key, self.bytes.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn objects_in_memory_are_what_the_trait_promises() {
        conformance::check(Arc::new(MemoryObjects::default()))
            .await
            .unwrap();
    }
}
