//! When a fix was taken, in the ways that apps write it. It knows no time of its own.

use schemas::Timestamp;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A number below this counts seconds, any other milliseconds: in seconds it is the year 5138, in
/// milliseconds March 1973.
const LEAST_MS: f64 = 1e11;

/// Reads Unix seconds, with a fraction or without, Unix milliseconds, ISO 8601, or
/// `yyyy-MM-dd HH:mm:ss`. What names no offset is UTC. None for anything else.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        let is_ms = whole as f64 >= LEAST_MS;
        let ms = if is_ms {
            whole
        } else {
            whole.saturating_mul(1_000)
        };
        return Some(Timestamp(ms));
    }
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number >= LEAST_MS {
            number
        } else {
            number * 1e3
        };
        return ms.is_finite().then_some(Timestamp(ms.round() as i64));
    }
    iso(text)
}

fn iso(text: &str) -> Option<Timestamp> {
    // A plus that was not encoded arrives as a blank; none else stands behind the date.
    let (date, clock) = text.split_at_checked("yyyy-MM-dd".len())?;
    let text = format!(
        "{date}{}",
        clock.replacen(' ', "+", usize::from(clock.starts_with('T')))
    );
    let parsed = OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .or_else(|_| OffsetDateTime::parse(&with_colon(&text), &Rfc3339));
    let ms = parsed.ok()?.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(ms).ok().map(Timestamp)
}

/// Writes the offset `+0100` as `+01:00`.
fn with_colon(text: &str) -> String {
    match text
        .len()
        .checked_sub(2)
        .and_then(|at| text.split_at_checked(at))
    {
        Some((head, minutes)) => format!("{head}:{minutes}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(moment(text), expected.map(Timestamp), "{text}");
    }

    #[test]
    fn every_way_to_write_a_time_is_the_same_time() {
        check("1700000000", Some(1_700_000_000_000));
        check("1700000000.25", Some(1_700_000_000_250));
        check("1700000000250", Some(1_700_000_000_250));
        check("2023-11-14T22:13:20Z", Some(1_700_000_000_000));
        check("2023-11-14T22:13:20.250Z", Some(1_700_000_000_250));
        check("2023-11-14T23:13:20.250+01:00", Some(1_700_000_000_250));
        check("2023-11-14T23:13:20 01:00", Some(1_700_000_000_000));
        check("2023-11-14T23:13:20+0100", Some(1_700_000_000_000));
        check("2023-11-14T22:13:20", Some(1_700_000_000_000));
        check("2023-11-14 22:13:20", Some(1_700_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            "now",
            "2023-11-14",
            "NaN",
            "inf",
            "2023-13-14T22:13:20Z",
            "日本語の日付です",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = moment(&text);
        }

        #[test]
        fn what_looks_like_a_time_does_not_panic(text in "[0-9T:. +Z-]{0,40}") {
            let _ = moment(&text);
        }

        #[test]
        fn a_time_that_is_written_is_read(ms in 100_000_000_000_i64..4_000_000_000_000) {
            let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap();
            let (year, month, day) = time.to_calendar_date();
            let (hour, minute, second, milli) = time.to_hms_milli();
            let iso = format!(
                "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
                u8::from(month),
            );
            prop_assert_eq!(moment(&iso), Some(Timestamp(ms)));
            prop_assert_eq!(moment(&ms.to_string()), Some(Timestamp(ms)));
            let seconds = ms / 1_000;
            prop_assert_eq!(moment(&seconds.to_string()), Some(Timestamp(seconds * 1_000)));
        }
    }
}
