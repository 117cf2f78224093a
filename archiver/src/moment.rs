//! A moment as a command line has it. Which moments make sense is the command's to say.

use jiff::{Timestamp as Instant, civil::Date, tz::TimeZone};
use schemas::Timestamp;

/// Reads RFC 3339, or `YYYY-MM-DD`: its midnight in UTC.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    let midnight = || {
        let day: Date = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
    };
    // A civil date reads longer texts too, and would lose their time of day.
    let is_day = text.len() == "YYYY-MM-DD".len();
    let instant = if is_day {
        midnight()
    } else {
        text.parse::<Instant>().ok()
    };
    instant
        .map(|instant| Timestamp(instant.as_millisecond()))
        .ok_or_else(|| "a moment is like 2026-03-01T07:00:00Z or 2026-03-01".to_owned())
}

/// A moment as people and programs read it.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    Instant::from_millisecond(moment.0).map_or_else(
        |_| format!("{} ms", moment.0),
        |instant| instant.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        let seconds = parse(text).ok().map(|moment| moment.0 / 1_000);
        assert_eq!(seconds, expected, "{text}");
    }

    #[test]
    fn a_moment_is_a_time_or_a_day() {
        check("2026-03-01T07:00:00Z", Some(1_772_348_400));
        check("2026-03-01T00:00:00-07:00", Some(1_772_348_400));
        check("2026-03-01", Some(1_772_323_200));
        for text in [
            "",
            "yesterday",
            "2026-02-30",
            "2026-03-01T07:00:00",
            "20260301",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(
            rfc3339(Timestamp(1_772_348_400_000)),
            "2026-03-01T07:00:00Z"
        );
    }
}
