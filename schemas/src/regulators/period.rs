//! The time that a report is about: an hour of UTC, or a day or a month of a regulator's clock.
//! Whether it is over is said by who knows the time.

use jiff::{
    Span,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::Problem;
use crate::Timestamp;

/// An hour in ms.
pub const HOUR_MS: i64 = 3_600_000;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Length {
    /// `YYYY-MM-DDTHH`, of UTC.
    Hour,
    /// `YYYY-MM-DD`, local.
    Day,
    /// `YYYY-MM`, local.
    Month,
}

impl Length {
    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Hour, Self::Day, Self::Month].into_iter();
        all.find(|length| length.as_str() == name)
    }
}

/// A half-open time, `from` up to but without `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// As the operator says it: `2026-11-01`.
    pub name: String,
    /// How long it is.
    pub length: Length,
    /// Where it begins, UTC.
    pub from: Timestamp,
    /// Where it ends, UTC.
    pub to: Timestamp,
    /// The hour that it begins with, by its own clock.
    begins: DateTime,
}

impl Period {
    /// Reads a period's name; its days and months are those of `zone`. A day on which the clock is put
    /// back has 25 hours.
    ///
    /// # Errors
    /// [`Problem`] for what is no such name, or lies beyond the calendar.
    pub fn parse(name: &str, zone: &TimeZone) -> Result<Self, Problem> {
        let read = match name.len() {
            13 => Self::hour(name),
            10 => Self::local(name, name, Length::Day, zone),
            7 => Self::local(name, &format!("{name}-01"), Length::Month, zone),
            _ => None,
        };
        read.ok_or_else(|| {
            Problem::new(format!(
                "period {name:?} is not YYYY-MM-DDTHH (UTC), YYYY-MM-DD or YYYY-MM"
            ))
        })
    }

    /// Whether a time belongs to it.
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }

    fn hour(name: &str) -> Option<Self> {
        let (day, hour) = name.split_once('T')?;
        let is_number = hour.bytes().all(|byte| byte.is_ascii_digit());
        let hour: i8 = hour.parse().ok().filter(|_| is_number)?;
        let begins = date(day)?.at(0, 0, 0, 0).with().hour(hour).build().ok()?;
        let from = moment(begins, &TimeZone::UTC)?;
        let to = Timestamp(from.0.checked_add(HOUR_MS)?);
        Some(Self {
            name: name.to_owned(),
            length: Length::Hour,
            from,
            to,
            begins,
        })
    }

    fn local(name: &str, first: &str, length: Length, zone: &TimeZone) -> Option<Self> {
        let first = date(first)?;
        let span = match length {
            Length::Month => Span::new().months(1),
            _ => Span::new().days(1),
        };
        let begins = first.at(0, 0, 0, 0);
        let next = first.checked_add(span).ok()?.at(0, 0, 0, 0);
        Some(Self {
            name: name.to_owned(),
            length,
            from: moment(begins, zone)?,
            to: moment(next, zone)?,
            begins,
        })
    }

    /// Replaces `{yyyy}`, `{mm}`, `{dd}`, `{yyyymm}`, `{yyyymmdd}` and `{hh}` by the hour that it begins with.
    pub(crate) fn placeholder(&self, name: &str) -> Option<String> {
        let (year, month, day) = (self.begins.year(), self.begins.month(), self.begins.day());
        match name {
            "yyyy" => Some(format!("{year:04}")),
            "mm" => Some(format!("{month:02}")),
            "dd" => Some(format!("{day:02}")),
            "yyyymm" => Some(format!("{year:04}{month:02}")),
            "yyyymmdd" => Some(format!("{year:04}{month:02}{day:02}")),
            "hh" => Some(format!("{:02}", self.begins.hour())),
            _ => None,
        }
    }

    /// Its beginning cut to `length` characters: `2026-11` of a day in November.
    pub(crate) fn label(&self, length: usize) -> String {
        let text = self.begins.to_string();
        text.get(..length).unwrap_or(&text).to_owned()
    }
}

/// Reads `YYYY-MM-DD` and nothing like it.
pub(crate) fn date(text: &str) -> Option<Date> {
    let is_plain = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    text.parse().ok().filter(|_| is_plain)
}

/// When a clock on the wall shows this first. A midnight that is left out counts as what follows it.
fn moment(shown: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = zone.to_ambiguous_zoned_datetime(shown).compatible().ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}
