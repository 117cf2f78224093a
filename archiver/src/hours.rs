//! The hours of a table that have files, one after the other, with the files that lie there. Which of
//! them are part of the table is not asked.

use std::collections::VecDeque;

use objects::{Key, Objects};
use service::Shutdown;

use crate::{
    layout::{Hour, Partition, Table},
    storage::persist,
};

/// Files in no hour that are remembered by name.
const MAX_STRANGERS: usize = 100;

/// The hours of a table, in order.
pub(crate) struct Hours<'a> {
    objects: &'a dyn Objects,
    drain: &'a Shutdown,
    table: Table,
    /// Hours from here on are not asked for.
    end: Option<Hour>,
    after: Option<Key>,
    read: VecDeque<Key>,
    /// Files in the table's place that lie in no hour, or are no Parquet files by their names.
    pub(crate) strangers: Vec<Key>,
}

impl<'a> Hours<'a> {
    /// Those of `table` from `begin` on and before `end`, where they are given.
    pub(crate) fn new(
        objects: &'a dyn Objects,
        drain: &'a Shutdown,
        table: Table,
        (begin, end): (Option<Hour>, Option<Hour>),
    ) -> anyhow::Result<Self> {
        let after = begin.map(|hour| Key::new(Partition { table, hour }.to_string()));
        Ok(Self {
            objects,
            drain,
            table,
            end,
            after: after.transpose()?,
            read: VecDeque::new(),
            strangers: Vec::new(),
        })
    }

    /// The next hour that has files, with their keys; None after the last.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<(Partition, Vec<Key>)>> {
        let mut found: Option<(Partition, Vec<Key>)> = None;
        loop {
            if self.read.is_empty() {
                self.read_page().await?;
            }
            let Some(key) = self.read.front() else {
                return Ok(found);
            };
            let partition = Partition::of(key.as_str());
            match (partition, &mut found) {
                (None, _) => {
                    if self.strangers.len() < MAX_STRANGERS {
                        self.strangers.push(key.clone());
                    }
                }
                (Some(partition), None) if self.end.is_some_and(|end| partition.hour >= end) => {
                    return Ok(None);
                }
                (Some(partition), None) => found = Some((partition, vec![key.clone()])),
                (Some(partition), Some((hour, keys))) if partition == *hour => {
                    keys.push(key.clone());
                }
                (Some(_), Some(_)) => return Ok(found),
            }
            self.read.pop_front();
        }
    }

    async fn read_page(&mut self) -> anyhow::Result<()> {
        let prefix = format!("{}/", self.table.as_str());
        let page = persist(self.drain, || {
            self.objects.list(&prefix, self.after.as_ref())
        });
        self.read = page.await?.into();
        if let Some(last) = self.read.back() {
            self.after = Some(last.clone());
        }
        Ok(())
    }
}

/// The files that lie in an hour of a table.
pub(crate) async fn files_in(
    objects: &dyn Objects,
    drain: &Shutdown,
    partition: Partition,
) -> anyhow::Result<Vec<Key>> {
    let prefix = partition.prefix();
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let page = persist(drain, || objects.list(&prefix, keys.last())).await?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page);
    }
}
