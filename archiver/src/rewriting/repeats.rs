//! Which of several rows of one name stays: the earliest received. A function of the rows alone.

use std::collections::{HashMap, hash_map::Entry};

use super::Rewritable;

/// Rows of one vehicle, each name once.
#[derive(Debug, PartialEq)]
pub(super) struct Unique<Row> {
    pub(super) rows: Vec<Row>,
    /// Rows that say what another one says.
    pub(super) repeats: u64,
    /// Rows that say something else under the name of another one.
    pub(super) conflicts: u64,
}

/// Leaves of each name the row that was received first, of equals the first. The order stays.
pub(super) fn drop_repeats<Row: Rewritable>(rows: Vec<Row>) -> Unique<Row> {
    let (mut repeats, mut conflicts) = (0, 0);
    let mut kept: HashMap<Row::Name, usize> = HashMap::with_capacity(rows.len());
    let mut is_kept = vec![true; rows.len()];
    for (at, row) in rows.iter().enumerate() {
        match kept.entry(row.name()) {
            Entry::Vacant(vacant) => {
                vacant.insert(at);
            }
            Entry::Occupied(mut first) => {
                let known = &rows[*first.get()];
                if row.says_the_same(known) {
                    repeats += 1;
                } else {
                    conflicts += 1;
                }
                let dropped = if row.received() < known.received() {
                    first.insert(at)
                } else {
                    at
                };
                is_kept[dropped] = false;
            }
        }
    }
    let rows = rows
        .into_iter()
        .zip(is_kept)
        .filter_map(|(row, is_kept)| is_kept.then_some(row));
    Unique {
        rows: rows.collect(),
        repeats,
        conflicts,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*};
    use schemas::{Ping, Timestamp, Trip};

    use super::*;
    use crate::testing::{event, ping, trip};

    fn received(number: u64, at: i64, content: i32) -> Ping {
        let mut ping = ping("v1", number);
        ping.received_at = Timestamp(at);
        ping.position = schemas::Coordinate::from_e7(content, 1).unwrap();
        ping
    }

    #[test]
    fn of_equal_rows_the_one_received_first_stays() {
        let (first, again, other) = (received(1, 5, 0), received(1, 4, 0), received(2, 9, 0));
        let unique = drop_repeats(vec![first, again.clone(), other.clone()]);
        assert_eq!(unique.rows, [again, other]);
        assert_eq!((unique.repeats, unique.conflicts), (1, 0));
    }

    #[test]
    fn of_rows_that_contradict_each_other_the_one_received_first_stays_and_it_is_counted() {
        let (late, early) = (received(1, 9, 1), received(1, 3, 2));
        let unique = drop_repeats(vec![late, early.clone()]);
        assert_eq!(unique.rows, [early]);
        assert_eq!((unique.repeats, unique.conflicts), (0, 1));
    }

    #[test]
    fn other_versions_kinds_and_rides_are_other_rows() {
        let trips: Vec<Trip> = vec![trip("r1", 1), trip("r1", 2), trip("r2", 1), trip("r1", 1)];
        assert_eq!(drop_repeats(trips).rows.len(), 3);
        let events = vec![
            event("r1", 1),
            event("r1", 2),
            event("r2", 1),
            event("r1", 1),
        ];
        assert_eq!(drop_repeats(events).rows.len(), 3);
    }

    proptest! {
        #[test]
        fn each_name_stays_once_and_no_row_is_unaccounted_for(
            rows in vec((0..6_u64, 0..4_i64, 0..2_i32), 0..40),
        ) {
            let pings: Vec<Ping> = rows.iter().map(|(name, at, content)| received(*name, *at, *content)).collect();
            let unique = drop_repeats(pings.clone());
            let names: HashSet<_> = pings.iter().map(Rewritable::name).collect();
            let kept: HashSet<_> = unique.rows.iter().map(Rewritable::name).collect();
            prop_assert_eq!(unique.rows.len(), kept.len());
            prop_assert_eq!(&kept, &names);
            let all = unique.rows.len() as u64 + unique.repeats + unique.conflicts;
            prop_assert_eq!(all, pings.len() as u64);
            for row in &unique.rows {
                let earliest = pings.iter().filter(|ping| ping.name() == row.name()).map(|ping| ping.received_at).min();
                prop_assert_eq!(Some(row.received_at), earliest);
            }
        }
    }
}
