//! The files of a commit as they are made: one a table and hour, each with what the commit says of
//! it. Which rows there are was decided before.

use std::collections::BTreeMap;

use anyhow::Context as _;
use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use bytes::Bytes;
use objects::Key;
use schemas::Timestamp;

use super::sha256;
use crate::{
    commit::{File, StoredObject},
    encode::Format,
    layout::{Hour, Link, Table},
    rows::pings::PingRows,
};

/// Where the files of a commit are put.
pub(super) struct Shelf<'a> {
    pub(super) link: &'a Link,
    pub(super) objects: &'a mut Vec<(Key, Bytes)>,
    pub(super) files: Vec<File>,
}

/// Rows of a table that has few of them, and how to make columns of them.
pub(super) struct Facts<'a, Row> {
    pub(super) table: Table,
    pub(super) rows: &'a [Row],
    pub(super) time: fn(&Row) -> Timestamp,
    pub(super) sort: fn(&mut [&Row]),
    pub(super) batch: fn(&[&Row]) -> Result<RecordBatch, ArrowError>,
}

impl Shelf<'_> {
    pub(super) fn put_pings(&mut self, pings: &PingRows) -> anyhow::Result<()> {
        let format = Format::of(Table::Pings)?;
        let dictionaries = pings.dictionaries();
        for (hour, rows) in pings.by_hour() {
            let bytes = format.write(pings.batches(&rows, &dictionaries))?;
            let times = rows.iter().map(|row| pings.time(*row));
            self.put(Table::Pings, hour, bytes, times)?;
        }
        Ok(())
    }

    pub(super) fn put_facts<Row>(&mut self, facts: &Facts<'_, Row>) -> anyhow::Result<()> {
        let mut hours: BTreeMap<Hour, Vec<&Row>> = BTreeMap::new();
        for row in facts.rows {
            if let Some(hour) = Hour::of((facts.time)(row)) {
                hours.entry(hour).or_default().push(row);
            }
        }
        let format = Format::of(facts.table)?;
        for (hour, mut rows) in hours {
            (facts.sort)(&mut rows);
            let bytes = format.write(std::iter::once((facts.batch)(&rows)))?;
            let times = rows.iter().map(|row| (facts.time)(row));
            self.put(facts.table, hour, bytes, times)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        table: Table,
        hour: Hour,
        bytes: Vec<u8>,
        times: impl ExactSizeIterator<Item = Timestamp> + Clone,
    ) -> anyhow::Result<()> {
        let rows = times.len() as u64;
        let (min, max) = times
            .clone()
            .min()
            .zip(times.max())
            .context("an hour without rows")?;
        let object = stored(self.link.file_key(table, hour)?, bytes, self.objects);
        self.files.push(File {
            table,
            object,
            rows,
            min_ms: min.0,
            max_ms: max.0,
        });
        Ok(())
    }
}

/// Adds an object to those to be stored and describes it.
pub(super) fn stored(key: Key, bytes: Vec<u8>, objects: &mut Vec<(Key, Bytes)>) -> StoredObject {
    let description = StoredObject {
        key: key.to_string(),
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
    };
    objects.push((key, bytes.into()));
    description
}
