//! What a file says of itself in its footer, and single columns of it: for who looks whether it is what
//! it should be. Its rows are not made facts of.

use anyhow::{Context as _, ensure};
use arrow_array::{RecordBatch, TimestampMillisecondArray};
use futures_util::TryStreamExt as _;
use objects::Key;
use parquet::{
    arrow::{ProjectionMask, async_reader::ParquetRecordBatchStreamBuilder},
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};
use schemas::Timestamp;

use super::{
    columns::column,
    file::{self, Ranges},
};
use crate::{commit::File, layout::Table, storage::Storage};

/// A file that was looked at.
pub(crate) struct Glance {
    builder: ParquetRecordBatchStreamBuilder<Ranges>,
    key: Key,
}

impl Glance {
    /// Looks at a file of a table, of which is known what `file` says.
    ///
    /// # Errors
    /// An error that names the file where it is gone, longer or shorter than it was, no Parquet, has
    /// other rows than it should, or columns that the table has not.
    pub(crate) async fn at(storage: &Storage, file: &File) -> anyhow::Result<Self> {
        let (key, bytes) = (Key::new(&file.object.key)?, file.object.bytes);
        let behind = storage.get_range(&key, bytes..bytes + 1).await?;
        let behind = behind.with_context(|| format!("{key} is gone"))?;
        ensure!(
            behind.is_empty(),
            "{key} is longer than the {bytes} bytes that were written"
        );
        let glance = Self {
            builder: file::builder(storage, &key, bytes).await?,
            key,
        };
        glance.compare(file)?;
        Ok(glance)
    }

    fn compare(&self, file: &File) -> anyhow::Result<()> {
        let key = &self.key;
        let rows = self.builder.metadata().file_metadata().num_rows();
        ensure!(
            u64::try_from(rows) == Ok(file.rows),
            "{key} has {rows} rows, and {} when it was written",
            file.rows
        );
        let (there, known) = (self.builder.schema(), file.table.schema());
        for field in there.fields() {
            let is_known = known.index_of(field.name()).is_ok();
            ensure!(
                is_known,
                "{key} is a stranger's: it has a column {}",
                field.name()
            );
        }
        // Columns that came to the table later may be null.
        let needed = known.fields().iter().filter(|field| !field.is_nullable());
        for field in needed {
            let is_there = there.index_of(field.name()).is_ok();
            ensure!(
                is_there,
                "{key} is a stranger's: it has no column {}",
                field.name()
            );
        }
        Ok(())
    }

    /// Hands out some columns of the row groups that may have a row with one of these texts in the
    /// columns named with them, by statistics and bloom filters.
    ///
    /// # Errors
    /// An error that names the file where it is damaged.
    pub(crate) async fn search(
        mut self,
        wanted: &[(&str, &str)],
        columns: &[&str],
        mut take: impl FnMut(&RecordBatch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut groups = Vec::new();
        for group in 0..self.builder.metadata().num_row_groups() {
            for (column, text) in wanted {
                if self.may_have(group, column, text).await? {
                    groups.push(group);
                    break;
                }
            }
        }
        if groups.is_empty() {
            return Ok(());
        }
        let projection =
            ProjectionMask::columns(self.builder.parquet_schema(), columns.iter().copied());
        let reader = self
            .builder
            .with_projection(projection)
            .with_row_groups(groups);
        let read = || format!("read {}", self.key);
        let mut batches = reader.build().with_context(read)?;
        while let Some(batch) = batches.try_next().await.with_context(read)? {
            take(&batch).with_context(read)?;
        }
        Ok(())
    }

    async fn may_have(&mut self, group: usize, column: &str, text: &str) -> anyhow::Result<bool> {
        let columns = self.builder.parquet_schema().columns();
        let position = columns.iter().position(|one| one.name() == column);
        let Some(position) = position else {
            return Ok(false);
        };
        let statistics = self
            .builder
            .metadata()
            .row_group(group)
            .column(position)
            .statistics();
        if let Some(Statistics::ByteArray(texts)) = statistics {
            let text = text.as_bytes();
            // A maximum that was cut short is rounded up.
            let is_below = texts.min_opt().is_some_and(|min| text < min.data());
            let is_above = texts.max_opt().is_some_and(|max| text > max.data());
            if is_below || is_above {
                return Ok(false);
            }
        }
        let filter = self
            .builder
            .get_row_group_column_bloom_filter(group, position);
        let filter = filter.await.with_context(|| format!("read {}", self.key))?;
        Ok(filter.is_none_or(|filter| filter.check(&text)))
    }

    /// How many rows were received after a moment. Row groups whose statistics tell are not read.
    ///
    /// # Errors
    /// An error that names the file where it is damaged.
    pub(crate) async fn received_after(
        self,
        table: Table,
        limit: Timestamp,
    ) -> anyhow::Result<u64> {
        const RECEIVED: &str = "received_at";
        if table.schema().index_of(RECEIVED).is_err() {
            return Ok(0);
        }
        let descriptor = self.builder.parquet_schema();
        let position = descriptor
            .columns()
            .iter()
            .position(|column| column.name() == RECEIVED);
        let position = position.with_context(|| format!("{} has no {RECEIVED}", self.key))?;
        let has_late = |group: &RowGroupMetaData| match group.column(position).statistics() {
            Some(Statistics::Int64(times)) => times.max_opt().is_none_or(|max| *max > limit.0),
            _ => true,
        };
        let groups = self.builder.metadata().row_groups();
        let late: Vec<usize> = (0..groups.len())
            .filter(|at| has_late(&groups[*at]))
            .collect();
        if late.is_empty() {
            return Ok(0);
        }
        let projection = ProjectionMask::leaves(descriptor, [position]);
        let reader = self
            .builder
            .with_projection(projection)
            .with_row_groups(late);
        let read = || format!("read {}", self.key);
        let mut batches = reader.build().with_context(read)?;
        let mut count = 0;
        while let Some(batch) = batches.try_next().await.with_context(read)? {
            let times: TimestampMillisecondArray = column(&batch, RECEIVED)?;
            count += times
                .values()
                .iter()
                .filter(|time| **time > limit.0)
                .count() as u64;
        }
        Ok(count)
    }
}
