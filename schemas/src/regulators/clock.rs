//! Times as a regulator's clock shows them. Durations are never taken from these: where clocks are
//! put back an hour is shown twice, and only an offset tells which of the two is meant.

use std::fmt::Write;

use jiff::{civil::DateTime, tz::TimeZone};

use crate::Timestamp;

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeStyle {
    /// Milliseconds since 1970 UTC, a number.
    UnixMs,
    /// Whole seconds since 1970 UTC, a number.
    UnixS,
    /// `2026-11-01T01:30:00-05:00`: ISO 8601 with the offset, the only one without a fold.
    LocalIso,
    /// `2026-11-01T01:30:00`: as the clock on the wall.
    LocalPlain,
    /// `2026-11-01T06:30:00Z`.
    UtcIso,
    /// `20261101 06:30:00`, UTC.
    UtcCompact,
    /// As the clock on the wall, a [`super::Cell::Wall`].
    Wall,
}

impl TimeStyle {
    const ALL: [(&'static str, Self); 7] = [
        ("unix_ms", Self::UnixMs),
        ("unix_s", Self::UnixS),
        ("local_iso", Self::LocalIso),
        ("local_plain", Self::LocalPlain),
        ("utc_iso", Self::UtcIso),
        ("utc_compact", Self::UtcCompact),
        ("wall", Self::Wall),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, style)| style)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(|(name, _)| name)
    }
}

/// The nearest multiple of so many seconds since 1970 UTC, halves up. 0 leaves the time as it is.
pub(crate) fn rounded(time: Timestamp, round_s: u32) -> Timestamp {
    let unit = i64::from(round_s) * 1000;
    if unit == 0 {
        return time;
    }
    let low = time.0.rem_euclid(unit);
    let up = if low * 2 >= unit { unit } else { 0 };
    Timestamp(time.0.saturating_sub(low).saturating_add(up))
}

/// What the clock on the wall shows, in ms since its own 1970-01-01 00:00. None beyond the calendar.
pub(crate) fn wall_ms(time: Timestamp, zone: &TimeZone) -> Option<i64> {
    let moment = jiff::Timestamp::from_millisecond(time.0).ok()?;
    let offset_ms = i64::from(zone.to_offset(moment).seconds()) * 1000;
    time.0.checked_add(offset_ms)
}

/// Appends a time as text, whole seconds rounded down as clocks do. False beyond the calendar.
pub(crate) fn spell(time: Timestamp, zone: &TimeZone, style: TimeStyle, to: &mut String) -> bool {
    let Ok(moment) = jiff::Timestamp::from_millisecond(time.0) else {
        return false;
    };
    let local = zone.to_offset(moment);
    let offset = match style {
        TimeStyle::LocalIso | TimeStyle::LocalPlain | TimeStyle::Wall => local,
        _ => jiff::tz::Offset::UTC,
    };
    let shown = offset.to_datetime(moment);
    let (year, month, day) = (shown.year(), shown.month(), shown.day());
    // Writing to a String cannot fail, here and below.
    let _ = if style == TimeStyle::UtcCompact {
        write!(to, "{year:04}{month:02}{day:02} ")
    } else {
        write!(to, "{year:04}-{month:02}-{day:02}T")
    };
    spell_clock(shown, to);
    match style {
        TimeStyle::LocalIso => {
            let minutes = offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
            let _ = write!(to, "{sign}{hours:02}:{rest:02}");
        }
        TimeStyle::UtcIso => to.push('Z'),
        _ => {}
    }
    true
}

fn spell_clock(shown: DateTime, to: &mut String) {
    let (hour, minute, second) = (shown.hour(), shown.minute(), shown.second());
    let _ = write!(to, "{hour:02}:{minute:02}:{second:02}");
}

/// Reads a time of a registry: RFC 3339 with an offset or `Z`, or whole ms since 1970 UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(ms) = text.parse() {
        return Some(Timestamp(ms));
    }
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(moment.as_millisecond()))
}
