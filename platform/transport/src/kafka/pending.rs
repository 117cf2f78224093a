//! Batches whose records are under way, each counted down as its records come to an end. A record
//! is named by a number that the client carries along, so that none needs memory of its own. How
//! records travel is not known here.

use crate::{AppendError, Appended};

/// Where a record stands: its batch's place, and its index in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl Ticket {
    fn new(place: u32, index: usize) -> Self {
        Self(u64::from(place) << 32 | index as u64)
    }

    /// The ticket that was handed out as this number.
    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number to hand out.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    fn place(self) -> usize {
        (self.0 >> 32) as usize
    }

    fn index(self) -> usize {
        self.0 as u32 as usize
    }
}

/// Batches under way; of each is kept who waits for it.
#[derive(Debug)]
pub(super) struct Pending<Waiting> {
    places: Vec<Option<Underway<Waiting>>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Underway<Waiting> {
    left: usize,
    appended: Appended,
    waiting: Waiting,
}

impl<Waiting> Pending<Waiting> {
    /// Nothing is under way.
    pub(super) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Notes a batch of so many records, at least one; its tickets are those of [`Batch::ticket`].
    pub(super) fn open(&mut self, records: usize, waiting: Waiting) -> Batch {
        let underway = Some(Underway {
            left: records,
            appended: Appended::default(),
            waiting,
        });
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            (self.places.len() - 1) as u32
        });
        self.places[place as usize] = underway;
        Batch { place }
    }

    /// Notes what became of a record; returns its batch's answer if it was the last.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        error: Option<AppendError>,
    ) -> Option<(Waiting, Appended)> {
        let place = self.places.get_mut(ticket.place())?;
        let underway = place.as_mut()?;
        let failed = error.map(|error| (ticket.index(), error));
        underway.appended.failed.extend(failed);
        underway.left -= 1;
        if underway.left > 0 {
            return None;
        }
        let done = place.take()?;
        self.free.push(ticket.place() as u32);
        let mut appended = done.appended;
        appended.failed.sort_unstable_by_key(|(index, _)| *index);
        Some((done.waiting, appended))
    }
}

/// A batch under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    place: u32,
}

impl Batch {
    /// The ticket of the record with this index.
    pub(super) fn ticket(self, index: usize) -> Ticket {
        Ticket::new(self.place, index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn each_batch_is_answered_once_when_its_last_record_is(
            sizes in vec(1_usize..20, 1..12),
            order: Vec<prop::sample::Index>,
        ) {
            let mut pending = Pending::new();
            let mut open = Vec::new();
            for (name, size) in sizes.iter().enumerate() {
                let batch = pending.open(*size, name);
                open.extend((0..*size).map(|index| (name, index, batch.ticket(index))));
            }
            let mut left = sizes.clone();
            let mut order = order.into_iter();
            while !open.is_empty() {
                let at = order.next().map_or(0, |index| index.index(open.len()));
                let (name, index, ticket) = open.swap_remove(at);
                let ticket = Ticket::from_number(ticket.number());
                let error = (index % 3 == 0).then(|| AppendError::Unavailable(String::new()));
                let answer = pending.settle(ticket, error);
                left[name] -= 1;
                prop_assert_eq!(answer.is_some(), left[name] == 0);
                if let Some((answered, appended)) = answer {
                    prop_assert_eq!(answered, name);
                    let failed: Vec<_> = appended.failed.iter().map(|(index, _)| *index).collect();
                    let expected: Vec<_> = (0..sizes[name]).step_by(3).collect();
                    prop_assert_eq!(failed, expected);
                }
            }
            prop_assert_eq!(pending.free.len(), pending.places.len());
        }
    }

    #[test]
    fn the_place_of_an_answered_batch_is_used_again() {
        let mut pending = Pending::new();
        for _ in 0..3 {
            let batch = pending.open(1, ());
            assert!(pending.settle(batch.ticket(0), None).is_some());
        }
        assert_eq!(pending.places.len(), 1);
    }
}
