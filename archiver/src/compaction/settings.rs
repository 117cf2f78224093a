//! The settings of a compaction, as command-line flags. The doc comments are the help.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use schemas::Timestamp;
use service::parse_duration;

use crate::{
    layout::{Hour, Table},
    moment,
};

/// Which hours are compacted, and when what they were made of is deleted.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(crate) struct Settings {
    /// Compact the hours that end at this moment or before it: RFC 3339, or `YYYY-MM-DD`, its midnight
    /// in UTC. It lies --settle before now at least.
    #[arg(long, value_name = "T", value_parser = moment::parse)]
    pub(crate) before: Timestamp,

    /// How long after its end an hour is left alone: most of its rows are archived by then. It is
    /// longer than --archive-max-age of the archivers. What comes later is merged by a later run.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_duration)]
    pub(crate) settle: Duration,

    /// Delete files once they have been replaced for so long: no query that may have begun with them
    /// takes longer.
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = parse_duration)]
    pub(crate) grace: Duration,

    /// Compact these tables only: pings, `ride_events`, trips. May be given several times.
    #[arg(long, value_name = "TABLE", value_parser = parse_table)]
    pub(crate) table: Vec<Table>,

    /// Leave hours alone that have fewer files than this.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) min_files: u16,
}

impl Settings {
    /// Says what makes no sense at this time of day, Unix ms UTC.
    pub(crate) fn check(&self, now_ms: i64) -> anyhow::Result<()> {
        let settle_ms = i64::try_from(self.settle.as_millis()).context("--settle is too long")?;
        let latest = now_ms.saturating_sub(settle_ms);
        ensure!(
            self.before.0 <= now_ms,
            "--before lies in the future: hours that are not over are still written to"
        );
        ensure!(
            self.before.0 <= latest,
            "--before lies less than --settle before now: rows of these hours are still on their way"
        );
        Hour::of(self.before).context("--before lies before 1970")?;
        Ok(())
    }

    /// The first hour that is left alone.
    pub(crate) fn end(&self) -> Hour {
        // `check` has seen that there is one.
        Hour::of(self.before).unwrap_or(Hour::FIRST)
    }

    pub(crate) fn tables(&self) -> Vec<Table> {
        let is_asked = |table: &Table| self.table.is_empty() || self.table.contains(table);
        Table::ALL.into_iter().filter(is_asked).collect()
    }

    pub(crate) fn least_files(&self) -> usize {
        self.min_files.into()
    }
}

/// A table by its name.
pub(crate) fn parse_table(name: &str) -> Result<Table, String> {
    let mut tables = Table::ALL.into_iter();
    tables
        .find(|table| table.as_str() == name)
        .ok_or_else(|| "a table is pings, ride_events or trips".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn settings(flags: &[&str]) -> Settings {
        let line = ["compact"].iter().chain(flags);
        Line::try_parse_from(line).unwrap().settings
    }

    fn check(before: &str, now: &str, expected: Option<&str>) {
        let now = moment::parse(now).unwrap();
        let told = settings(&["--before", before]).check(now.0);
        let told = told.err().map(|error| error.to_string());
        let is_expected = match (&told, expected) {
            (Some(told), Some(expected)) => told.contains(expected),
            (told, expected) => told.is_none() && expected.is_none(),
        };
        assert!(is_expected, "{before}: {told:?}");
    }

    #[test]
    fn hours_that_are_still_written_to_are_refused() {
        check("2026-03-02T00:00:00Z", "2026-03-02T00:30:00Z", None);
        check("2026-03-02", "2026-03-02T00:29:59Z", Some("--settle"));
        check("2026-03-03", "2026-03-02T00:30:00Z", Some("future"));
        check("1969-12-31", "2026-03-02T00:30:00Z", Some("1970"));
    }

    #[test]
    fn an_hour_that_is_not_over_is_left_alone() {
        let end = settings(&["--before", "2026-03-02T05:59:59Z"]).end();
        assert_eq!(end.to_string(), "dt=2026-03-02/hour=05");
    }

    #[test]
    fn all_tables_are_compacted_unless_some_are_named() {
        let tables =
            |flags: &[&str]| settings(&[&["--before", "2026-03-02"], flags].concat()).tables();
        assert_eq!(tables(&[]), Table::ALL);
        assert_eq!(
            tables(&["--table", "trips", "--table", "pings"]),
            [Table::Pings, Table::Trips]
        );
    }
}
