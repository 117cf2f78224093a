//! An audit: proof that a period is complete. Every commit of every shard is there, one beginning where
//! the one before ends; every file with rows of the period is listed, or was replaced by what is listed,
//! and is what was written; and nothing else is listed. It changes nothing.
//!
//! What it keeps in memory is 100 bytes or so a file of the period, and one hour's books at a time.

mod chain;
mod files;
mod findings;
mod hour;
mod letters;
mod settings;
mod shard;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use objects::Objects;
use service::Shutdown;

pub(crate) use findings::Findings;
pub(crate) use settings::Settings;

use crate::{
    books::Books,
    commit::{File, StoredObject},
    hours::files_in,
    layout::{Link, Partition, Table},
    lists::{Lists, Standing},
};
use hour::check_hour;

/// An audit under way.
struct Audit {
    settings: Settings,
    books: Books,
    lists: Lists,
    shards: Vec<String>,
    committed: BTreeMap<Partition, Vec<Committed>>,
    findings: Findings,
}

/// A committed file, as little of it as tells it from others.
#[derive(Debug, Clone, Copy)]
struct Committed {
    shard: u32,
    n: u64,
    rows: u64,
    bytes: u64,
    sha256: [u8; 32],
    min_ms: i64,
    max_ms: i64,
}

/// Audits a period.
///
/// # Errors
/// What keeps it from auditing. What is wrong with the archive is among the findings.
pub(crate) async fn audit(
    settings: Settings,
    objects: Arc<dyn Objects>,
    stop: &Shutdown,
) -> anyhow::Result<Findings> {
    let mut audit = Audit {
        settings,
        lists: Lists::new(Arc::clone(&objects), stop.clone()),
        books: Books::new(objects, stop.clone()),
        shards: Vec::new(),
        committed: BTreeMap::new(),
        findings: Findings::default(),
    };
    audit.run().await?;
    let mut findings = audit.findings;
    findings.complete = findings.faults.count == 0;
    Ok(findings)
}

impl Audit {
    async fn run(&mut self) -> anyhow::Result<()> {
        for shard in self.books.shards().await? {
            self.shards.push(shard.clone());
            self.follow(&shard)
                .await
                .with_context(|| format!("shard {shard}"))?;
        }
        for table in Table::ALL {
            for hour in self.settings.period.hours() {
                let partition = Partition { table, hour };
                if let Err(error) = self.hour(partition).await {
                    self.findings.faults.push(format!("{partition}: {error:#}"));
                }
            }
        }
        Ok(())
    }

    /// Audits a table's hour.
    async fn hour(&mut self, partition: Partition) -> anyhow::Result<()> {
        let committed = self.committed.remove(&partition).unwrap_or_default();
        let committed: anyhow::Result<Vec<File>> = committed
            .iter()
            .map(|file| file.file(partition, &self.shards))
            .collect();
        // The list first: what is replaced after that is in the records, too.
        let list = self.lists.read(partition).await?.unwrap_or_default();
        let Standing { records, .. } = self.lists.standing(partition).await?;
        let mut listed = BTreeSet::new();
        for uri in list.uris() {
            match self.lists.key(partition, uri) {
                Ok(key) => drop(listed.insert(key.to_string())),
                Err(error) => self.findings.faults.push(error.to_string()),
            }
        }
        let check = check_hour(committed?, &records, &listed);
        for fault in check.faults {
            self.findings.faults.push(fault);
        }
        let storage = &self.books.storage;
        let there = files_in(&*storage.objects, &storage.drain, partition).await?;
        for key in there.iter().filter(|key| !listed.contains(key.as_str())) {
            self.findings.notes.push(if check.replaced.contains(key.as_str()) {
                format!("{key} was replaced, and will be deleted by `archiver compact`")
            } else {
                format!("{key} lies there and is not part of the table: a commit that is being made, or a stranger's")
            });
        }
        let mut late = 0;
        for file in &check.files {
            late += self.look_at(partition, file).await;
        }
        if late > 0 {
            self.findings.late.insert(partition.to_string(), late);
        }
        let name = partition.table.as_str().to_owned();
        let table = self.findings.tables.entry(name).or_default();
        table.committed += check.committed;
        table.repeats += check.repeats;
        table.conflicts += check.conflicts;
        table.erased += check.erased;
        table.late += late;
        for file in &check.files {
            table.files += 1;
            table.rows += file.rows;
            table.bytes += file.object.bytes;
        }
        Ok(())
    }
}

impl Committed {
    fn file(&self, partition: Partition, shards: &[String]) -> anyhow::Result<File> {
        let shard = shards.get(self.shard as usize).context("a shard")?;
        let link = Link {
            shard: shard.clone(),
            n: self.n,
        };
        let key = link.file_key(partition.table, partition.hour)?;
        Ok(File {
            table: partition.table,
            object: StoredObject {
                key: key.to_string(),
                bytes: self.bytes,
                sha256: crate::dead_letters::Hex(&self.sha256).to_string(),
            },
            rows: self.rows,
            min_ms: self.min_ms,
            max_ms: self.max_ms,
        })
    }
}

#[cfg(test)]
mod tests;
