//! The storage of exports as a command uses it: what is unavailable is tried again for some
//! seconds, and then the command ends. It knows nothing of what is stored.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use objects::{Chain, Key, ObjectError, Objects, Put, Upload};
use service::Shutdown;

use crate::storage::persist;

/// A storage, with the patience of a command.
#[derive(Clone)]
pub(crate) struct Store {
    objects: Arc<dyn Objects>,
    /// Requested from the beginning: nobody is served meanwhile, so that an outage ends the work.
    ending: Shutdown,
}

impl Store {
    /// A storage that exports are put to, or read from.
    pub(crate) fn new(objects: Arc<dyn Objects>) -> Self {
        let ending = Shutdown::new();
        ending.request();
        Self { objects, ending }
    }

    pub(crate) async fn get_range(
        &self,
        key: &Key,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, ObjectError> {
        persist(&self.ending, || self.objects.get_range(key, range.clone())).await
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        persist(&self.ending, || self.objects.get(key)).await
    }

    pub(crate) async fn put(&self, key: &Key, bytes: &Bytes) -> Result<(), ObjectError> {
        persist(&self.ending, || self.objects.put(key, bytes.clone())).await
    }

    /// Begins an object that is put piece by piece.
    pub(crate) async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        persist(&self.ending, || self.objects.upload(key)).await
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        persist(&self.ending, || self.objects.delete(key)).await
    }

    /// A page of keys.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&Key>,
    ) -> Result<Vec<Key>, ObjectError> {
        persist(&self.ending, || self.objects.list(prefix, after)).await
    }

    /// The number of the last link of a chain, and its bytes.
    pub(crate) async fn last_link(&self, chain: &str) -> Result<Option<(u64, Bytes)>, ObjectError> {
        let chain = self.chain(chain);
        persist(&self.ending, || chain.last()).await
    }

    /// Link `n` of a chain.
    pub(crate) async fn link(&self, chain: &str, n: u64) -> Result<Option<Bytes>, ObjectError> {
        let chain = self.chain(chain);
        persist(&self.ending, || chain.get(n)).await
    }

    /// Puts link `n`; says what lies there where somebody else has put one. Bytes that lie there
    /// already are by an attempt whose answer was lost.
    pub(crate) async fn put_link(
        &self,
        chain: &str,
        n: u64,
        bytes: &Bytes,
    ) -> Result<Option<Bytes>, ObjectError> {
        let chain = self.chain(chain);
        match persist(&self.ending, || chain.put(n, bytes.clone())).await? {
            Put::Created => Ok(None),
            Put::Exists => {
                let there = persist(&self.ending, || chain.get(n)).await?;
                Ok(there.filter(|there| there != bytes))
            }
        }
    }

    fn chain(&self, prefix: &str) -> Chain {
        Chain::new(Arc::clone(&self.objects), prefix)
    }
}
