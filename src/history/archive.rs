//! The history that Hansom itself has archived, read an hour at a time. It reads the tables of pings
//! and of trips as the archiver writes them, by their lists, and changes nothing there.

mod events;
mod pings;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use objects::{Key, Objects, key_at};
use schemas::{Record, Timestamp};

pub(crate) use self::events::Rank;
use self::{events::Ended, pings::Pings};
use super::{Settings, moment};

/// The lists of files of each hour; what no list names is not part of a table.
const PINGS: &str = "tables/pings/";
const TRIPS: &str = "tables/trips/";
/// Files of an older version's archive, which has no lists.
const UNLISTED: &str = "pings/";
const MS_PER_HOUR: i64 = 3_600_000;
/// A ride is known by its end: those of so many hours to come are read before an hour's pings are
/// played. Longer ones teach nothing.
const HOURS_AHEAD: usize = 4;

/// An archive, being read.
pub(crate) struct Archive {
    objects: Arc<dyn Objects>,
    hours: Vec<Hour>,
    /// The next hour whose pings are played.
    next: usize,
    /// The next hour whose trips are read.
    next_trips: usize,
    /// Events that are not played yet.
    events: BTreeMap<(Timestamp, Rank, u64), Record>,
    rides: u64,
}

/// What the archive has of an hour.
struct Hour {
    /// `dt=YYYY-MM-DD/hour=HH`.
    name: String,
    begin: Timestamp,
    files: Files,
}

#[derive(Default)]
struct Files {
    pings: Vec<Key>,
    trips: Vec<Key>,
}

impl Archive {
    /// Reads which files the archive at a URL has, up to a moment.
    ///
    /// # Errors
    /// An error if the archive cannot be listed or has no pings.
    pub(crate) async fn open(url: &str, until: Option<Timestamp>) -> anyhow::Result<Self> {
        let objects = objects::open_to_read(url).await?;
        let mut by_hour: BTreeMap<String, Files> = BTreeMap::new();
        for key in list(&*objects, PINGS).await? {
            by_hour.entry(hour_of(&key)).or_default().pings.push(key);
        }
        if by_hour.is_empty() {
            let unlisted = objects.list(UNLISTED, None).await?;
            ensure!(
                unlisted.is_empty(),
                "{url} has no lists of its files: run `archiver publish` once"
            );
            bail!("{url} has no pings");
        }
        for key in list(&*objects, TRIPS).await? {
            by_hour.entry(hour_of(&key)).or_default().trips.push(key);
        }
        let mut hours = Vec::with_capacity(by_hour.len());
        for (name, files) in by_hour {
            let begin = begin_of(&name).with_context(|| format!("{name} is no hour"))?;
            if until.is_none_or(|until| begin <= until) {
                hours.push(Hour { name, begin, files });
            }
        }
        Ok(Self {
            objects,
            hours,
            next: 0,
            next_trips: 0,
            events: BTreeMap::new(),
            rides: 0,
        })
    }

    /// Rides that were read.
    pub(crate) fn rides(&self) -> u64 {
        self.rides
    }

    /// Hands over the records of the next hour in the order of time; None after the last.
    ///
    /// # Errors
    /// An error if a file cannot be read or is no such table.
    pub(crate) async fn play_hour(
        &mut self,
        settings: &Settings,
        take: &mut dyn FnMut(Timestamp, &Record),
    ) -> anyhow::Result<Option<u64>> {
        if self.next >= self.hours.len() {
            return Ok(None);
        }
        while self.next_trips < self.hours.len().min(self.next + 1 + HOURS_AHEAD) {
            self.read_trips(self.next_trips, settings).await?;
            self.next_trips += 1;
        }
        let hour = &self.hours[self.next];
        let mut pings = Pings::default();
        for key in &hour.files.pings {
            let bytes = self.read(key).await?;
            let read = pings.read(bytes, settings);
            read.with_context(|| format!("read {}", key.as_str()))?;
        }
        let is_last = self.next + 1 == self.hours.len();
        let end = if is_last {
            Timestamp(i64::MAX)
        } else {
            Timestamp(hour.begin.0 + MS_PER_HOUR)
        };
        pings.sort();
        for at in 0..pings.len() {
            let ping = pings.ping(at);
            self.play_events(&(ping.time, Rank::Ping), take);
            take(ping.time, &Record::Ping(ping));
        }
        self.play_events(&(end, Rank::First), take);
        self.next += 1;
        Ok(Some(pings.len() as u64))
    }

    /// Plays the events that come before a moment.
    fn play_events(
        &mut self,
        (time, rank): &(Timestamp, Rank),
        take: &mut dyn FnMut(Timestamp, &Record),
    ) {
        while let Some(event) = self.events.first_entry() {
            let (at, of, _) = *event.key();
            if (at, of) >= (*time, *rank) {
                return;
            }
            take(at, &event.remove());
        }
    }

    async fn read_trips(&mut self, hour: usize, settings: &Settings) -> anyhow::Result<()> {
        // All versions of a trip end in the same hour; the newest counts.
        let mut rides = HashMap::new();
        for key in &self.hours[hour].files.trips {
            let bytes = self.read(key).await?;
            let read = events::read(bytes, settings, &mut rides);
            read.with_context(|| format!("read {}", key.as_str()))?;
        }
        let mut rides: Vec<Ended> = rides.into_values().flatten().collect();
        rides.sort_by_key(Ended::order);
        for ride in rides {
            for (time, rank, event) in ride.events() {
                self.events.insert((time, rank, self.rides), event);
            }
            self.rides += 1;
        }
        Ok(())
    }

    async fn read(&self, key: &Key) -> anyhow::Result<Bytes> {
        let found = self.objects.get(key).await?;
        found.with_context(|| format!("{} has gone", key.as_str()))
    }

    /// The hour that is played next, for people.
    pub(crate) fn next_hour(&self) -> Option<&str> {
        self.hours.get(self.next).map(|hour| hour.name.as_str())
    }
}

/// The files that the lists under a prefix name.
async fn list(objects: &dyn Objects, prefix: &str) -> anyhow::Result<Vec<Key>> {
    let mut lists: Vec<Key> = Vec::new();
    loop {
        let page = objects.list(prefix, lists.last()).await?;
        if page.is_empty() {
            break;
        }
        lists.extend(page);
    }
    let mut files = Vec::new();
    for list in &lists {
        let text = objects.get(list).await?.unwrap_or_default();
        let text = str::from_utf8(&text).with_context(|| list.to_string())?;
        for uri in text.lines() {
            let key = key_at(objects, uri);
            files.push(
                key.with_context(|| format!("{list} names {uri}, which is not in this archive"))?,
            );
        }
    }
    Ok(files)
}

/// The segments of a key between its table and its file.
fn hour_of(key: &Key) -> String {
    let (_, below) = key.as_str().split_once('/').unwrap_or_default();
    let (hour, _) = below.rsplit_once('/').unwrap_or_default();
    hour.to_owned()
}

fn begin_of(hour: &str) -> Option<Timestamp> {
    let (day, hour) = hour.strip_prefix("dt=")?.split_once("/hour=")?;
    let midnight = moment::parse(day).ok()?;
    let hour: i64 = hour.parse().ok()?;
    Some(Timestamp(midnight.0 + hour * MS_PER_HOUR))
}

#[cfg(test)]
mod tests;
