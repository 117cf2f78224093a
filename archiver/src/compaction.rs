//! Compaction: the many small files of an hour that is over become few large ones, and no query at
//! any moment sees a row twice or not at all. How a list changes is `lists`', how rows are written
//! `rewriting`'s; no row is erased here, but for repeats.
//!
//! Killed anywhere and begun again, or by several at once, it comes to the same: what it writes has
//! names that stand for all that it depends on; a replacement counts from its record on, for which
//! one wins each number; and whoever comes next brings the list up to it. What was replaced is
//! deleted once the list has been without it for longer than any query takes.

mod plan;
mod report;
mod settings;

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use objects::{Key, Objects, Put};
use schemas::{Ping, RideEvent, Trip};
use service::Shutdown;
use tracing::{info, warn};

pub(crate) use report::Report;
pub(crate) use settings::Settings;

use crate::{
    books::Books,
    hours::Hours,
    layout::{Partition, Table},
    lists::{Lists, Replaced, Standing, Why},
    rewriting::{Place, Rewritten, Verdict, digest, rewrite},
    sweep::Sweep,
    worker::unix_ms,
};
use plan::{choose, is_due};
use report::HourReport;

/// An hour that others change meanwhile is begun again so often.
const MAX_TRIES: usize = 8;

/// Compacts an archive.
struct Compaction {
    settings: Settings,
    books: Books,
    lists: Lists,
    /// The time of day, Unix ms UTC: when what was replaced may go.
    now_ms: fn() -> i64,
}

/// What merging files of an hour came to.
enum Merged {
    /// This is in their place.
    Replaced(Replaced),
    /// They are large enough.
    Nothing,
    /// Others have replaced something first.
    TooLate,
}

/// Compacts the hours that `settings` name, until `stop` is requested. An hour that cannot be
/// compacted stays as it is, and the report names it.
///
/// # Errors
/// An error for settings that make no sense now, and where the archive cannot be listed.
pub(crate) async fn compact(
    settings: Settings,
    objects: Arc<dyn Objects>,
    stop: &Shutdown,
) -> anyhow::Result<Report> {
    settings.check(unix_ms())?;
    let compaction = Compaction {
        settings,
        lists: Lists::new(Arc::clone(&objects), stop.clone()),
        books: Books::new(objects, stop.clone()),
        now_ms: unix_ms,
    };
    compaction.run(stop).await
}

impl Compaction {
    async fn run(&self, stop: &Shutdown) -> anyhow::Result<Report> {
        let mut report = Report::default();
        for table in self.settings.tables() {
            let range = (None, Some(self.settings.end()));
            let mut hours = Hours::new(&*self.books.storage.objects, stop, table, range)?;
            while let Some((partition, there)) = hours.next().await.context("list an hour")? {
                if stop.is_requested() {
                    report
                        .failures
                        .push("it was stopped before its end".to_owned());
                    return Ok(report);
                }
                match self.compact_hour(partition, &there).await {
                    Ok(hour) => report.add(&hour),
                    Err(error) => {
                        warn!(%partition, error = format!("{error:#}"), "left as it is");
                        report.failures.push(format!("{partition}: {error:#}"));
                    }
                }
            }
            let strangers = hours.strangers.iter();
            report.failures.extend(
                strangers.map(|key| format!("{key} lies in no hour of a table: move it away")),
            );
        }
        Ok(report)
    }

    /// Compacts an hour, whose files are `there`.
    async fn compact_hour(
        &self,
        partition: Partition,
        there: &[Key],
    ) -> anyhow::Result<HourReport> {
        let mut report = HourReport::default();
        if there.len() < self.settings.least_files() {
            return Ok(report);
        }
        let merged = self.merge_if_due(partition, &mut report).await;
        let sweep = Sweep {
            books: &self.books,
            lists: &self.lists,
            grace: self.settings.grace,
            now_ms: (self.now_ms)(),
        };
        report.deleted = sweep.hour(partition).await?;
        merged.map(|()| report)
    }

    async fn merge_if_due(
        &self,
        partition: Partition,
        report: &mut HourReport,
    ) -> anyhow::Result<()> {
        let mut tries = 0;
        while tries < MAX_TRIES {
            // Somebody may have recorded a replacement and died.
            self.lists.settle(partition).await?;
            let standing = self.lists.standing(partition).await?;
            ensure!(
                standing.list.uris().len() > 0,
                "no file of it is listed: run `archiver publish` for an archive from before there were lists"
            );
            let keys = self.keys(partition, &standing)?;
            if !is_due(&keys, &standing.records, self.settings.least_files()) {
                return Ok(());
            }
            match self.merge(partition, &keys, &standing).await {
                Ok(Merged::Nothing) => return Ok(()),
                Ok(Merged::Replaced(record)) => {
                    info!(%partition, files = record.inputs.len(), rows = record.counts.rows, "compacted");
                    report.replaced.push(record);
                }
                Ok(Merged::TooLate) => tries += 1,
                // Another may have replaced the files, and deleted them, while they were read.
                Err(_) if self.has_changed(partition, &standing).await? => tries += 1,
                Err(error) => return Err(error),
            }
        }
        bail!("others change it all the time")
    }

    async fn has_changed(&self, partition: Partition, before: &Standing) -> anyhow::Result<bool> {
        let now = self.lists.standing(partition).await?;
        Ok(now.records.len() > before.records.len())
    }

    fn keys(&self, partition: Partition, standing: &Standing) -> anyhow::Result<Vec<Key>> {
        let uris = standing.list.uris();
        uris.map(|uri| self.lists.key(partition, uri)).collect()
    }

    /// Merges files and puts the result in their place.
    async fn merge(
        &self,
        partition: Partition,
        keys: &[Key],
        standing: &Standing,
    ) -> anyhow::Result<Merged> {
        let mut listed = Vec::with_capacity(keys.len());
        for key in keys {
            listed.push(self.books.file(key, &standing.records).await?);
        }
        let inputs = choose(listed);
        if inputs.is_empty() {
            return Ok(Merged::Nothing);
        }
        for file in &inputs {
            self.books.compare(file).await?;
        }
        let place = Place {
            storage: self.books.storage.clone(),
            partition,
            n: standing.records.len() as u64 + 1,
            digest: digest(Why::Compaction, &inputs),
        };
        let Rewritten { outputs, counts } = match partition.table {
            Table::Pings => rewrite::<Ping>(&place, &inputs, Verdict::Kept).await?,
            Table::RideEvents => rewrite::<RideEvent>(&place, &inputs, Verdict::Kept).await?,
            Table::Trips => rewrite::<Trip>(&place, &inputs, Verdict::Kept).await?,
        };
        let record = Replaced {
            partition: partition.to_string(),
            n: place.n,
            why: Why::Compaction,
            erasure: None,
            inputs,
            outputs,
            counts,
        };
        if self.lists.record(partition, &record).await? == Put::Exists {
            return Ok(Merged::TooLate);
        }
        self.lists.settle(partition).await?;
        Ok(Merged::Replaced(record))
    }
}

#[cfg(test)]
mod tests;
