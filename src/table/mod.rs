//! A table in a file, Parquet or CSV, read row by row. What its columns mean is for those to say who
//! read it.

mod csv;
mod parquet;
mod row;

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;

pub(crate) use self::row::{Cell, Column, Kind, Row, TimeUnit};

/// Hands over every row of a Parquet file that is in memory, its cells in the order of `columns`.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_bytes(
    bytes: Bytes,
    columns: &[Column<'_>],
    take: &mut dyn FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    parquet::read_rows(bytes, columns, take)
}

/// Hands over every row of the file, its cells in the order of `columns`.
///
/// # Errors
/// An error if the file cannot be read or has no such columns, or what `take` says, with the place.
pub(crate) fn read(
    path: &Path,
    columns: &[Column<'_>],
    take: &mut dyn FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let is_parquet = path
        .extension()
        .is_some_and(|extension| extension == "parquet");
    let read = if is_parquet {
        parquet::read(path, columns, take)
    } else {
        csv::read(path, columns, take)
    };
    read.with_context(|| format!("read {}", path.display()))
}
