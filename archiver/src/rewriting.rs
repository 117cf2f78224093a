//! Rows of some files of a table's hour, written to new files: sorted, each name once. Which files,
//! and what becomes of the old ones, is decided elsewhere. Nothing is part of a table by this.
//!
//! In memory are a row group of each file that is read, one of the file that is written, and the rows
//! of one vehicle.

mod parts;
mod repeats;
mod rewritable;

use std::mem;

use anyhow::{Context as _, ensure};
use objects::{InvalidKey, Key, Upload};
use sha2::{Digest as _, Sha256};

use parts::Parts;
use repeats::drop_repeats;
pub(crate) use rewritable::Rewritable;

use crate::{
    commit::File,
    layout::{Hour, Partition},
    lists::{RowCounts, Why},
    reading::Merge,
    storage::{Storage, persist},
};

/// Rows of one vehicle and hour among which repeats are told, at most: some 30 a second, or 40 MB.
/// Of more than that, only those are told that lie as near to each other.
const MAX_ROWS_A_VEHICLE: usize = 100_000;

/// Bytes of an output at most, about: twice the least that is worth a query's reading.
const MAX_BYTES: u64 = 256_000_000;

/// Where the rows go.
pub(crate) struct Place {
    pub(crate) storage: Storage,
    pub(crate) partition: Partition,
    /// The number of the record that is to make the outputs part of the table.
    pub(crate) n: u64,
    /// Stands for all that the outputs depend on.
    pub(crate) digest: u64,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict<Row> {
    /// It stays as it is.
    Kept(Row),
    /// It stays, with less in it.
    Altered(Row),
    /// It goes.
    Erased,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) outputs: Vec<File>,
    pub(crate) counts: RowCounts,
}

impl Place {
    fn key(&self, part: usize) -> Result<Key, InvalidKey> {
        self.partition.merged_key(self.n, self.digest, part)
    }

    async fn upload(&self, part: usize) -> anyhow::Result<Box<dyn Upload>> {
        let key = self.key(part)?;
        let upload = persist(&self.storage.drain, || self.storage.objects.upload(&key)).await;
        upload.with_context(|| format!("begin {key}"))
    }
}

/// Stands for what rewriting these files yields, of this program in this version: files of equal names
/// have equal bytes.
pub(crate) fn digest(why: Why, inputs: &[File]) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(format!("{} {why:?}\n", env!("CARGO_PKG_VERSION")));
    for input in inputs {
        hasher.update(format!("{} {}\n", input.object.key, input.object.sha256));
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize()[..8]);
    u64::from_be_bytes(first)
}

/// Writes the rows of `inputs` as `judge` says.
///
/// # Errors
/// An error that names an input which is damaged or not what it should be.
pub(crate) async fn rewrite<Row: Rewritable>(
    place: &Place,
    inputs: &[File],
    mut judge: impl FnMut(Row) -> Verdict<Row>,
) -> anyhow::Result<Rewritten> {
    let expected: u64 = inputs.iter().map(|file| file.rows).sum();
    let bytes: u64 = inputs.iter().map(|file| file.object.bytes).sum();
    let parts = bytes.div_ceil(MAX_BYTES).max(1);
    let mut rows = Merge::<Row>::open(&place.storage, inputs).await?;
    rows.ensure_only_columns_of(&Row::TABLE.schema())?;
    let mut parts = Parts::new(place, expected.div_ceil(parts).max(1))?;
    let mut counts = RowCounts::default();
    let mut vehicle: Vec<Row> = Vec::new();
    loop {
        let row = rows.next_of_all().await?;
        let goes_on = match (vehicle.last(), &row) {
            (Some(last), Some(row)) => {
                last.vehicle() == row.vehicle() && vehicle.len() < MAX_ROWS_A_VEHICLE
            }
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !goes_on {
            let unique = drop_repeats(mem::take(&mut vehicle));
            counts.repeats += unique.repeats;
            counts.conflicts += unique.conflicts;
            for row in unique.rows {
                match judge(row) {
                    Verdict::Kept(row) => parts.push(row).await?,
                    Verdict::Altered(row) => {
                        counts.altered += 1;
                        parts.push(row).await?;
                    }
                    Verdict::Erased => counts.erased += 1,
                }
            }
        }
        let Some(row) = row else { break };
        ensure!(
            Hour::of(row.time()) == Some(place.partition.hour),
            "a row of another hour lies in {}",
            place.partition
        );
        counts.rows += 1;
        vehicle.push(row);
    }
    let outputs = parts.finish().await?;
    counts.written = outputs.iter().map(|file| file.rows).sum();
    Ok(Rewritten { outputs, counts })
}

#[cfg(test)]
mod tests;
