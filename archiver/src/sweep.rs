//! Deleting what replacements have left behind: files that were replaced, once no query can be under
//! way that begins with them, and files that never came to count. It deletes nothing that is listed,
//! and nothing of which no record says that it may go.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use objects::{Key, Put};
use serde::{Deserialize, Serialize};

use crate::{
    books::Books,
    hours::files_in,
    layout::{FileName, Partition},
    lists::{Lists, Replaced, Standing},
    storage::persist,
};

/// Deletes what was replaced so long ago.
pub(crate) struct Sweep<'a> {
    pub(crate) books: &'a Books,
    pub(crate) lists: &'a Lists,
    pub(crate) grace: Duration,
    /// The time of day, Unix ms UTC.
    pub(crate) now_ms: i64,
}

/// Since when a list is known to be without what a record has replaced.
#[derive(Debug, Serialize, Deserialize)]
struct Swapped {
    since_ms: i64,
}

/// Whether a file may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It counts, or may come to.
    Stays,
    /// This record has replaced it: it goes after the grace.
    ReplacedBy(u64),
    /// It never counted and never will: another file came first under its number, so that whoever
    /// wrote it cannot record it any more.
    Leftover,
}

impl Sweep<'_> {
    /// Deletes what may go of an hour; says how many files.
    pub(crate) async fn hour(&self, partition: Partition) -> anyhow::Result<u64> {
        let there = files_in(
            &*self.books.storage.objects,
            &self.books.storage.drain,
            partition,
        )
        .await?;
        let Standing { list, records } = self.lists.settled(partition).await?;
        let fates = Fates::new(&records);
        let mut waits: BTreeMap<u64, bool> = BTreeMap::new();
        let mut deleted = 0;
        for key in there {
            if list.has(&self.books.storage.objects.uri(&key)) {
                continue;
            }
            let may_go = match fates.of(&key) {
                Fate::Stays => false,
                Fate::Leftover => true,
                Fate::ReplacedBy(n) => {
                    if let Some(is_over) = waits.get(&n) {
                        *is_over
                    } else {
                        let is_over = self.is_over(partition, n).await?;
                        waits.insert(n, is_over);
                        is_over
                    }
                }
            };
            if may_go {
                self.delete(&key).await?;
                deleted += 1;
            }
        }
        for (n, _) in waits.into_iter().filter(|(_, is_over)| *is_over) {
            self.delete(&partition.swapped_key(n)?).await?;
        }
        Ok(deleted)
    }

    /// Whether the list has been without what record `n` replaced for long enough. Who asks first
    /// begins the wait.
    async fn is_over(&self, partition: Partition, n: u64) -> anyhow::Result<bool> {
        let (objects, drain) = (&self.books.storage.objects, &self.books.storage.drain);
        let key = partition.swapped_key(n)?;
        let now = Swapped {
            since_ms: self.now_ms,
        };
        let bytes = Bytes::from(serde_json::to_vec(&now)?);
        let put = persist(drain, || objects.put_if_absent(&key, bytes.clone())).await?;
        let since = match put {
            Put::Created => now,
            Put::Exists => {
                let there = persist(drain, || objects.get(&key)).await?;
                // Where it is gone, another has swept.
                let Some(bytes) = there else { return Ok(false) };
                serde_json::from_slice(&bytes).with_context(|| key.to_string())?
            }
        };
        let grace_ms = i64::try_from(self.grace.as_millis()).unwrap_or(i64::MAX);
        Ok(since.since_ms.saturating_add(grace_ms) <= self.now_ms)
    }

    async fn delete(&self, key: &Key) -> anyhow::Result<()> {
        let objects = &self.books.storage.objects;
        persist(&self.books.storage.drain, || objects.delete(key))
            .await
            .with_context(|| format!("delete {key}"))
    }
}

/// What becomes of the files of an hour that are not listed.
struct Fates<'a> {
    replaced_by: HashMap<&'a str, u64>,
    outputs: BTreeSet<&'a str>,
    /// The number of the last record.
    last: u64,
}

impl<'a> Fates<'a> {
    fn new(records: &'a [Replaced]) -> Self {
        let inputs = records
            .iter()
            .flat_map(|record| record.inputs.iter().map(|file| (file, record.n)));
        let outputs = records.iter().flat_map(|record| &record.outputs);
        Self {
            replaced_by: inputs
                .map(|(file, n)| (file.object.key.as_str(), n))
                .collect(),
            outputs: outputs.map(|file| file.object.key.as_str()).collect(),
            last: records.len() as u64,
        }
    }

    fn of(&self, key: &Key) -> Fate {
        if let Some(&n) = self.replaced_by.get(key.as_str()) {
            return Fate::ReplacedBy(n);
        }
        match FileName::of(key.as_str()) {
            Some(FileName::Merged { n })
                if n <= self.last && !self.outputs.contains(key.as_str()) =>
            {
                Fate::Leftover
            }
            _ => Fate::Stays,
        }
    }
}
