//! The cells of a report's rows: exact values, as the regulator's column wants them.
//! How a file spells them (quotes of CSV, braces of JSON, pages of Parquet) is its writer's.

use std::{fmt, ops::Range};

use arrayvec::ArrayVec;

use crate::Timestamp;

/// Parts a list's items within a row's text; no value has it.
const BETWEEN: char = '\u{1f}';

/// What a column's cells are, for a writer that must know before it sees one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// [`Cell::Text`].
    Text,
    /// [`Cell::Int`], of 64 bits.
    Int,
    /// [`Cell::Int`], of 32 bits.
    Int32,
    /// [`Cell::Decimal`] with so many digits after the point.
    Decimal(u8),
    /// [`Cell::Bool`].
    Bool,
    /// [`Cell::Wall`].
    Wall,
    /// [`Cell::Texts`].
    Texts,
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Not known, or withheld.
    Null,
    /// A text; times that the format spells are texts too.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A number with a fixed count of digits after the point.
    Decimal(Decimal),
    /// Yes or no.
    Bool(bool),
    /// What a clock on a wall there shows, as ms since 1970-01-01 00:00 of that clock: a time
    /// without a zone (Parquet's TIMESTAMP that is not adjusted to UTC).
    Wall(i64),
    /// Several texts, in order.
    Texts(Texts<'a>),
}

/// An exact decimal number: `unscaled` / 10^`decimals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// All its digits.
    pub unscaled: i64,
    /// How many of them stand after the point, at most 18.
    pub decimals: u8,
}

impl Decimal {
    /// The nearest double: within 2^53 the division of two exact numbers rounds once.
    pub fn to_f64(self) -> f64 {
        self.unscaled as f64 / 10_f64.powi(i32::from(self.decimals))
    }
}

impl fmt::Display for Decimal {
    /// Writes every digit after the point, and at least one before it: `-0.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A sign, a point, and the digits of the largest number.
        let mut text = ArrayVec::<u8, 22>::new();
        let (mut rest, mut at) = (self.unscaled.unsigned_abs(), 0);
        while rest > 0 || at <= self.decimals {
            if at == self.decimals && at > 0 {
                text.push(b'.');
            }
            text.push(b'0' + (rest % 10) as u8);
            (rest, at) = (rest / 10, at + 1);
        }
        if self.unscaled < 0 {
            text.push(b'-');
        }
        text.reverse();
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The texts of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts<'a>(&'a str);

impl<'a> Texts<'a> {
    /// Each text, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split_terminator(BETWEEN)
    }
}

/// A row as a sink sees it: one cell for each column of its topic, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// When it happened: the time that decides to which period it belongs.
    pub time: Timestamp,
    spots: &'a [Spot],
    text: &'a str,
}

impl<'a> Row<'a> {
    /// Its cells, in the order of the topic's columns.
    pub fn cells(self) -> impl ExactSizeIterator<Item = Cell<'a>> {
        self.spots.iter().map(move |spot| spot.cell(self.text))
    }

    /// The cell of one column; None beyond the last.
    pub fn cell(self, column: usize) -> Option<Cell<'a>> {
        Some(self.spots.get(column)?.cell(self.text))
    }
}

/// A cell whose text lies in the draft's buffer.
#[derive(Debug, Clone)]
enum Spot {
    Null,
    Text(Range<usize>),
    Int(i64),
    Decimal(Decimal),
    Bool(bool),
    Wall(i64),
    Texts(Range<usize>),
}

impl Spot {
    fn cell<'a>(&self, text: &'a str) -> Cell<'a> {
        match self {
            Self::Null => Cell::Null,
            Self::Text(range) => Cell::Text(&text[range.clone()]),
            Self::Int(number) => Cell::Int(*number),
            Self::Decimal(number) => Cell::Decimal(*number),
            Self::Bool(is) => Cell::Bool(*is),
            Self::Wall(ms) => Cell::Wall(*ms),
            Self::Texts(range) => Cell::Texts(Texts(&text[range.clone()])),
        }
    }
}

/// A row that is being written; one serves all rows of a report, so that none allocates.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    spots: Vec<Spot>,
    text: String,
}

impl Draft {
    pub(crate) fn clear(&mut self) {
        self.spots.clear();
        self.text.clear();
    }

    pub(crate) fn row(&self, time: Timestamp) -> Row<'_> {
        let (spots, text) = (self.spots.as_slice(), self.text.as_str());
        Row { time, spots, text }
    }

    pub(crate) fn null(&mut self) {
        self.spots.push(Spot::Null);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.spell(|to| to.push_str(text));
    }

    /// Adds the text that `spell` appends.
    pub(crate) fn spell(&mut self, spell: impl FnOnce(&mut String)) {
        let from = self.text.len();
        spell(&mut self.text);
        self.spots.push(Spot::Text(from..self.text.len()));
    }

    pub(crate) fn int(&mut self, number: i64) {
        self.spots.push(Spot::Int(number));
    }

    pub(crate) fn decimal(&mut self, unscaled: i64, decimals: u8) {
        self.spots
            .push(Spot::Decimal(Decimal { unscaled, decimals }));
    }

    pub(crate) fn bool(&mut self, is: bool) {
        self.spots.push(Spot::Bool(is));
    }

    pub(crate) fn wall(&mut self, ms: i64) {
        self.spots.push(Spot::Wall(ms));
    }

    pub(crate) fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        let from = self.text.len();
        for text in texts {
            self.text.push_str(text);
            self.text.push(BETWEEN);
        }
        self.spots.push(Spot::Texts(from..self.text.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unscaled: i64, decimals: u8, expected: &str) {
        let decimal = Decimal { unscaled, decimals };
        assert_eq!(decimal.to_string(), expected);
        let nearest: f64 = expected.parse().unwrap();
        assert_eq!(decimal.to_f64().to_bits(), nearest.to_bits());
    }

    #[test]
    fn a_decimal_has_all_its_digits() {
        check(0, 0, "0");
        check(1_200, 0, "1200");
        check(i64::MIN, 18, "-9.223372036854775808");
        check(i64::MIN, 0, "-9223372036854775808");
        check(-7, 0, "-7");
        check(0, 2, "0.00");
        check(-50, 2, "-0.50");
        check(1_234_567, 4, "123.4567");
        check(-1_223_816_000, 7, "-122.3816000");
        check(5, 7, "0.0000005");
    }

    #[test]
    fn a_list_keeps_its_items() {
        for items in [vec![], vec!["a"], vec!["a", "b,c"], vec![""]] {
            let mut draft = Draft::default();
            draft.text("before");
            draft.texts(items.iter().copied());
            draft.text("after");
            let row = draft.row(Timestamp(0));
            let Some(Cell::Texts(texts)) = row.cell(1) else {
                panic!("no list");
            };
            assert_eq!(texts.iter().collect::<Vec<_>>(), items);
            assert_eq!(row.cell(2), Some(Cell::Text("after")));
        }
    }
}
