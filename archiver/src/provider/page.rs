//! The pages of recent events: one published hour each, so that a page costs what an hour does, however
//! much is asked for. Which rows of the hour are on it is said by its times; no row is read here.

use std::ops::Range;

use schemas::{Timestamp, regulators::HOUR_MS};

use super::{
    hour::Hour,
    published::{Link, PublishedHours},
};

/// Recent is what is no older than this: two weeks, by the specification.
const RECENT_MS: i64 = 14 * 24 * HOUR_MS;

/// From when until when events are asked for, without the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The hour and its link; None where what is asked for is not published, or was before all of it.
    pub(crate) hour: Option<(Hour, Link)>,
    /// The times of the hour's events that are on it.
    pub(crate) times: Range<i64>,
    /// From when the next page is; None on the last.
    pub(crate) next: Option<Timestamp>,
    /// Up to when all is published, as far as it follows without a hole: the pages go no further.
    pub(crate) reach: Timestamp,
}

impl Asked {
    /// Reads both times.
    ///
    /// # Errors
    /// What is wrong with them, for who asks.
    pub(crate) fn parse(
        start: Option<&str>,
        end: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let start = time("start_time", start)?;
        let end = time("end_time", end)?;
        if end <= start {
            return Err("end_time is not after start_time".to_owned());
        }
        if start.0 < now.0.saturating_sub(RECENT_MS) {
            return Err(
                "start_time is older than two weeks: ask /events/historical for it".to_owned(),
            );
        }
        Ok(Self { start, end })
    }

    /// The page that it begins with; None if nothing is published at all.
    pub(crate) fn page(self, hours: &PublishedHours) -> Option<Page> {
        let hour = Hour::of(self.start).max(hours.first()?);
        let reach = hours.reach(hour)?;
        let link = hours.get(hour).filter(|_| hour.from() < self.end);
        let Some(link) = link else {
            return Some(Page {
                hour: None,
                times: 0..0,
                next: None,
                reach,
            });
        };
        let goes_on = hour.to() < self.end && hours.get(hour.next()).is_some();
        Some(Page {
            hour: Some((hour, link)),
            times: self.start.max(hour.from()).0..self.end.min(hour.to()).0,
            next: goes_on.then(|| hour.to()),
            reach,
        })
    }
}

impl Page {
    /// Whether all of its hour is on it.
    pub(crate) fn is_whole(&self) -> bool {
        let Some((hour, _)) = self.hour else {
            return false;
        };
        self.times == (hour.from().0..hour.to().0)
    }
}

fn time(name: &str, text: Option<&str>) -> Result<Timestamp, String> {
    let text = text.ok_or_else(|| format!("{name} is missing: ms since 1970 UTC"))?;
    let time = text.parse().map(Timestamp);
    time.map_err(|_| format!("{name} is no whole number of ms since 1970 UTC"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::testing::manifest;

    /// 2026-03-01 00:00 UTC.
    const BEGIN_MS: i64 = 1_772_323_200_000;

    fn published(hours: &[u8]) -> PublishedHours {
        let mut published = PublishedHours::default();
        for hour in hours {
            published.take(&manifest(
                "mds",
                "example",
                &format!("2026-03-01T{hour:02}"),
            ));
        }
        published
    }

    fn asked(start_ms: i64, end_ms: i64) -> Asked {
        Asked {
            start: Timestamp(BEGIN_MS + start_ms),
            end: Timestamp(BEGIN_MS + end_ms),
        }
    }

    /// The times of all pages, and where they reach.
    fn follow(mut asked: Asked, hours: &PublishedHours) -> (Vec<Range<i64>>, Timestamp) {
        let mut times = Vec::new();
        loop {
            let page = asked.page(hours).unwrap();
            if page.hour.is_some() {
                times.push(page.times.clone());
            }
            let Some(next) = page.next else {
                return (times, page.reach);
            };
            asked.start = next;
        }
    }

    #[test]
    fn times_are_read_or_it_is_said_what_is_wrong() {
        let now = Timestamp(BEGIN_MS + RECENT_MS);
        let check = |start: Option<&str>, end: Option<&str>, told: &str| {
            let read = Asked::parse(start, end, now).unwrap_err();
            assert!(read.contains(told), "{read}");
        };
        check(None, Some("1772323200000"), "start_time is missing");
        check(Some("1772323200000"), None, "end_time is missing");
        check(Some("2026-03-01T07"), Some("1"), "start_time is no whole");
        check(Some("1772323200000"), Some("1e15"), "end_time is no whole");
        check(Some("1772323200000"), Some("1772323200000"), "not after");
        check(Some("1772323199999"), Some("1772323200000"), "two weeks");
        let read = Asked::parse(Some("1772323200000"), Some("1772323200001"), now);
        assert_eq!(read, Ok(asked(0, 1)));
    }

    #[test]
    fn what_is_not_published_is_not_answered_as_empty() {
        let hours = published(&[7, 8, 10]);
        let page = asked(9 * HOUR_MS, 11 * HOUR_MS).page(&hours).unwrap();
        assert_eq!(page.hour, None);
        assert_eq!(page.reach, Timestamp(BEGIN_MS + 9 * HOUR_MS));
        let (times, reach) = follow(asked(0, 11 * HOUR_MS), &hours);
        assert_eq!((times.len(), reach.0), (2, BEGIN_MS + 9 * HOUR_MS));
        assert_eq!(asked(0, 1).page(&PublishedHours::default()), None);
        assert_eq!(asked(0, 1).page(&hours).unwrap().hour, None);
    }

    proptest! {
        #[test]
        fn the_pages_have_every_moment_once(
            from in 0_u8..20, count in 1_u8..4, start in 0..24 * HOUR_MS, long in 1..24 * HOUR_MS,
        ) {
            let hours: Vec<u8> = (from..from + count).collect();
            let asked = asked(start, start + long);
            let (times, reach) = follow(asked, &published(&hours));
            let first = asked.start.0.max(BEGIN_MS + i64::from(from) * HOUR_MS);
            let last = asked.end.0.min(reach.0);
            if first >= last {
                prop_assert_eq!(times, Vec::new());
                return Ok(());
            }
            prop_assert_eq!(times[0].start, first);
            prop_assert_eq!(times[times.len() - 1].end, last);
            for two in times.windows(2) {
                prop_assert_eq!(two[0].end, two[1].start);
            }
        }
    }
}
