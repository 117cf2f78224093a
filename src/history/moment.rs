//! A moment as a command line has it.

use jiff::{Timestamp as Instant, civil::Date, tz::TimeZone};
use schemas::Timestamp;

/// Reads RFC 3339, `YYYY-MM-DD` (its midnight in UTC) or seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        let too_far = || format!("{text} is too far from now");
        return seconds
            .checked_mul(1_000)
            .map(Timestamp)
            .ok_or_else(too_far);
    }
    let instant = text.parse::<Instant>().or_else(|_| {
        let day = Date::strptime("%Y-%m-%d", text)?;
        TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0))
    });
    instant
        .map(|instant| Timestamp(instant.as_millisecond()))
        .map_err(|_: jiff::Error| {
            "a moment is like 2008-06-03T07:00:00Z, 2008-06-03 or 1212476400".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        let seconds = parse(text).ok().map(|moment| moment.0 / 1_000);
        assert_eq!(seconds, expected, "{text}");
    }

    #[test]
    fn a_moment_is_a_time_a_day_or_seconds() {
        check("2008-06-03T07:00:00Z", Some(1_212_476_400));
        check("2008-06-03T00:00:00-07:00", Some(1_212_476_400));
        check("1212476400", Some(1_212_476_400));
        check("2008-06-03", Some(1_212_451_200));
        for text in [
            "",
            "yesterday",
            "2008-06-31",
            "2008-06-03T07:00:00",
            "99999999999999999",
        ] {
            check(text, None);
        }
    }
}
