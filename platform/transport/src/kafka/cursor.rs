//! How far a partition is read, in offsets, and what the ends of the partition say about that. A
//! partition has holes where transactions were: the record after one need not have the next offset.

/// Where reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the oldest record kept.
    Oldest,
    /// At the first record that was appended then or later, Unix ms UTC.
    Time(i64),
    /// At this offset.
    Offset(i64),
}

/// Where a partition begins and ends: the offset of its oldest record, and the one after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) oldest: i64,
    pub(super) end: i64,
}

/// Where a reader is in a partition with these ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The partition begins after it, at this offset.
    Before(i64),
    /// There may be something to read.
    Within,
    /// There is nothing more to read.
    AtEnd,
    /// The partition ends before it.
    Beyond,
}

/// How far a partition is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    start: Start,
}

impl Cursor {
    /// Goes on after the record at `after`; without one, at a time or at the oldest record.
    pub(super) fn new(after: Option<u64>, start_ms: Option<i64>) -> Self {
        let start = match (after, start_ms) {
            (Some(after), _) => Start::Offset(
                i64::try_from(after).map_or(i64::MAX, |after| after.saturating_add(1)),
            ),
            (None, Some(time)) => Start::Time(time),
            (None, None) => Start::Oldest,
        };
        Self { start }
    }

    /// Where reading goes on.
    pub(super) fn start(&self) -> Start {
        self.start
    }

    /// Goes on at `offset`.
    pub(super) fn go_to(&mut self, offset: i64) {
        self.start = Start::Offset(offset);
    }

    /// Whether a record is new; then reading goes on after it.
    pub(super) fn take(&mut self, offset: i64) -> bool {
        let is_new = match self.start {
            Start::Offset(next) => offset >= next,
            Start::Oldest | Start::Time(_) => true,
        };
        if is_new {
            self.go_to(offset.saturating_add(1));
        }
        is_new
    }

    /// Where it is in a partition with these ends.
    pub(super) fn place(&self, ends: Ends) -> Place {
        match self.start {
            Start::Offset(next) if next < ends.oldest => Place::Before(ends.oldest),
            Start::Offset(next) if next > ends.end => Place::Beyond,
            Start::Offset(next) if next == ends.end => Place::AtEnd,
            _ if ends.oldest == ends.end => Place::AtEnd,
            _ => Place::Within,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_new_once(offsets in prop::collection::vec(0_i64..50, 0..60)) {
            let mut cursor = Cursor::new(None, None);
            let mut taken = Vec::new();
            for offset in offsets {
                if cursor.take(offset) {
                    taken.push(offset);
                }
                prop_assert!(!cursor.take(offset), "at once again");
            }
            prop_assert!(taken.is_sorted_by(|one, next| one < next));
        }

        #[test]
        fn there_is_one_place_for_every_offset(after in 0_u64..60, oldest in 0_i64..50, kept in 0_i64..9) {
            let ends = Ends { oldest, end: oldest + kept };
            let next = after as i64 + 1;
            let expected = if next < oldest {
                Place::Before(oldest)
            } else if next < ends.end {
                Place::Within
            } else if next == ends.end {
                Place::AtEnd
            } else {
                Place::Beyond
            };
            prop_assert_eq!(Cursor::new(Some(after), Some(7)).place(ends), expected);
        }
    }

    #[test]
    fn a_reader_without_a_position_is_at_the_end_of_what_is_empty_alone() {
        for cursor in [Cursor::new(None, None), Cursor::new(None, Some(5))] {
            assert_eq!(cursor.place(Ends { oldest: 7, end: 7 }), Place::AtEnd);
            assert_eq!(cursor.place(Ends { oldest: 0, end: 7 }), Place::Within);
        }
    }

    #[test]
    fn the_greatest_position_has_a_place_too() {
        let cursor = Cursor::new(Some(u64::MAX), None);
        assert_eq!(cursor.place(Ends { oldest: 0, end: 7 }), Place::Beyond);
    }
}
