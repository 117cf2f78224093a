//! A row of a table and its cells, wherever they come from.

use anyhow::{Context, bail};
use arrow_array::{Array as _, Float64Array, Int64Array, StringArray};
use clap::ValueEnum;
use csv::StringRecord;
use schemas::Timestamp;

/// A column that is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    pub name: &'a str,
    pub kind: Kind,
    pub presence: Presence,
}

/// Whether a column of a Parquet file may have cells without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    Sometimes,
}

/// What a column holds. In CSV all is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Whole,
    /// A whole number, or a real timestamp.
    Time,
}

/// What a number of a time counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    S,
    /// Milliseconds.
    Ms,
}

/// A row, its cells in the order of the columns that were asked for.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    /// Of a CSV file: its fields, and which of them are asked for.
    Written(&'a StringRecord, &'a [usize]),
    /// Of a Parquet file: columns, and the number of the row in them.
    Stored(&'a [Cells], usize),
}

/// The cells of a column.
#[derive(Debug)]
pub(crate) enum Cells {
    Text(StringArray),
    Number(Float64Array),
    Whole(Int64Array),
    Milliseconds(Int64Array),
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    Number(f64),
    Whole(i64),
    Time(Timestamp),
    /// No value.
    Missing,
}

impl<'a> Column<'a> {
    /// One that has a value in every row.
    pub(crate) fn of(name: &'a str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Always,
        }
    }

    /// One that has not.
    pub(crate) fn optional(name: &'a str, kind: Kind) -> Self {
        Self {
            presence: Presence::Sometimes,
            ..Self::of(name, kind)
        }
    }
}

impl Row<'_> {
    /// The cell of the `at`-th column that was asked for.
    pub(crate) fn cell(&self, at: usize) -> Cell<'_> {
        match self {
            Self::Written(record, places) => {
                let field = places.get(at).and_then(|place| record.get(*place));
                Cell::Text(field.unwrap_or_default().trim())
            }
            Self::Stored(columns, row) => columns[at].at(*row),
        }
    }
}

impl Cells {
    /// Cells that are missing.
    pub(super) fn missing(&self) -> usize {
        match self {
            Self::Text(cells) => cells.null_count(),
            Self::Number(cells) => cells.null_count(),
            Self::Whole(cells) | Self::Milliseconds(cells) => cells.null_count(),
        }
    }

    fn at(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Text(cells) if cells.is_null(row) => Cell::Missing,
            Self::Number(cells) if cells.is_null(row) => Cell::Missing,
            Self::Whole(cells) | Self::Milliseconds(cells) if cells.is_null(row) => Cell::Missing,
            Self::Text(cells) => Cell::Text(cells.value(row)),
            Self::Number(cells) => Cell::Number(cells.value(row)),
            Self::Whole(cells) => Cell::Whole(cells.value(row)),
            Self::Milliseconds(cells) => Cell::Time(Timestamp(cells.value(row))),
        }
    }
}

impl<'a> Cell<'a> {
    /// The text that it is.
    ///
    /// # Errors
    /// An error if it is something else.
    pub(crate) fn text(self) -> anyhow::Result<&'a str> {
        match self {
            Self::Text(text) => Ok(text),
            other => bail!("{other:?} is no text"),
        }
    }

    /// The number that it is, or that is written in it.
    ///
    /// # Errors
    /// An error if it is none.
    pub(crate) fn number(self) -> anyhow::Result<f64> {
        match self {
            Self::Text(text) => text
                .parse()
                .with_context(|| format!("{text:?} is no number")),
            Self::Number(number) => Ok(number),
            Self::Whole(number) => Ok(number as f64),
            Self::Time(_) | Self::Missing => bail!("{self:?} is no number"),
        }
    }

    /// The time that it is, or that is written in it, where a number counts `unit`.
    ///
    /// # Errors
    /// An error if it is none.
    pub(crate) fn time(self, unit: TimeUnit) -> anyhow::Result<Timestamp> {
        match self {
            Self::Text(text) => {
                let time = text.parse().context("the time is a whole number")?;
                Ok(Timestamp(unit.to_ms(time)))
            }
            Self::Whole(time) => Ok(Timestamp(unit.to_ms(time))),
            Self::Time(time) => Ok(time),
            Self::Number(_) | Self::Missing => bail!("the time is a whole number"),
        }
    }

    /// The whole number that it is.
    ///
    /// # Errors
    /// An error if it is something else.
    pub(crate) fn whole(self) -> anyhow::Result<i64> {
        match self {
            Self::Whole(number) => Ok(number),
            other => bail!("{other:?} is no whole number"),
        }
    }

    /// Itself, if it has a value.
    pub(crate) fn present(self) -> Option<Self> {
        (self != Self::Missing).then_some(self)
    }
}

impl TimeUnit {
    fn to_ms(self, time: i64) -> i64 {
        match self {
            Self::S => time.saturating_mul(1_000),
            Self::Ms => time,
        }
    }
}
