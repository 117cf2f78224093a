//! The settings of an audit, as command-line flags. The doc comments are the help.

use std::time::Duration;

use clap::Args;
use schemas::Timestamp;
use service::parse_duration;

use crate::{layout::Hour, moment};

/// What is audited.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(crate) struct Settings {
    /// The hour, day or month in UTC: `2026-03-01T07`, `2026-03-01` or `2026-03`.
    #[arg(long, value_name = "PERIOD", value_parser = parse_period)]
    pub(crate) period: Period,

    /// Read every file of the period, and compare its SHA-256 with what was written.
    #[arg(long)]
    pub(crate) deep: bool,

    /// Count rows as late that were received so long after the end of their hour.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub(crate) late: Duration,
}

/// Hours from `begin` on and before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) begin: Hour,
    pub(crate) end: Hour,
}

impl Period {
    /// Its hours.
    pub(crate) fn hours(self) -> impl Iterator<Item = Hour> {
        std::iter::successors(Some(self.begin), |hour| Hour::of(hour.end()))
            .take_while(move |hour| *hour < self.end)
    }

    pub(crate) fn has(self, hour: Hour) -> bool {
        (self.begin..self.end).contains(&hour)
    }

    /// Whether a moment lies in it.
    pub(crate) fn has_moment(self, ms: i64) -> bool {
        (self.begin.begin().0..self.end.begin().0).contains(&ms)
    }
}

/// Reads a period.
fn parse_period(text: &str) -> Result<Period, String> {
    let hour = |text: &str| moment::parse(text).ok().and_then(Hour::of);
    let after = |hour: Hour, hours: i64| Hour::of(Timestamp(hour.begin().0 + hours * 3_600_000));
    let read = || match text.len() {
        13 => {
            let begin = hour(&format!("{text}:00:00Z"))?;
            Some((begin, after(begin, 1)?))
        }
        10 => {
            let begin = hour(text)?;
            Some((begin, after(begin, 24)?))
        }
        7 => {
            let begin = hour(&format!("{text}-01"))?;
            // The next month begins after 28 to 31 days.
            let end = (28..=31).filter_map(|days| after(begin, days * 24));
            let mut end = end.filter(|end| !end.to_string().contains(text));
            Some((begin, end.next()?))
        }
        _ => None,
    };
    let (begin, end) = read().ok_or("a period is like 2026-03-01T07, 2026-03-01 or 2026-03")?;
    Ok(Period { begin, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(usize, &str)>) {
        let period = parse_period(text).ok();
        let read = period.map(|period| (period.hours().count(), period.begin.to_string()));
        let expected = expected.map(|(hours, begin)| (hours, begin.to_owned()));
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn a_period_is_an_hour_a_day_or_a_month() {
        check("2026-03-01T07", Some((1, "dt=2026-03-01/hour=07")));
        check("2026-03-01", Some((24, "dt=2026-03-01/hour=00")));
        check("2026-03", Some((31 * 24, "dt=2026-03-01/hour=00")));
        check("2026-02", Some((28 * 24, "dt=2026-02-01/hour=00")));
        check("2024-02", Some((29 * 24, "dt=2024-02-01/hour=00")));
        check("2026-12", Some((31 * 24, "dt=2026-12-01/hour=00")));
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-03-01T24",
            "2026-03-01T07:00",
            "march 1",
            "1969-12",
        ] {
            check(text, None);
        }
    }
}
