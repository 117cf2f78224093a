//! Makes the rows of a report from the archive: hour by hour, in memory that does not grow with the
//! period. What is a row is the report's business, where rows go the package's.

use std::sync::Arc;

use anyhow::Context as _;
use objects::Objects;
use schemas::{
    Timestamp,
    regulators::{self, HOUR_MS, Report, Table as Asked},
};
use service::Shutdown;

use super::{
    package::Package,
    sources::{Commits, Sources},
};
use crate::{
    books::Books,
    commit::File,
    layout::{Hour, Partition, Table},
    lists::Lists,
    reading::{self, Fact, HourFiles},
};

/// The archive, as an export reads it.
pub(crate) struct Archive {
    lists: Lists,
    books: Books,
}

/// What was read for an export.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Facts that the report was given.
    pub(crate) facts: u64,
    /// Rows that say again what another says, and versions of trips that a higher one replaces.
    pub(crate) repeats: u64,
    /// Files that were open at once, at most.
    pub(crate) most_files: usize,
    /// The commits that the rows were once in.
    pub(crate) commits: Commits,
}

impl Archive {
    /// The archive in `objects`. Storage that is away is waited for until `ending`.
    pub(crate) fn new(objects: Arc<dyn Objects>, ending: Shutdown) -> Self {
        Self {
            lists: Lists::new(Arc::clone(&objects), ending.clone()),
            books: Books::new(objects, ending),
        }
    }

    /// Whether anything was ever archived there: a mistyped place is no empty archive.
    pub(crate) async fn has_commits(&self) -> anyhow::Result<bool> {
        Ok(!self.books.shards().await?.is_empty())
    }

    /// Gives a report all that it wants, and its rows to a package; `progress` is told after each
    /// hour how many facts there were.
    ///
    /// # Errors
    /// An error that names the hour and the file which cannot be read.
    pub(crate) async fn render(
        &self,
        report: &mut Report,
        package: &mut Package<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Reading> {
        let (from, to) = report.feed();
        let mut reading = Reading::default();
        let mut begin = from;
        while begin < to {
            let hour = Hour::of(begin).context("an hour that no archive has")?;
            let read = self.render_hour(hour, report, package, &mut reading).await;
            read.with_context(|| format!("the hour {hour}"))?;
            begin = Timestamp(begin.0 + HOUR_MS);
            report.end_hour(begin, package);
            package.put().await?;
            progress(reading.facts);
        }
        report.finish(package);
        package.put().await?;
        Ok(reading)
    }

    async fn render_hour(
        &self,
        hour: Hour,
        report: &mut Report,
        package: &mut Package<'_>,
        reading: &mut Reading,
    ) -> anyhow::Result<()> {
        let mut files = HourFiles::default();
        let tables = [
            (Table::Pings, Asked::Pings, &mut files.pings),
            (Table::RideEvents, Asked::RideEvents, &mut files.ride_events),
            (Table::Trips, Asked::Trips, &mut files.trips),
        ];
        for (table, asked, of) in tables {
            if report.reads(asked) {
                *of = self
                    .files(Partition { table, hour }, &mut reading.commits)
                    .await?;
            }
        }
        reading.most_files = reading.most_files.max(files.count());
        let mut facts = reading::Hour::open(&self.books.storage, &files).await?;
        while let Some(fact) = facts.next().await? {
            reading.facts += 1;
            report.take(asked_of(&fact), package);
            if package.is_due() {
                package.put().await?;
            }
        }
        reading.repeats += facts.repeats() + facts.replaced();
        Ok(())
    }

    /// The files that are part of a table's hour.
    async fn files(
        &self,
        partition: Partition,
        commits: &mut Commits,
    ) -> anyhow::Result<Vec<File>> {
        let standing = self.lists.standing(partition).await?;
        let mut files = Vec::new();
        for uri in standing.list.uris() {
            let key = self.lists.key(partition, uri)?;
            files.push(self.books.file(&key, &standing.records).await?);
        }
        commits.take(&files, &standing.records)?;
        Ok(files)
    }

    /// What a report's rows were made of.
    ///
    /// # Errors
    /// An error for a commit that is missing, and from the storage.
    pub(crate) async fn sources(&self, commits: &Commits) -> anyhow::Result<Sources> {
        commits.sources(&self.books).await
    }
}

/// A fact as a report takes it.
fn asked_of(fact: &Fact) -> regulators::Fact<'_> {
    match fact {
        Fact::Ping(ping) => regulators::Fact::Ping(ping),
        Fact::Event(event) => regulators::Fact::Event(event),
        Fact::Trip(trip) => regulators::Fact::Trip(trip),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use objects::{Key, memory::MemoryObjects};
    use schemas::regulators::{Inputs, Jurisdictions, Period, Profile, Registry, Scope, Zones};

    use super::*;
    use crate::{
        export::{Store, package::Destination, place::Place},
        testing::{
            START_MS,
            archived::{archive_of, repeat},
            ping, trip,
        },
    };

    /// Fixes, and where trips ended where two or more did so within the hour.
    const PROFILE: &str = r#"
        name = "test"
        version = "1"
        time_zone = "UTC"
        periods = ["day"]
        [privacy]
        min_group = 2
        [[topic]]
        name = "fixes"
        rows = "telemetry"
        format = "csv"
        file = "fixes.csv"
        incomplete = "write"
        columns = [{ name = "fix", from = "ping.name" }]
        [[topic]]
        name = "trips"
        rows = "trips"
        format = "csv"
        file = "trips.csv"
        incomplete = "write"
        columns = [{ name = "lat", from = "trip.dropoff.lat", decimals = 1 }]
    "#;

    #[tokio::test(start_paused = true)]
    async fn each_fact_is_told_once_and_each_hour_ended_by_itself() {
        let mut later = trip("r3", 1);
        later.ended = Timestamp(START_MS + HOUR_MS + 30_000);
        let fixes: Vec<_> = (20..23).map(|n| ping("v1", n).into()).collect();
        let trips = vec![trip("r1", 1).into(), trip("r2", 1).into(), later.into()];
        let archived = archive_of(&[[fixes, trips].concat()]).await;
        repeat(&archived).await;

        let profile = Profile::parse(PROFILE).unwrap();
        let jurisdictions = "[jurisdictions.here]\ncompany = \"acme\"";
        let jurisdictions = Jurisdictions::parse(jurisdictions).unwrap();
        let scope = Scope {
            jurisdiction: jurisdictions.named("here").unwrap().clone(),
            period: Period::parse("2026-03-02", &TimeZone::UTC).unwrap(),
            submission_date: None,
        };
        let inputs = Inputs {
            scope: scope.clone(),
            registry: Arc::new(Registry::empty(&profile)),
            zones: Arc::new(Zones::default()),
            secret: None,
        };
        let mut report = Report::new(&profile, inputs).unwrap();
        let store = Store::new(Arc::new(MemoryObjects::default()));
        let place = Place::new("test", "here").directory("2026-03-02", 1);
        let destination = Destination::Stored {
            store: &store,
            directory: place.clone(),
            exceptions: Key::new("exceptions.csv").unwrap(),
        };
        let package = Package::begin(report.topics(), &scope, 1, destination).await;
        let mut package = package.unwrap();
        let mut told = Vec::new();
        let mut tell = |facts| told.push(facts);
        let archive = Archive::new(archived, Shutdown::new());
        let reading = archive.render(&mut report, &mut package, &mut tell);
        let reading = reading.await.unwrap();
        package.finish().await.unwrap();

        // The day has 24 hours; in the first are three fixes and two trips, in the second the third trip.
        assert_eq!(told[..3], [5, 6, 6]);
        assert_eq!((told.len(), reading.facts, reading.repeats), (24, 6, 6));
        let expected = [
            ("fixes.csv", "fix\nv1/7.20\nv1/7.21\nv1/7.22\n"),
            ("trips.csv", "lat\n37.7\n37.7\n\"\"\n"),
        ];
        for (name, expected) in expected {
            let key = place.file(name).unwrap();
            let file = store.get_range(&key, 0..1_000).await.unwrap().unwrap();
            assert_eq!(str::from_utf8(&file).unwrap().replace('\r', ""), expected);
        }
    }
}
