//! The rows of a JSON document, cut out of its bytes as they come: each is a line, as `export` writes
//! them. What stands around the rows was taken off before.

use std::ops::Range;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// A row that is longer is none of ours: the columns of a profile give some KB.
const MAX_ROW_BYTES: usize = 1 << 20;

/// Cuts rows out of what it is fed.
#[derive(Debug, Default)]
pub(crate) struct RowCutter {
    /// The begin of a row whose end has not come yet.
    begun: Vec<u8>,
}

/// Lets only rows of some time pass.
#[derive(Debug)]
pub(crate) struct RowFilter {
    times: Range<i64>,
    cutter: RowCutter,
    is_first: bool,
}

/// What a filter looks at.
#[derive(Deserialize)]
struct Timed {
    timestamp: i64,
}

impl RowCutter {
    /// Takes the bytes that come next, and gives the rows that end in them, without their commas.
    ///
    /// # Errors
    /// A row without an end, and what `give` says.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        give: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        // What stands behind the last end of a line goes on in the next bytes.
        let rest = lines.next_back().unwrap_or_default();
        for line in lines {
            if self.begun.is_empty() {
                row(line, give)?;
            } else {
                self.begun.extend_from_slice(line);
                self.end(give)?;
            }
        }
        self.begun.extend_from_slice(rest);
        ensure!(self.begun.len() <= MAX_ROW_BYTES, "a row has no end");
        Ok(())
    }

    /// Gives the row that no other follows.
    ///
    /// # Errors
    /// What `give` says.
    pub(crate) fn end(
        &mut self,
        give: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        row(&self.begun, give)?;
        self.begun.clear();
        Ok(())
    }
}

impl RowFilter {
    /// Lets rows with a `timestamp` in `times` pass, ms since 1970 UTC.
    pub(crate) fn new(times: Range<i64>) -> Self {
        Self {
            times,
            cutter: RowCutter::default(),
            is_first: true,
        }
    }

    /// What passes of the bytes that come next, with commas between the rows.
    ///
    /// # Errors
    /// A row that has no time.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (times, is_first) = (&self.times, &mut self.is_first);
        let mut passed = Vec::new();
        let mut give = |row: &[u8]| pass(row, times, is_first, &mut passed);
        self.cutter.feed(bytes, &mut give)?;
        Ok(passed)
    }

    /// What passes at the end of a file.
    ///
    /// # Errors
    /// A row that has no time.
    pub(crate) fn end(&mut self) -> anyhow::Result<Vec<u8>> {
        let (times, is_first) = (&self.times, &mut self.is_first);
        let mut passed = Vec::new();
        let mut give = |row: &[u8]| pass(row, times, is_first, &mut passed);
        self.cutter.end(&mut give)?;
        Ok(passed)
    }
}

fn row(line: &[u8], give: &mut impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let row = line.strip_suffix(b",").unwrap_or(line);
    if row.is_empty() {
        return Ok(());
    }
    give(row)
}

fn pass(
    row: &[u8],
    times: &Range<i64>,
    is_first: &mut bool,
    to: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let Timed { timestamp } = serde_json::from_slice(row).context("a row has no timestamp")?;
    if !times.contains(&timestamp) {
        return Ok(());
    }
    let between: &[u8] = if *is_first { b"\n" } else { b",\n" };
    *is_first = false;
    to.extend_from_slice(between);
    to.extend_from_slice(row);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a document has them between its head and its tail.
    fn written(times: &[i64]) -> String {
        let rows: Vec<_> = times.iter().map(|time| event(*time)).collect();
        let lines: Vec<_> = rows.iter().map(|row| format!("\n{row}")).collect();
        lines.join(",")
    }

    fn event(time: i64) -> String {
        format!("{{\"a\":\"x,{{\",\"timestamp\":{time}}}")
    }

    fn filtered(filter: &mut RowFilter, text: &str, piece: usize) -> anyhow::Result<String> {
        let mut passed = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            passed.extend(filter.feed(piece)?);
        }
        passed.extend(filter.end()?);
        Ok(String::from_utf8(passed)?)
    }

    #[test]
    fn a_row_without_a_time_or_an_end_is_refused() {
        let refused = |text: &str| filtered(&mut RowFilter::new(0..9), text, 64).unwrap_err();
        assert!(refused("\n{\"a\":1}").to_string().contains("timestamp"));
        let endless = "x".repeat(MAX_ROW_BYTES + 1);
        assert!(refused(&endless).to_string().contains("no end"));
    }

    proptest! {
        #[test]
        fn what_passes_is_written_as_if_it_were_all(
            one in prop::collection::vec(0_i64..20, 0..12),
            other in prop::collection::vec(0_i64..20, 0..12),
            piece in 1_usize..70,
        ) {
            let mut filter = RowFilter::new(5..15);
            let mut passed = filtered(&mut filter, &written(&one), piece).unwrap();
            passed += &filtered(&mut filter, &written(&other), piece).unwrap();
            let all = one.into_iter().chain(other);
            let expected: Vec<i64> = all.filter(|time| (5..15).contains(time)).collect();
            prop_assert_eq!(passed, written(&expected));
        }
    }
}
