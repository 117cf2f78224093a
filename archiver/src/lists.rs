//! The lists of the tables' files, in object storage: which files are part of a table's hour.
//! What a list is, is decided in [`list`]; no data file is read or written here.
//!
//! A list changes by compare-and-swap, so that whoever reads it sees all of a change or nothing, and
//! of several who change it nobody's change is lost. Before files are replaced, a record of it is put
//! as the next link of the hour's chain. Whoever changes a list reads it first, then the chain, and
//! then swaps what it is by both. So a worker that comes late cannot add again what was replaced
//! meanwhile: either it finds the record, or the list has changed since it was read. (Storages
//! compare bytes. No list is ever again what it was, as every replacement brings a new file.)

mod list;
mod replaced;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use objects::{Chain, Key, ObjectError, Objects, Put, Swap, Tag, key_at};
use service::Shutdown;
use tokio::time;

pub(crate) use list::{List, Replacement};
pub(crate) use replaced::{Replaced, RowCounts, Why};

use crate::{commit::to_bytes, layout::Partition, metrics, storage::persist};

/// The wait after a first swap that came too late: about what a swap takes.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait: some hundred writers get their turn within it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The lists of an archive.
#[derive(Clone)]
pub(crate) struct Lists {
    objects: Arc<dyn Objects>,
    drain: Shutdown,
}

/// How things stand with a table's hour.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The files that count. It may be that the stored list is behind.
    pub(crate) list: List,
    /// All replacements there were.
    pub(crate) records: Vec<Replaced>,
}

/// A list as it is stored, to be swapped.
struct Stored {
    list: List,
    /// None where there is none yet.
    tag: Option<Tag>,
}

impl Lists {
    /// The lists of the archive in `objects`. Storage that is away is waited for until `drain`.
    pub(crate) fn new(objects: Arc<dyn Objects>, drain: Shutdown) -> Self {
        Self { objects, drain }
    }

    /// Makes files part of a table's hour, unless they were replaced. May be done twice.
    pub(crate) async fn add(&self, partition: Partition, files: &[Key]) -> anyhow::Result<()> {
        let uris: Vec<String> = files.iter().map(|key| self.objects.uri(key)).collect();
        self.bring_up(partition, &uris)
            .await
            .with_context(|| format!("list the files of {partition}"))
    }

    /// Brings the stored list up to all replacements that there were. May be done twice.
    pub(crate) async fn settle(&self, partition: Partition) -> anyhow::Result<()> {
        self.add(partition, &[]).await
    }

    /// Puts the record of a replacement, which makes it count. [`Put::Exists`] says that there was
    /// another since `record.n - 1`, and that this one counts for nothing. Settle afterwards.
    pub(crate) async fn record(
        &self,
        partition: Partition,
        record: &Replaced,
    ) -> anyhow::Result<Put> {
        ensure!(
            record.adds_up() && !record.outputs.is_empty(),
            "the rows of a replacement in {partition} do not add up: {:?}",
            record.counts
        );
        let bytes = to_bytes(record)?;
        let chain = self.replaced(partition);
        let put = persist(&self.drain, || chain.put(record.n, bytes.clone()))
            .await
            .context("record a replacement")?;
        if put == Put::Created {
            return Ok(put);
        }
        // It may be this very one, from an attempt whose answer was lost or from somebody who does
        // just the same.
        let there = persist(&self.drain, || chain.get(record.n)).await?;
        Ok(if there == Some(bytes) {
            Put::Created
        } else {
            Put::Exists
        })
    }

    /// How things stand.
    pub(crate) async fn standing(&self, partition: Partition) -> anyhow::Result<Standing> {
        let stored = self.stored(partition).await?;
        let records = self.records(partition).await?;
        let mut list = stored.list;
        list.settle(&self.replacements(&records)?);
        Ok(Standing { list, records })
    }

    /// The list as it is stored, and all replacements that it is brought up to: what one of these has
    /// replaced and the list does not name is never listed again, not even by who has read it before.
    ///
    /// To know the replacements first is not enough. A list that is behind one of them may yet come to
    /// name what that one brought, though a later one has replaced it.
    pub(crate) async fn settled(&self, partition: Partition) -> anyhow::Result<Standing> {
        loop {
            let records = self.records(partition).await?;
            let stored = self.stored(partition).await?;
            let mut list = stored.list.clone();
            list.settle(&self.replacements(&records)?);
            if list == stored.list {
                return Ok(Standing { list, records });
            }
            self.settle(partition).await?;
        }
    }

    /// The stored list; None where there is none.
    pub(crate) async fn read(&self, partition: Partition) -> anyhow::Result<Option<List>> {
        let stored = self.stored(partition).await?;
        Ok(stored.tag.map(|_| stored.list))
    }

    /// The key of a listed file of this archive.
    pub(crate) fn key(&self, partition: Partition, uri: &str) -> anyhow::Result<Key> {
        let list = partition.list_key()?;
        key_at(&*self.objects, uri)
            .filter(|key| Partition::of(key.as_str()) == Some(partition))
            .with_context(|| format!("{list} names {uri}, which is no file of it in this archive"))
    }

    async fn bring_up(&self, partition: Partition, uris: &[String]) -> anyhow::Result<()> {
        let mut wait = FIRST_WAIT;
        loop {
            let stored = self.stored(partition).await?;
            if !uris.is_empty() && uris.iter().all(|uri| stored.list.has(uri)) {
                return Ok(());
            }
            let records = self.records(partition).await?;
            let mut list = stored.list.clone();
            list.add(uris.iter().cloned());
            list.settle(&self.replacements(&records)?);
            if list == stored.list {
                return Ok(());
            }
            if self.swap(partition, &list, stored.tag.as_ref()).await? == Swap::Done {
                metrics::list_swapped();
                return Ok(());
            }
            metrics::list_contended();
            time::sleep(wait.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn swap(
        &self,
        partition: Partition,
        list: &List,
        tag: Option<&Tag>,
    ) -> anyhow::Result<Swap> {
        let (key, bytes) = (partition.list_key()?, Bytes::from(list.to_text()));
        let put = async || -> Result<Swap, ObjectError> {
            let Some(tag) = tag else {
                return Ok(
                    match self.objects.put_if_absent(&key, bytes.clone()).await? {
                        Put::Created => Swap::Done,
                        Put::Exists => Swap::Changed,
                    },
                );
            };
            self.objects
                .put_if_unchanged(&key, bytes.clone(), tag)
                .await
        };
        Ok(persist(&self.drain, put).await?)
    }

    async fn stored(&self, partition: Partition) -> anyhow::Result<Stored> {
        let key = partition.list_key()?;
        let read = persist(&self.drain, || self.objects.get_tagged(&key)).await?;
        let Some((bytes, tag)) = read else {
            let list = List::default();
            return Ok(Stored { list, tag: None });
        };
        Ok(Stored {
            list: List::parse(&bytes).with_context(|| format!("{key} is no list of files"))?,
            tag: Some(tag),
        })
    }

    /// All links of the hour's chain; most hours have none.
    async fn records(&self, partition: Partition) -> anyhow::Result<Vec<Replaced>> {
        let chain = self.replaced(partition);
        let mut records = Vec::new();
        loop {
            let n = records.len() as u64 + 1;
            let Some(bytes) = persist(&self.drain, || chain.get(n)).await? else {
                return Ok(records);
            };
            let record = serde_json::from_slice(&bytes)
                .with_context(|| format!("{}/{n:020}", partition.replaced_chain()))?;
            records.push(record);
        }
    }

    fn replacements(&self, records: &[Replaced]) -> anyhow::Result<Vec<Replacement>> {
        let uris = |files: &[crate::commit::File]| -> anyhow::Result<Vec<String>> {
            let keys = files.iter().map(|file| Key::new(&file.object.key));
            keys.map(|key| Ok(self.objects.uri(&key?))).collect()
        };
        let replacement = |record: &Replaced| {
            Ok(Replacement {
                inputs: uris(&record.inputs)?,
                outputs: uris(&record.outputs)?,
            })
        };
        records.iter().map(replacement).collect()
    }

    fn replaced(&self, partition: Partition) -> Chain {
        Chain::new(Arc::clone(&self.objects), partition.replaced_chain())
    }
}
