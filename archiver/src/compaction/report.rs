//! What a compaction has done, for people and for programs. Nothing here decides.

use std::fmt;

use serde::Serialize;

use crate::lists::Replaced;

/// What was done to the hours of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Hours of a table that were looked at.
    pub(crate) hours: u64,
    /// Hours of a table whose files were merged.
    pub(crate) compacted: u64,
    /// Files that were merged.
    pub(crate) files_in: u64,
    /// Bytes of these.
    pub(crate) bytes_in: u64,
    /// Files that came in their place.
    pub(crate) files_out: u64,
    /// Bytes of these.
    pub(crate) bytes_out: u64,
    /// Rows of the files that were merged: `written` + `repeats` + `conflicts`.
    pub(crate) rows: u64,
    /// Rows that were written.
    pub(crate) written: u64,
    /// Rows that were there before, and are now there once.
    pub(crate) repeats: u64,
    /// Rows that said something else under the name of another one, which was received earlier.
    pub(crate) conflicts: u64,
    /// Files deleted, as they were replaced long ago or never came to count.
    pub(crate) deleted: u64,
    /// What could not be done, with the hour.
    pub(crate) failures: Vec<String>,
}

/// What was done to one hour.
#[derive(Debug, Default)]
pub(super) struct HourReport {
    /// One after the other.
    pub(super) replaced: Vec<Replaced>,
    pub(super) deleted: u64,
}

impl Report {
    pub(super) fn add(&mut self, hour: &HourReport) {
        self.hours += 1;
        self.deleted += hour.deleted;
        let bytes = |files: &[crate::commit::File]| -> u64 {
            files.iter().map(|file| file.object.bytes).sum()
        };
        self.compacted += u64::from(!hour.replaced.is_empty());
        for record in &hour.replaced {
            self.files_in += record.inputs.len() as u64;
            self.bytes_in += bytes(&record.inputs);
            self.files_out += record.outputs.len() as u64;
            self.bytes_out += bytes(&record.outputs);
            self.rows += record.counts.rows;
            self.written += record.counts.written;
            self.repeats += record.counts.repeats;
            self.conflicts += record.counts.conflicts;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} hours compacted", self.compacted, self.hours)?;
        writeln!(
            f,
            "{} files, {} bytes -> {} files, {} bytes",
            self.files_in, self.bytes_in, self.files_out, self.bytes_out
        )?;
        writeln!(
            f,
            "{} rows -> {} rows, {} repeats, {} conflicts",
            self.rows, self.written, self.repeats, self.conflicts
        )?;
        writeln!(f, "{} old files deleted", self.deleted)?;
        for failure in &self.failures {
            writeln!(f, "left as it is: {failure}")?;
        }
        Ok(())
    }
}
