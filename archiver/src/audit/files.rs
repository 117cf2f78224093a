//! Whether a file of the period is what was written, and how many of its rows were late. What should
//! be there was decided before.

use schemas::Timestamp;

use super::Audit;
use crate::{commit::File, layout::Partition, reading::Glance};

impl Audit {
    /// Looks at a file; says how many of its rows were late.
    pub(super) async fn look_at(&mut self, partition: Partition, file: &File) -> u64 {
        match self.try_look_at(partition, file).await {
            Ok(late) => late,
            Err(error) => {
                self.findings.faults.push(format!("{error:#}"));
                0
            }
        }
    }

    async fn try_look_at(&self, partition: Partition, file: &File) -> anyhow::Result<u64> {
        if self.settings.deep {
            self.books.compare(file).await?;
        }
        let glance = Glance::at(&self.books.storage, file).await?;
        let late_ms = i64::try_from(self.settings.late.as_millis()).unwrap_or(i64::MAX);
        let limit = Timestamp(partition.hour.end().0.saturating_add(late_ms));
        glance.received_after(file.table, limit).await
    }
}
