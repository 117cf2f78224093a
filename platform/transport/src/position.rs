//! Where a record stands in its shard, and the shard's name.
//! Both are opaque to readers: they compare and store them, and do no arithmetic.

use std::{fmt, str::FromStr, sync::Arc};

use crate::sequence::Sequence;

/// Where a record stands in its shard. Later records have greater positions.
///
/// Its text form is stable and is what readers store: a number, and `/place` where several records
/// share one because they came to the stream packed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    sequence: Sequence,
    place: u32,
}

impl Position {
    pub(crate) fn new(sequence: Sequence, place: u32) -> Self {
        Self { sequence, place }
    }

    pub(crate) fn from_offset(offset: u64) -> Self {
        Self::new(Sequence::from(offset), 0)
    }

    /// The last position before all records that share `sequence`.
    pub(crate) fn before(sequence: Sequence) -> Self {
        Self::new(sequence.before(), u32::MAX)
    }

    /// The end of a shard that was split or merged.
    pub(crate) fn end_after(sequence: Sequence) -> Self {
        Self::new(sequence, u32::MAX)
    }

    /// Whether it is where a shard ended that was split or merged, behind all its records.
    pub fn is_end_of_shard(self) -> bool {
        self.place == u32::MAX
    }

    pub(crate) fn offset(self) -> u64 {
        self.sequence.offset()
    }

    pub(crate) fn sequence(self) -> Sequence {
        self.sequence
    }

    pub(crate) fn place(self) -> u32 {
        self.place
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sequence)?;
        if self.place > 0 {
            write!(f, "/{}", self.place)?;
        }
        Ok(())
    }
}

/// Says that a text is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no stream position")]
pub struct InvalidPosition(String);

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let read = || {
            let (sequence, place) = match text.split_once('/') {
                Some((sequence, place)) => (sequence, place.parse().ok()?),
                None => (text, 0),
            };
            Some(Self::new(sequence.parse().ok()?, place))
        };
        read()
            .filter(|position| position.to_string() == text)
            .ok_or_else(|| InvalidPosition(text.to_owned()))
    }
}

/// The name of a shard: letters, digits and dashes, so that it may stand in file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(Arc<str>);

impl ShardId {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Position>) {
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn a_position_comes_back_as_it_was_stored() {
        check("0", Some(Position::from_offset(0)));
        check("17", Some(Position::from_offset(17)));
        check("17/3", Some(Position::new(17.into(), 3)));
        for text in [
            "",
            "/",
            "17/",
            "/3",
            "17/0",
            "17/03",
            "17/+3",
            "17/3/4",
            "17/4294967296",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_lies_before_a_number_lies_after_all_that_precede_it() {
        let before = Position::before(17.into());
        assert!(before > Position::new(16.into(), 9_999));
        assert!(before < Position::new(17.into(), 0));
    }
}
