//! Rows as CSV (RFC 4180, with line feeds): a header, then a line each. What the columns are is the
//! topic's business.

use anyhow::Context as _;
use schemas::regulators::{Cell, Row, Topic};

use super::wall_text;

/// Writes CSV into memory, to be taken from there.
pub(in crate::export) struct CsvRows {
    lines: csv::Writer<Vec<u8>>,
    /// A cell's text, used again and again.
    text: String,
}

impl CsvRows {
    /// Begins with the header.
    pub(super) fn begin(topic: &Topic) -> anyhow::Result<Self> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        lines.write_record(topic.columns.iter().map(|column| column.name.as_str()))?;
        Ok(Self {
            lines,
            text: String::new(),
        })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row<'_>) -> anyhow::Result<()> {
        for cell in row.cells() {
            self.text.clear();
            spell(cell, &mut self.text)?;
            self.lines.write_field(&self.text)?;
        }
        self.lines.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Takes what has been written so far.
    pub(super) fn take(&mut self) -> anyhow::Result<Vec<u8>> {
        let empty = csv::Writer::from_writer(Vec::new());
        let lines = std::mem::replace(&mut self.lines, empty);
        lines.into_inner().ok().context("end lines of CSV")
    }
}

/// Spells a cell as CSV has it; an empty one is null.
fn spell(cell: Cell<'_>, to: &mut String) -> anyhow::Result<()> {
    use std::fmt::Write as _;
    match cell {
        Cell::Null => {}
        Cell::Text(text) => to.push_str(text),
        Cell::Int(number) => write!(to, "{number}")?,
        Cell::Decimal(number) => write!(to, "{number}")?,
        Cell::Bool(is) => write!(to, "{is}")?,
        Cell::Wall(ms) => to.push_str(&wall_text(ms)?),
        Cell::Texts(texts) => {
            for (at, text) in texts.iter().enumerate() {
                to.push_str(if at > 0 { ";" } else { "" });
                to.push_str(text);
            }
        }
    }
    Ok(())
}
