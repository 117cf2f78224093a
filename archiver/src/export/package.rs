//! The files of one export in the making: rows of a report go to their topics' files, which are put
//! piece by piece, with their digests. Nobody sees them before the export is published.

use anyhow::Context as _;
use bytes::Bytes;
use objects::{Key, Upload};
use schemas::{
    Timestamp,
    regulators::{Exception, Row, Scope, Sink, Topic},
};
use sha2::{Digest as _, Sha256};

use super::{Store, exceptions::Exceptions, format::Rows, manifest::File, place::Directory};
use crate::dead_letters::Hex;

/// Rows of a file that are kept before their bytes are put.
const ROWS_A_PIECE: u64 = 4_096;

/// Where a package's files go.
pub(crate) enum Destination<'a> {
    /// To the directory of a revision; exceptions beside it.
    Stored {
        store: &'a Store,
        directory: Directory,
        exceptions: Key,
    },
    /// Nowhere: only digests are made, to compare them.
    Compared,
}

/// The files of an export in the making.
pub(crate) struct Package<'a> {
    topics: Vec<Topic>,
    scope: Scope,
    revision: u32,
    destination: Destination<'a>,
    open: Vec<Open>,
    done: Vec<File>,
    exceptions: Exceptions,
    /// What went wrong in a row, to be said when it is next waited for.
    failure: Option<anyhow::Error>,
    /// Whether some file has enough rows for a piece.
    is_due: bool,
}

/// What a package is when all rows are in it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) files: Vec<File>,
    pub(crate) written: u64,
    pub(crate) exceptions: u64,
}

/// A file that takes rows.
struct Open {
    name: String,
    part: u32,
    rows: Rows,
    upload: Option<Box<dyn Upload>>,
    digest: Sha256,
    bytes: u64,
    count: u64,
    /// Rows since the last piece.
    waiting: u64,
    min: Option<Timestamp>,
    max: Option<Timestamp>,
}

impl<'a> Package<'a> {
    /// Begins a package: each topic has a file at least, also without rows.
    ///
    /// # Errors
    /// An error from the storage.
    pub(crate) async fn begin(
        topics: &[Topic],
        scope: &Scope,
        revision: u32,
        destination: Destination<'a>,
    ) -> anyhow::Result<Self> {
        let exceptions = match &destination {
            Destination::Stored {
                store, exceptions, ..
            } => Some(store.upload(exceptions).await?),
            Destination::Compared => None,
        };
        let mut package = Self {
            topics: topics.to_vec(),
            scope: scope.clone(),
            revision,
            exceptions: Exceptions::begin(exceptions)?,
            destination,
            open: Vec::with_capacity(topics.len()),
            done: Vec::new(),
            failure: None,
            is_due: false,
        };
        for topic in 0..topics.len() {
            let first = package.begin_file(topic, 1).await?;
            package.open.push(first);
        }
        Ok(package)
    }

    /// Whether there are enough rows to put some: wait for [`Package::put`] then.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due || self.failure.is_some()
    }

    /// Puts the pieces that are due, and ends files that are full.
    ///
    /// # Errors
    /// An error from the storage, or from a row that could not be written.
    pub(crate) async fn put(&mut self) -> anyhow::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.is_due = false;
        if self.exceptions.waiting() >= ROWS_A_PIECE {
            self.exceptions.put_piece().await?;
        }
        for topic in 0..self.open.len() {
            if self.open[topic].waiting < ROWS_A_PIECE {
                continue;
            }
            self.open[topic].put_piece().await?;
            let most = self.topics[topic].part_rows;
            if most.is_some_and(|most| self.open[topic].count >= most) {
                let next = self.begin_file(topic, self.open[topic].part + 1).await?;
                let full = std::mem::replace(&mut self.open[topic], next);
                self.done.push(full.end().await?);
            }
        }
        Ok(())
    }

    /// Ends all files.
    ///
    /// # Errors
    /// An error from the storage, or from a row that could not be written.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Packed> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        for open in self.open {
            self.done.push(open.end().await?);
        }
        self.done.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(Packed {
            written: self.done.iter().map(|file| file.rows).sum(),
            files: self.done,
            exceptions: self.exceptions.end().await?,
        })
    }

    async fn begin_file(&self, topic: usize, part: u32) -> anyhow::Result<Open> {
        let topic = &self.topics[topic];
        let name = topic.file_name(&self.scope, part, self.revision);
        let upload = match &self.destination {
            Destination::Stored {
                store, directory, ..
            } => {
                let key = directory.file(&name).context("name of a file")?;
                Some(store.upload(&key).await?)
            }
            Destination::Compared => None,
        };
        Ok(Open {
            name,
            part,
            rows: Rows::begin(topic)?,
            upload,
            digest: Sha256::new(),
            bytes: 0,
            count: 0,
            waiting: 0,
            min: None,
            max: None,
        })
    }
}

impl Sink for Package<'_> {
    fn row(&mut self, topic: usize, row: Row<'_>) {
        let open = &mut self.open[topic];
        if let Err(error) = open.rows.push(row) {
            self.failure.get_or_insert(error.context("write a row"));
        }
        open.count += 1;
        open.waiting += 1;
        open.min = Some(open.min.map_or(row.time, |min| min.min(row.time)));
        open.max = Some(open.max.map_or(row.time, |max| max.max(row.time)));
        self.is_due |= open.waiting >= ROWS_A_PIECE;
    }

    fn exception(&mut self, exception: &Exception<'_>) {
        let topic = &self.topics[exception.topic].name;
        if let Err(error) = self.exceptions.push(topic, exception) {
            self.failure
                .get_or_insert(error.context("write an exception"));
        }
        self.is_due |= self.exceptions.waiting() >= ROWS_A_PIECE;
    }
}

impl Open {
    async fn put_piece(&mut self) -> anyhow::Result<()> {
        let bytes = self.rows.take()?;
        self.waiting = 0;
        self.put(bytes.into()).await
    }

    async fn put(&mut self, bytes: Bytes) -> anyhow::Result<()> {
        self.digest.update(&bytes);
        self.bytes += bytes.len() as u64;
        if let Some(upload) = &mut self.upload {
            let put = upload.write(bytes).await;
            put.with_context(|| format!("write {}", self.name))?;
        }
        Ok(())
    }

    async fn end(mut self) -> anyhow::Result<File> {
        self.put_piece().await?;
        let Self {
            name,
            rows,
            mut upload,
            mut digest,
            mut bytes,
            ..
        } = self;
        let last = Bytes::from(rows.end()?);
        digest.update(&last);
        bytes += last.len() as u64;
        if let Some(mut upload) = upload.take() {
            let put = async {
                upload.write(last).await?;
                upload.finish().await
            };
            put.await.with_context(|| format!("write {name}"))?;
        }
        Ok(File {
            key: name,
            bytes,
            sha256: Hex(&digest.finalize()).to_string(),
            rows: self.count,
            min_time: self.min,
            max_time: self.max,
        })
    }
}
