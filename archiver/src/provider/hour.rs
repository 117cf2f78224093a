//! An hour of UTC, and which answer it has: served, not yet, or never. What is published is asked
//! elsewhere.

use jiff::tz::TimeZone;
use schemas::{
    Timestamp,
    regulators::{HOUR_MS, Length, Period},
};

use super::published::Link;

/// An hour of UTC, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hour(i64);

/// What is answered to who asks for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is not over (404).
    NotOver,
    /// It was before the provider began (404).
    NotOperating,
    /// It is over, and not published yet (202).
    NotYet,
    /// It is published (200).
    Published(Link),
}

impl Hour {
    /// Reads `YYYY-MM-DDTHH` and nothing like it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let period = Period::parse(text, &TimeZone::UTC).ok()?;
        (period.length == Length::Hour).then_some(Self(period.from.0))
    }

    /// The hour that a time is in.
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(time.0.saturating_sub(time.0.rem_euclid(HOUR_MS)))
    }

    /// When it begins.
    pub(crate) fn from(self) -> Timestamp {
        Timestamp(self.0)
    }

    /// When it ends, which is no part of it.
    pub(crate) fn to(self) -> Timestamp {
        self.next().from()
    }

    /// The hour after it.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(HOUR_MS))
    }
}

/// Which answer an hour has `now`, where `first` is the first one that was ever published, and
/// `published` its own link.
pub(crate) fn decide(
    hour: Hour,
    now: Timestamp,
    first: Option<Hour>,
    published: Option<Link>,
) -> Answer {
    if let Some(link) = published {
        return Answer::Published(link);
    }
    if now < hour.to() {
        return Answer::NotOver;
    }
    match first {
        Some(first) if first <= hour => Answer::NotYet,
        _ => Answer::NotOperating,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEVEN: &str = "2026-03-01T07";
    const LINK: Link = Link { n: 3, revision: 1 };

    fn hour(text: &str) -> Hour {
        Hour::parse(text).unwrap()
    }

    #[track_caller]
    fn check(now_min: i64, first: Option<&str>, published: Option<Link>, expected: Answer) {
        let seven = hour(SEVEN);
        let now = Timestamp(seven.from().0 + now_min * 60_000);
        assert_eq!(decide(seven, now, first.map(hour), published), expected);
    }

    #[test]
    fn an_hour_is_written_one_way() {
        assert_eq!(hour(SEVEN).from(), Timestamp(1_772_348_400_000));
        for text in [
            "",
            "2026-03-01",
            "2026-03",
            "2026-03-01T7",
            "2026-03-01T24",
            "2026-02-30T07",
            "2026-03-01 07",
            "2026-03-01T07Z",
            "2026-03-01T07:00",
            "2026-03-01T+7",
        ] {
            assert_eq!(Hour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_hour_is_answered_by_how_far_it_has_come() {
        check(59, Some("2026-03-01T06"), None, Answer::NotOver);
        check(60, Some("2026-03-01T06"), None, Answer::NotYet);
        check(90, Some(SEVEN), Some(LINK), Answer::Published(LINK));
        check(90, Some("2026-03-01T08"), None, Answer::NotOperating);
        check(90, None, None, Answer::NotOperating);
    }

    proptest! {
        #[test]
        fn every_time_is_in_its_hour(time in any::<i64>()) {
            let time = Timestamp(time);
            let hour = Hour::of(time);
            prop_assert!(hour.from() <= time);
            prop_assert!(time < hour.to() || hour.to().0 == i64::MAX);
        }
    }
}
