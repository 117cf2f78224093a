//! The files that rows are written to, one after the other: as the archiver writes them, of a size
//! that analysts' engines like, and in memory that the number of rows does not change.

use std::mem;

use anyhow::Context as _;
use bytes::Bytes;
use objects::{Key, Upload};
use sha2::{Digest as _, Sha256};

use super::{Place, Rewritable};
use crate::{
    commit::{File, StoredObject},
    dead_letters::Hex,
    encode::{Format, Growing, ROWS_A_PAGE},
    storage::persist,
};

/// The rows of a table's hour on their way to new files.
pub(super) struct Parts<'a, Row> {
    place: &'a Place,
    format: Format,
    /// Rows after which the next file begins, at the next page.
    rows_a_part: u64,
    page: Vec<Row>,
    open: Option<Part>,
    done: Vec<File>,
}

/// A file in the making.
struct Part {
    key: Key,
    upload: Box<dyn Upload>,
    growing: Growing,
    described: Described,
}

/// What is known of a file by what was written to it.
#[derive(Default)]
struct Described {
    digest: Sha256,
    bytes: u64,
    rows: u64,
    times_ms: Option<(i64, i64)>,
}

impl<'a, Row: Rewritable> Parts<'a, Row> {
    /// No file yet.
    pub(super) fn new(place: &'a Place, rows_a_part: u64) -> anyhow::Result<Self> {
        Ok(Self {
            place,
            format: Format::of(Row::TABLE)?,
            rows_a_part,
            page: Vec::with_capacity(ROWS_A_PAGE),
            open: None,
            done: Vec::new(),
        })
    }

    /// Adds a row behind those before.
    pub(super) async fn push(&mut self, row: Row) -> anyhow::Result<()> {
        // A page is written once there is a row behind it: a file of one page is made otherwise.
        if self.page.len() == ROWS_A_PAGE {
            self.write_page().await?;
            let is_full = |part: &Part| part.described.rows >= self.rows_a_part;
            if self.open.as_ref().is_some_and(is_full) {
                self.end_part().await?;
            }
        }
        self.page.push(row);
        Ok(())
    }

    /// Ends the last file: one at least, also of no rows.
    pub(super) async fn finish(mut self) -> anyhow::Result<Vec<File>> {
        if self.open.is_some() {
            self.write_page().await?;
            self.end_part().await?;
        } else {
            self.write_small().await?;
        }
        Ok(self.done)
    }

    async fn write_page(&mut self) -> anyhow::Result<()> {
        let page = mem::take(&mut self.page);
        let part = match &mut self.open {
            Some(part) => part,
            none => none.insert(Part {
                key: self.place.key(self.done.len())?,
                upload: self.place.upload(self.done.len()).await?,
                growing: self.format.begin()?,
                described: Described::default(),
            }),
        };
        let columns = Row::as_columns(&page).context("columns of rows")?;
        part.described.add_rows(&page);
        let bytes = part.growing.write(&columns)?;
        part.described.add_bytes(&bytes);
        if !bytes.is_empty() {
            part.upload.write(bytes.into()).await?;
        }
        self.page = page;
        self.page.clear();
        Ok(())
    }

    async fn end_part(&mut self) -> anyhow::Result<()> {
        let Some(mut part) = self.open.take() else {
            return Ok(());
        };
        let bytes = part.growing.finish()?;
        part.described.add_bytes(&bytes);
        part.upload.write(bytes.into()).await?;
        part.upload.finish().await?;
        self.done.push(part.described.file(self.place, &part.key));
        Ok(())
    }

    async fn write_small(&mut self) -> anyhow::Result<()> {
        let key = self.place.key(self.done.len())?;
        let batches = if self.page.is_empty() {
            None
        } else {
            Some(Row::as_columns(&self.page))
        };
        let bytes = Bytes::from(self.format.write(batches.into_iter())?);
        let mut described = Described::default();
        described.add_rows(&self.page);
        described.add_bytes(&bytes);
        let objects = &self.place.storage.objects;
        persist(&self.place.storage.drain, || {
            objects.put(&key, bytes.clone())
        })
        .await?;
        self.done.push(described.file(self.place, &key));
        Ok(())
    }
}

impl Described {
    fn add_rows<Row: Rewritable>(&mut self, rows: &[Row]) {
        self.rows += rows.len() as u64;
        for time in rows.iter().map(|row| row.time().0) {
            let (min, max) = self.times_ms.unwrap_or((time, time));
            self.times_ms = Some((min.min(time), max.max(time)));
        }
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Of a file without rows both times are the begin of its hour.
    fn file(self, place: &Place, key: &Key) -> File {
        let begin = place.partition.hour.begin().0;
        let (min_ms, max_ms) = self.times_ms.unwrap_or((begin, begin));
        File {
            table: place.partition.table,
            object: StoredObject {
                key: key.to_string(),
                bytes: self.bytes,
                sha256: Hex(&self.digest.finalize()).to_string(),
            },
            rows: self.rows,
            min_ms,
            max_ms,
        }
    }
}
