//! The archive, read back: rows of its tables as the facts that they were, in bounded memory, merged
//! over the files of an hour. It knows the tables as `rows` writes them, and no other Parquet.
//!
//! A `file` hands out columns a few thousand rows at a time; a table's [`Row`] makes facts of them; a
//! [`Merge`] brings the files of an hour into one order; an [`Hour`] puts the three tables together.

mod columns;
mod events;
mod file;
mod glance;
mod hour;
mod merge;
mod pings;
mod trips;

#[cfg(test)]
mod tests;

use arrow_array::RecordBatch;

pub(crate) use columns::column;
pub(crate) use glance::Glance;
pub(crate) use hour::{Fact, Hour, HourFiles};
pub(crate) use merge::Merge;
use schemas::Timestamp;

/// A row of a table, as it is read back.
pub(crate) trait Row: Sized + Send {
    /// The columns of some rows.
    type Columns: Send;

    /// What the rows of a file are sorted by, to the last. Rows with equal keys are one fact.
    type Key: Ord + Copy + Send;

    /// Finds the columns.
    ///
    /// # Errors
    /// An error that names a column which is missing or of another type.
    fn columns(batch: &RecordBatch) -> anyhow::Result<Self::Columns>;

    /// Reads a row.
    ///
    /// # Errors
    /// An error for a value that the archiver does not write.
    fn read(columns: &mut Self::Columns, row: usize) -> anyhow::Result<Self>;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// When it came, if the table says so: of one fact the row that came first counts.
    fn received(&self) -> Option<Timestamp>;
}
