//! What an audit has found, for people and for programs. Nothing here decides what is a fault.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Faults and notes that are told word for word; of further ones only how many.
const MAX_TOLD: usize = 1_000;

/// What is wrong, and what is worth knowing.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// The first of them, word for word.
    pub(crate) told: Vec<String>,
    /// How many there are in all.
    pub(crate) count: u64,
}

/// What was found about a period.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Findings {
    /// Whether all that was ever committed for the period is there, once, and nothing else.
    pub(crate) complete: bool,
    /// Why it is not.
    pub(crate) faults: Told,
    /// What is no fault, and worth knowing.
    pub(crate) notes: Told,
    /// Shards whose chains were followed.
    pub(crate) shards: u64,
    /// Commits in them.
    pub(crate) commits: u64,
    /// What the commits with rows of the period say, all hours together.
    pub(crate) records: Records,
    /// By table, what the period has.
    pub(crate) tables: BTreeMap<String, TableFindings>,
    /// Of the dead letters that the stream took in the period, how many of which reason.
    pub(crate) dead_letters: BTreeMap<String, u64>,
    /// The objects where these are.
    pub(crate) dead_letter_objects: Vec<String>,
    /// Rows that were late, by table and hour.
    pub(crate) late: BTreeMap<String, u64>,
}

/// How the records of commits add up: records = rows + duplicates + dead letters.
#[expect(clippy::struct_field_names, reason = "they are the names of its JSON")]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Records {
    /// Records that were read.
    pub(crate) records: u64,
    /// Records that became rows.
    pub(crate) rows: u64,
    /// Repeats that were not written again.
    pub(crate) duplicates: u64,
    /// Records that cannot be rows.
    pub(crate) dead_letters: u64,
}

/// What a table has of a period: committed = rows + repeats + conflicts + erased.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct TableFindings {
    /// Rows that were committed.
    pub(crate) committed: u64,
    /// Rows that are part of the table.
    pub(crate) rows: u64,
    /// Files that have them.
    pub(crate) files: u64,
    /// Bytes of these.
    pub(crate) bytes: u64,
    /// Rows that a compaction has found to be there before.
    pub(crate) repeats: u64,
    /// Rows that a compaction has found to contradict an earlier one.
    pub(crate) conflicts: u64,
    /// Rows that were erased.
    pub(crate) erased: u64,
    /// Rows that were received late.
    pub(crate) late: u64,
}

impl Told {
    pub(super) fn push(&mut self, text: String) {
        self.count += 1;
        if self.told.len() < MAX_TOLD {
            self.told.push(text);
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |f: &mut fmt::Formatter<'_>, kind: &str, told: &Told| {
            for text in &told.told {
                writeln!(f, "{kind} {text}")?;
            }
            match told.count.saturating_sub(told.told.len() as u64) {
                0 => Ok(()),
                more => writeln!(f, "{kind} and {more} more"),
            }
        };
        told(f, "FAULT", &self.faults)?;
        told(f, "note ", &self.notes)?;
        writeln!(f, "{} shards, {} commits", self.shards, self.commits)?;
        let of = self.records;
        writeln!(
            f,
            "commits of the period: {} records = {} rows + {} repeats + {} dead letters",
            of.records, of.rows, of.duplicates, of.dead_letters
        )?;
        for (name, table) in &self.tables {
            writeln!(
                f,
                "{name}: {} rows committed = {} in {} files + {} repeats + {} conflicts + {} erased; {} late",
                table.committed,
                table.rows,
                table.files,
                table.repeats,
                table.conflicts,
                table.erased,
                table.late
            )?;
        }
        for (hour, rows) in &self.late {
            writeln!(f, "late: {rows} rows of {hour}")?;
        }
        for (reason, count) in &self.dead_letters {
            writeln!(f, "dead letters of the period: {count} {reason}")?;
        }
        for key in &self.dead_letter_objects {
            writeln!(f, "dead letters in {key}")?;
        }
        writeln!(
            f,
            "{}",
            if self.complete {
                "complete"
            } else {
                "NOT complete"
            }
        )
    }
}
