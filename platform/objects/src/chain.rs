//! A chain: numbered objects under a prefix, each put once, so that of several writers one wins
//! every number. What a link says is its owner's business.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Key, ObjectError, Objects, Put};

/// How far the search for the last link jumps at first, doubled with every jump: about one page.
const FIRST_JUMP: u64 = 1_000;

/// A last link that is pruned between its finding and its reading is searched this often. Each
/// time another has added a link and pruned this one, which takes longer than the search.
const MAX_SEARCHES: usize = 8;

/// Numbered objects `<prefix>/<20 digits>` from 1 upwards, without holes but for a pruned start.
#[derive(Clone)]
pub struct Chain {
    objects: Arc<dyn Objects>,
    prefix: String,
}

impl Chain {
    /// The chain under `prefix`, which has no slash at its end. Its owner puts link n + 1 only
    /// where n is the last, and 1 first.
    pub fn new(objects: Arc<dyn Objects>, prefix: impl Into<String>) -> Self {
        Self {
            objects,
            prefix: prefix.into(),
        }
    }

    /// The last link's number and bytes; None for an empty chain. Takes O(log n) requests.
    ///
    /// # Errors
    /// [`ObjectError`] from the storage.
    pub async fn last(&self) -> Result<Option<(u64, Bytes)>, ObjectError> {
        for _ in 0..MAX_SEARCHES {
            let Some(n) = self.last_number().await? else {
                return Ok(None);
            };
            if let Some(bytes) = self.get(n).await? {
                return Ok(Some((n, bytes)));
            }
        }
        Err(ObjectError::Unavailable {
            key: self.prefix.clone(),
            reason: "links are pruned as fast as they are found".to_owned(),
        })
    }

    /// The last link's number, without its bytes; None for an empty chain. Takes O(log n) requests.
    ///
    /// # Errors
    /// [`ObjectError`] from the storage.
    // It gallops past the end, then halves the way back. Links have no holes between them, so that
    // a link behind x says that the last is behind x.
    pub async fn last_number(&self) -> Result<Option<u64>, ObjectError> {
        let first_page = self.links_after(None).await?;
        let Some(&found) = first_page.last() else {
            return Ok(None);
        };
        let mut exists = found;
        let mut jump = 0;
        // Invariant: link `exists` exists, and none exists behind `bound`.
        let mut bound = loop {
            let probe = exists.saturating_add(jump);
            match self.links_after(Some(probe)).await?.last() {
                None => break probe,
                Some(&link) => exists = link,
            }
            jump = (jump * 2).max(FIRST_JUMP);
        };
        while exists < bound {
            let probe = exists + (bound - exists) / 2;
            match self.links_after(Some(probe)).await?.last() {
                None => bound = probe,
                Some(&link) => exists = link,
            }
        }
        Ok(Some(exists))
    }

    /// Reads link `n`; None where there is none.
    ///
    /// # Errors
    /// [`ObjectError`] from the storage.
    pub async fn get(&self, n: u64) -> Result<Option<Bytes>, ObjectError> {
        self.objects.get(&self.key(n)?).await
    }

    /// Puts link `n` if there is none yet.
    ///
    /// # Errors
    /// [`ObjectError`] from the storage. Repeat the call then: a link that exists and has the same
    /// bytes may be by the first one.
    pub async fn put(&self, n: u64, bytes: Bytes) -> Result<Put, ObjectError> {
        self.objects.put_if_absent(&self.key(n)?, bytes).await
    }

    /// Deletes the links up to and including `n`, oldest first.
    ///
    /// A chain whose last link is pruned is empty and forgets its numbers: keep the last one.
    ///
    /// # Errors
    /// [`ObjectError`] from the storage; what is left is still a chain.
    pub async fn prune(&self, n: u64) -> Result<(), ObjectError> {
        let mut links = self.links_after(None).await?;
        while let Some(&newest) = links.last() {
            for &link in links.iter().filter(|link| **link <= n) {
                self.objects.delete(&self.key(link)?).await?;
            }
            if newest >= n {
                break;
            }
            links = self.links_after(Some(newest)).await?;
        }
        Ok(())
    }

    /// A page of the links behind `n`, or from the start; empty where there are none.
    async fn links_after(&self, n: Option<u64>) -> Result<Vec<u64>, ObjectError> {
        let after = n.map(|n| self.key(n)).transpose()?;
        let keys = self
            .objects
            .list(&format!("{}/", self.prefix), after.as_ref())
            .await?;
        keys.iter().map(|key| self.number(key)).collect()
    }

    fn key(&self, n: u64) -> Result<Key, ObjectError> {
        Key::new(format!("{}/{n:020}", self.prefix)).map_err(|error| ObjectError::Refused {
            key: self.prefix.clone(),
            reason: error.to_string(),
        })
    }

    fn number(&self, key: &Key) -> Result<u64, ObjectError> {
        let name = key
            .as_str()
            .get(self.prefix.len() + 1..)
            .unwrap_or_default();
        match name.parse() {
            Ok(number) if name.len() == 20 => Ok(number),
            _ => Err(ObjectError::Refused {
                key: key.to_string(),
                reason: "is no link, and lies in a chain".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
