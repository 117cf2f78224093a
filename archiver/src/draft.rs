//! What the next commit of a shard will hold: rows, dead letters and gaps, read but not written.
//! It is a function of the window it began with and of what was read, however that came in pieces.

mod shelf;

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use objects::Key;
use schemas::{Ping, Record, RideEvent, Trip, seen::Sighting};
use sha2::{Digest as _, Sha256};
use transport::{Fetched, Position, StreamRecord};

use crate::{
    commit::{Commit, Counts, File, Intent, Range, StoredObject},
    dead_letters::{DeadLetters, Hex, Reason},
    layout::{Hour, Link, Table},
    rows::{pings::PingRows, ride_events, trips},
    window::{self, Window},
};
use shelf::{Facts, Shelf, stored};

/// The commit in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    link: Link,
    from: Option<Position>,
    to: Option<Position>,
    /// The stored windows that this draft began with, and what has become of them since.
    sources: Sources,
    window: Window,
    pings: PingRows,
    events: Vec<RideEvent>,
    trips: Vec<Trip>,
    /// Bytes of the events and trips in memory.
    fact_bytes: usize,
    dead_letters: DeadLetters,
    gaps: Vec<Range>,
    counts: Counts,
    oldest_ms: Option<i64>,
    /// Whether the range ends where the shard does.
    closes: bool,
}

/// The stored windows that a draft's window was made of.
#[derive(Debug)]
pub(crate) enum Sources {
    /// That after the commit before.
    Last(StoredObject),
    /// Of the first commit: the last ones of the shard's parents, if there are any.
    Parents(Vec<StoredObject>),
}

/// Says whether reading has come to the end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Progress {
    /// Not yet.
    Before,
    /// All of the range is in the draft, and nothing from behind it.
    Reached,
}

/// A draft as it is to be stored: the objects first, then the commit.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) objects: Vec<(Key, Bytes)>,
    pub(crate) commit: Commit,
    pub(crate) dead_letters: BTreeMap<Reason, u64>,
    /// When the stream took the oldest record.
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) window_size: window::Size,
    /// Vehicles that the window had no room for any more.
    pub(crate) vehicles_forgotten: usize,
}

impl Draft {
    /// An empty draft of commit `link.n`, which goes on after `from`.
    pub(crate) fn new(
        link: Link,
        from: Option<Position>,
        window: Window,
        sources: Sources,
    ) -> Self {
        Self {
            link,
            from,
            to: None,
            sources,
            window,
            pings: PingRows::default(),
            events: Vec::new(),
            trips: Vec::new(),
            fact_bytes: 0,
            dead_letters: DeadLetters::default(),
            gaps: Vec::new(),
            counts: Counts::default(),
            oldest_ms: None,
            closes: false,
        }
    }

    /// Takes records up to and including `until`, or all.
    pub(crate) fn take(
        &mut self,
        records: &Fetched,
        until: Option<Position>,
    ) -> anyhow::Result<Progress> {
        for record in records.iter() {
            if until.is_some_and(|until| record.position > until) {
                return Ok(Progress::Reached);
            }
            self.take_one(&record)?;
            if until == Some(record.position) {
                return Ok(Progress::Reached);
            }
        }
        Ok(Progress::Before)
    }

    /// Notes that the records up to and including `through` are lost, as far as `until`.
    pub(crate) fn skip(&mut self, through: Position, until: Option<Position>) -> Progress {
        let to = until.map_or(through, |until| until.min(through));
        self.gaps.push(Range {
            from: self.position().map(|position| position.to_string()),
            to: to.to_string(),
        });
        self.to = Some(to);
        if until == Some(to) {
            Progress::Reached
        } else {
            Progress::Before
        }
    }

    /// Notes that there is nothing more up to and including `to`.
    pub(crate) fn pass(&mut self, to: Position) {
        self.to = Some(to);
    }

    /// Notes that the shard ends where the range does.
    pub(crate) fn close(&mut self) {
        self.closes = true;
    }

    /// Where reading goes on.
    pub(crate) fn position(&self) -> Option<Position> {
        self.to.or(self.from)
    }

    /// Bytes that the draft takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.row_bytes() + self.dead_letters.bytes()
    }

    /// Bytes of what becomes Parquet.
    pub(crate) fn row_bytes(&self) -> usize {
        self.pings.bytes() + self.fact_bytes
    }

    /// When the stream took the oldest record.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.oldest_ms
    }

    /// How much the window of this draft remembers.
    pub(crate) fn window_size(&self) -> window::Size {
        self.window.size()
    }

    /// What is to be written before any of it: None where there is nothing to commit.
    pub(crate) fn intent(&self) -> Option<Intent> {
        let (window, parents) = match &self.sources {
            Sources::Last(window) => (Some(window.clone()), Vec::new()),
            Sources::Parents(parents) => (None, parents.clone()),
        };
        Some(Intent {
            shard: self.link.shard.clone(),
            n: self.link.n,
            range: self.range()?,
            window,
            parents,
            closes: self.closes,
        })
    }

    /// Makes files of the rows, and the empty draft that comes next.
    ///
    /// # Errors
    /// An error for an empty draft, and where the rows cannot be encoded.
    pub(crate) fn seal(mut self) -> anyhow::Result<(Sealed, Self)> {
        let range = self.range().context("seal an empty draft")?;
        let mut objects = Vec::new();
        let files = self.files(&mut objects)?;
        let (lines, reasons) = self.dead_letters.into_parts();
        let dead_letters = if lines.is_empty() {
            None
        } else {
            Some(stored(
                self.link.dead_letters_key()?,
                lines.into_bytes(),
                &mut objects,
            ))
        };
        let vehicles_forgotten = self.window.forget();
        let window_size = self.window.size();
        let window = stored(self.link.window_key()?, self.window.encode()?, &mut objects);
        let commit = Commit {
            shard: self.link.shard.clone(),
            n: self.link.n,
            range,
            files,
            dead_letters,
            gaps: self.gaps,
            window: window.clone(),
            counts: self.counts,
            parents: match self.sources {
                Sources::Last(_) => Vec::new(),
                Sources::Parents(parents) => parents,
            },
            closes: self.closes,
        };
        let oldest_ms = self.oldest_ms;
        let next = Link {
            n: self.link.n + 1,
            ..self.link
        };
        let next = Self::new(next, self.to, self.window, Sources::Last(window));
        Ok((
            Sealed {
                objects,
                commit,
                dead_letters: reasons,
                oldest_ms,
                window_size,
                vehicles_forgotten,
            },
            next,
        ))
    }

    fn range(&self) -> Option<Range> {
        let from = self.from.map(|from| from.to_string());
        Some(Range {
            from,
            to: self.to?.to_string(),
        })
    }

    fn take_one(&mut self, record: &StreamRecord<'_>) -> anyhow::Result<()> {
        self.to = Some(record.position);
        self.oldest_ms.get_or_insert(record.appended_ms);
        self.window.advance(record.appended_ms);
        self.counts.records += 1;
        let fact = match Record::decode(record.payload) {
            Ok(fact) => fact,
            Err(error) => {
                return self.bury(record, Reason::from(&error), &error.to_string());
            }
        };
        let (table, time) = match &fact {
            Record::Ping(ping) => (Table::Pings, ping.time),
            Record::RideEvent(event) => (Table::RideEvents, event.time),
            Record::Trip(trip) => (Table::Trips, trip.ended),
        };
        if Hour::of(time).is_none() {
            return self.bury(
                record,
                Reason::TimeOutOfRange(table),
                "outside the years 1970 to 9999",
            );
        }
        match fact {
            Record::Ping(ping) => self.take_ping(&ping),
            Record::RideEvent(event) => self.take_event(*event),
            Record::Trip(trip) => self.take_trip(*trip),
        }
        Ok(())
    }

    fn take_ping(&mut self, ping: &Ping) {
        let (number, sighting) = self.window.see_ping(ping);
        if self.is_row(Table::Pings, sighting) {
            self.pings.push(number, ping);
        }
    }

    fn take_event(&mut self, event: RideEvent) {
        let sighting = self.window.see_event(&event);
        if self.is_row(Table::RideEvents, sighting) {
            self.fact_bytes += ride_events::bytes(&event);
            self.events.push(event);
        }
    }

    fn take_trip(&mut self, trip: Trip) {
        let sighting = self.window.see_trip(&trip);
        if self.is_row(Table::Trips, sighting) {
            self.fact_bytes += trips::bytes(&trip);
            self.trips.push(trip);
        }
    }

    /// Counts a sighting; says whether it becomes a row.
    fn is_row(&mut self, table: Table, sighting: Sighting) -> bool {
        let counts = self.counts.of_mut(table);
        match sighting {
            Sighting::New => counts.rows += 1,
            Sighting::BeyondMemory => {
                counts.rows += 1;
                counts.beyond_memory += 1;
            }
            Sighting::Repeat => counts.duplicates += 1,
        }
        sighting != Sighting::Repeat
    }

    fn bury(
        &mut self,
        record: &StreamRecord<'_>,
        reason: Reason,
        detail: &str,
    ) -> anyhow::Result<()> {
        self.counts.dead_letters += 1;
        self.dead_letters
            .push(record, reason, detail)
            .context("write a dead letter")
    }

    /// Makes the files of all tables.
    fn files(&self, objects: &mut Vec<(Key, Bytes)>) -> anyhow::Result<Vec<File>> {
        let mut all = Shelf {
            link: &self.link,
            objects,
            files: Vec::new(),
        };
        all.put_pings(&self.pings)?;
        all.put_facts(&Facts {
            table: Table::RideEvents,
            rows: &self.events,
            time: |event: &RideEvent| event.time,
            sort: ride_events::sort,
            batch: ride_events::batch,
        })?;
        all.put_facts(&Facts {
            table: Table::Trips,
            rows: &self.trips,
            time: |trip: &Trip| trip.ended,
            sort: trips::sort,
            batch: trips::batch,
        })?;
        Ok(all.files)
    }
}

/// The SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Hex(&Sha256::digest(bytes)).to_string()
}

#[cfg(test)]
mod tests;
