//! The rows of several files of one table and hour, in one order, each once. Which files those are is
//! decided elsewhere.

use std::{cmp::Reverse, collections::BinaryHeap};

use anyhow::{Context as _, ensure};
use arrow_schema::Schema;
use objects::Key;

use super::{
    Row,
    file::{self, Batches},
};
use crate::{commit::File, storage::Storage};

/// Merges sorted files.
pub(crate) struct Merge<R: Row> {
    cursors: Vec<Cursor<R>>,
    /// The cursor with the least row; None at the end.
    current: Option<usize>,
    /// The heads of the others.
    others: BinaryHeap<Reverse<(R::Key, usize)>>,
    /// The row that comes next, as long as no repeat of it comes.
    held: Option<R>,
    repeats: u64,
}

/// Where reading a file stands.
struct Cursor<R: Row> {
    key: Key,
    batches: Batches,
    columns: Option<R::Columns>,
    /// Rows of the batch, and the next of them.
    rows: usize,
    next: usize,
    head: Option<R>,
    last: Option<R::Key>,
    /// Rows that are still to come by what was said of the file.
    left: u64,
}

impl<R: Row> Merge<R> {
    /// Opens the files.
    ///
    /// # Errors
    /// An error that names a file which is gone, cut off, or not of this table.
    pub(crate) async fn open(storage: &Storage, files: &[File]) -> anyhow::Result<Self> {
        let mut merge = Self {
            cursors: Vec::with_capacity(files.len()),
            current: None,
            others: BinaryHeap::new(),
            held: None,
            repeats: 0,
        };
        for file in files {
            let cursor = Cursor::<R>::open(storage, file).await?;
            if let Some(head) = &cursor.head {
                let index = merge.cursors.len();
                merge.others.push(Reverse((head.key(), index)));
                merge.cursors.push(cursor);
            }
        }
        merge.current = merge.others.pop().map(|Reverse((_, index))| index);
        Ok(merge)
    }

    /// The next row; None after the last. Of rows with equal keys the one that was received first
    /// counts, in whichever file it is.
    ///
    /// # Errors
    /// An error that names a file which is damaged, not sorted, or not of this table.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<R>> {
        while let Some(row) = self.least().await? {
            match &mut self.held {
                Some(held) if held.key() == row.key() => {
                    self.repeats += 1;
                    if row.received() < held.received() {
                        *held = row;
                    }
                }
                held => {
                    if let Some(done) = held.replace(row) {
                        return Ok(Some(done));
                    }
                }
            }
        }
        Ok(self.held.take())
    }

    /// The next row, also where another has an equal key; None after the last. Whoever asks for this
    /// does not ask for [`Merge::next`] as well.
    ///
    /// # Errors
    /// As for [`Merge::next`].
    pub(crate) async fn next_of_all(&mut self) -> anyhow::Result<Option<R>> {
        self.least().await
    }

    /// Makes sure that no file has a column that `schema` has not: it would be lost.
    ///
    /// # Errors
    /// An error that names such a file and the column.
    pub(crate) fn ensure_only_columns_of(&self, schema: &Schema) -> anyhow::Result<()> {
        for cursor in &self.cursors {
            for field in cursor.batches.schema().fields() {
                ensure!(
                    schema.index_of(field.name()).is_ok(),
                    "{} has a column {} that this version does not know: use a newer one",
                    cursor.key,
                    field.name()
                );
            }
        }
        Ok(())
    }

    /// Rows that were left out so far, as another has an equal key.
    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Takes the least row of all files.
    async fn least(&mut self) -> anyhow::Result<Option<R>> {
        let Some(index) = self.current else {
            return Ok(None);
        };
        let cursor = &mut self.cursors[index];
        let row = cursor.head.take();
        cursor.advance().await?;
        let head = cursor.last.filter(|_| cursor.head.is_some());
        let other = self.others.peek().map(|Reverse((key, _))| *key);
        // Mostly it is the same file again: the rows of a vehicle lie together.
        let stays = match (head, other) {
            (Some(head), Some(other)) => head <= other,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !stays {
            self.current = self.others.pop().map(|Reverse((_, least))| least);
            self.others.extend(head.map(|head| Reverse((head, index))));
        }
        Ok(row)
    }
}

impl<R: Row> Cursor<R> {
    async fn open(storage: &Storage, file: &File) -> anyhow::Result<Self> {
        let key = Key::new(&file.object.key).context("key of a file")?;
        let mut cursor = Self {
            batches: file::open(storage, &key, file.object.bytes).await?,
            key,
            columns: None,
            rows: 0,
            next: 0,
            head: None,
            last: None,
            left: file.rows,
        };
        cursor.advance().await?;
        Ok(cursor)
    }

    /// Reads the row after the head.
    async fn advance(&mut self) -> anyhow::Result<()> {
        while self.next == self.rows {
            let Some(batch) = file::next(&mut self.batches, &self.key).await? else {
                ensure!(self.left == 0, "{} ends {} rows early", self.key, self.left);
                return Ok(());
            };
            (self.rows, self.next) = (batch.num_rows(), 0);
            let columns = R::columns(&batch).with_context(|| format!("read {}", self.key))?;
            self.columns = Some(columns);
        }
        let Some(columns) = &mut self.columns else {
            return Ok(());
        };
        let row = R::read(columns, self.next).with_context(|| format!("read {}", self.key))?;
        let key = row.key();
        ensure!(
            self.last.is_none_or(|last| last <= key),
            "{} is not sorted: no archiver wrote it",
            self.key
        );
        let left = self.left.checked_sub(1);
        self.left = left.with_context(|| format!("{} has too many rows", self.key))?;
        self.next += 1;
        self.last = Some(key);
        self.head = Some(row);
        Ok(())
    }
}
