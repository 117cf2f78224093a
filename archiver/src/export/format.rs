//! The formats of a report's files: rows go in, bytes come out as they grow. What is in the rows was
//! decided before; where the bytes go is the package's business.

mod csv;
mod json;
mod parquet;
#[cfg(test)]
mod tests;

use anyhow::Context as _;
use schemas::regulators::{Format, Row, Topic};

pub(crate) use json::Frame;

use self::{csv::CsvRows, json::JsonRows, parquet::ParquetRows};

/// Rows on their way to a file.
pub(super) enum Rows {
    /// Lines.
    Csv(Box<CsvRows>),
    /// A document.
    Json(JsonRows),
    /// Columns.
    Parquet(Box<ParquetRows>),
}

impl Rows {
    /// Begins a file of a topic.
    pub(super) fn begin(topic: &Topic) -> anyhow::Result<Self> {
        Ok(match topic.format {
            Format::Csv => Self::Csv(Box::new(CsvRows::begin(topic)?)),
            Format::Json => Self::Json(JsonRows::begin(topic)?),
            Format::Parquet => Self::Parquet(Box::new(ParquetRows::begin(topic)?)),
        })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row<'_>) -> anyhow::Result<()> {
        match self {
            Self::Csv(lines) => lines.push(row),
            Self::Json(document) => document.push(row),
            Self::Parquet(columns) => columns.push(row),
        }
    }

    /// Takes what can be written already.
    pub(super) fn take(&mut self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Csv(lines) => lines.take(),
            Self::Json(document) => Ok(document.take()),
            Self::Parquet(columns) => Ok(columns.take()),
        }
    }

    /// Ends the file, and takes what is left.
    pub(super) fn end(self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Csv(mut lines) => lines.take(),
            Self::Json(document) => Ok(document.end()),
            Self::Parquet(columns) => columns.end(),
        }
    }
}

/// What a clock on a wall shows, as text: `2026-11-01 01:30:00`.
fn wall_text(ms: i64) -> anyhow::Result<String> {
    let shown = jiff::Timestamp::from_millisecond(ms).context("a time beyond the calendar")?;
    Ok(shown.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
