//! How far a shard is read, and whether anything is missing. Kinesis does not say that retention
//! has taken what a reader had not read: it goes on with the oldest record. So reading is taken up
//! at the last record that was read, and where that is not there any more, there is a gap.

use super::service::Start;
use crate::{Position, sequence::Sequence};

/// Where reading stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// What is read, up to and including it.
    after: Option<Position>,
    resuming: Resuming,
    /// Where a reader without a position begins, Unix ms UTC.
    start_ms: Option<i64>,
}

/// Whether the record read last has to show itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Resuming {
    /// Reading goes on from answer to answer.
    #[default]
    No,
    /// It has to come first.
    At,
    /// The service does not know its number: it has to come among all that are kept.
    AmongAll,
}

impl Cursor {
    /// Goes on after a position, or begins at `start_ms`, or with the oldest record.
    pub(super) fn new(after: Option<Position>, start_ms: Option<i64>) -> Self {
        let resuming = match after {
            Some(_) => Resuming::At,
            None => Resuming::No,
        };
        Self {
            after,
            resuming,
            start_ms,
        }
    }

    /// What is read, up to and including it.
    pub(super) fn after(&self) -> Option<Position> {
        self.after
    }

    /// Where an iterator begins.
    pub(super) fn from(&self) -> Start {
        match (self.after, self.resuming) {
            (Some(after), Resuming::No | Resuming::At) => Start::At(after.sequence()),
            (None, _) => self.start_ms.map_or(Start::Oldest, Start::Time),
            (Some(_), Resuming::AmongAll) => Start::Oldest,
        }
    }

    /// Notes that a new iterator is needed: it begins with the record read last.
    pub(super) fn resume(&mut self) {
        if self.after.is_some() && self.resuming == Resuming::No {
            self.resuming = Resuming::At;
        }
    }

    /// Notes that the service knows no record of the number; says whether to look among all.
    pub(super) fn is_unknown(&mut self) -> bool {
        let was_at = self.resuming == Resuming::At;
        if was_at {
            self.resuming = Resuming::AmongAll;
        }
        was_at
    }

    /// Takes the number of an answer's first record, or at which a closed shard ends; says up to where
    /// records are lost.
    pub(super) fn take(&mut self, first: Sequence) -> Option<Position> {
        let was_resuming = self.resuming != Resuming::No;
        self.resuming = Resuming::No;
        let after = self.after.filter(|_| was_resuming)?;
        let gap = Position::before(first);
        if gap <= after {
            return None;
        }
        self.after = Some(gap);
        Some(gap)
    }

    /// Notes that records are read up to and including `last`.
    pub(super) fn advance(&mut self, last: Position) {
        self.after = self.after.max(Some(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Position {
        text.parse().unwrap()
    }

    /// A reader at `after` finds a record of number `first` first.
    fn check(after: Option<&str>, first: u64, gap: Option<&str>) {
        let mut cursor = Cursor::new(after.map(position), None);
        let found = cursor.take(first.into());
        assert_eq!(
            found.map(|gap| gap.sequence().to_string()),
            gap.map(str::to_owned)
        );
        assert_eq!(
            cursor.take(Sequence::from(u64::MAX)),
            None,
            "then reading goes on"
        );
    }

    #[test]
    fn a_gap_is_found_where_the_last_record_is_gone() {
        check(None, 17, None);
        check(Some("17"), 17, None);
        check(Some("17/4"), 17, None);
        check(Some("17/4"), 20, Some("19"));
        check(Some("17"), 9, None);
    }

    #[test]
    fn a_gap_that_was_told_is_not_told_again() {
        let mut cursor = Cursor::new(Some(position("17")), None);
        let gap = cursor.take(20.into()).unwrap();
        let mut next = Cursor::new(Some(gap), None);
        assert_eq!(next.from(), Start::At(19.into()));
        assert!(next.is_unknown());
        assert_eq!(next.from(), Start::Oldest);
        assert_eq!(next.take(20.into()), None);
    }

    #[test]
    fn an_iterator_begins_at_the_last_record() {
        let mut cursor = Cursor::new(None, Some(5));
        assert_eq!(cursor.from(), Start::Time(5));
        cursor.advance(position("17/2"));
        assert_eq!(cursor.from(), Start::At(17.into()));
        cursor.resume();
        assert!(cursor.take(18.into()).is_some(), "17 was to come");
        assert_eq!(Cursor::default().from(), Start::Oldest);
    }
}
