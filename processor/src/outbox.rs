//! The outbox of a shard: trips that the stream may not have yet, in the order of their making.
//! When they are tried again is `trips`' business.

use std::collections::VecDeque;

use schemas::{Record, Trip, record::write_key};
use serde::{Deserialize, Serialize};
use transport::{AppendError, Appended, Batch};

/// Trips that wait. Their number is bounded by the rides that end within one full stream: only
/// what is read makes them, and what is read makes room for them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
}

/// A trip as the stream takes it: in bytes that decode for ever, so that they may be stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    key: Vec<u8>,
    payload: Vec<u8>,
}

/// What an answer of the stream did to the outbox.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Settled {
    /// How many trips are durable.
    pub(crate) written: usize,
    /// Trips that the stream will never take, and why.
    pub(crate) refused: Vec<(Option<Trip>, AppendError)>,
    /// How many trips wait on.
    pub(crate) unavailable: usize,
    /// Why they do.
    pub(crate) reason: Option<String>,
}

impl Outbox {
    /// Adds a trip behind all others.
    pub(crate) fn push(&mut self, trip: Trip) {
        let mut waiting = Waiting {
            key: Vec::new(),
            payload: Vec::new(),
        };
        write_key(trip.fleet, trip.vehicle, &mut waiting.key);
        Record::Trip(Box::new(trip)).encode(&mut waiting.payload);
        self.waiting.push_back(waiting);
    }

    /// Adds the trips of another outbox whose keys `has` says are here, in their order.
    pub(crate) fn take_over(&mut self, other: Self, has: impl Fn(&[u8]) -> bool) {
        let ours = other.waiting.into_iter().filter(|trip| has(&trip.key));
        self.waiting.extend(ours);
    }

    /// How many trips wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The first trips, so many at most.
    pub(crate) fn first(&self, most: usize) -> Batch {
        let mut batch = Batch::default();
        for waiting in self.waiting.iter().take(most) {
            batch.push(
                |key| key.extend_from_slice(&waiting.key),
                |payload| payload.extend_from_slice(&waiting.payload),
            );
        }
        batch
    }

    /// Takes the stream's answer to the first `asked` trips: those that are durable leave, and
    /// those that are refused for good; the others stay, in their order.
    pub(crate) fn settle(&mut self, asked: usize, appended: Appended) -> Settled {
        let mut settled = Settled::default();
        let mut again = Vec::new();
        let mut failed = appended.failed.into_iter().peekable();
        let asked = asked.min(self.waiting.len());
        for (index, waiting) in self.waiting.drain(..asked).enumerate() {
            match failed.next_if(|(at, _)| *at == index) {
                None => settled.written += 1,
                Some((_, AppendError::Unavailable(reason))) => {
                    settled.reason = Some(reason);
                    again.push(waiting);
                }
                Some((_, error @ AppendError::Rejected(_))) => {
                    settled.refused.push((waiting.trip(), error));
                }
            }
        }
        settled.unavailable = again.len();
        for waiting in again.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
        settled
    }
}

impl Waiting {
    fn trip(&self) -> Option<Trip> {
        match Record::decode(&self.payload) {
            Ok(Record::Trip(trip)) => Some(*trip),
            Ok(Record::Ping(_) | Record::RideEvent(_)) | Err(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::testing::trip;

    /// All trips of an outbox, in order.
    pub(crate) fn trips(outbox: &Outbox) -> Vec<Trip> {
        outbox.waiting.iter().filter_map(Waiting::trip).collect()
    }

    fn rides(outbox: &Outbox) -> Vec<String> {
        let trips = trips(outbox).into_iter();
        trips.map(|trip| trip.ride.to_string()).collect()
    }

    #[test]
    fn what_is_durable_or_refused_leaves_and_the_rest_waits_in_order() {
        let mut outbox = Outbox::default();
        for ride in ["a", "b", "c", "d", "e"] {
            outbox.push(trip(ride));
        }
        let unavailable = || AppendError::Unavailable("full".to_owned());
        let rejected = AppendError::Rejected("too large".to_owned());
        let failed = vec![
            (0, unavailable()),
            (2, rejected.clone()),
            (3, unavailable()),
        ];
        let settled = outbox.settle(4, Appended { failed });
        let expected = Settled {
            written: 1,
            refused: vec![(Some(trip("c")), rejected)],
            unavailable: 2,
            reason: Some("full".to_owned()),
        };
        assert_eq!(settled, expected);
        assert_eq!(rides(&outbox), ["a", "d", "e"]);
        assert_eq!(outbox.first(2).len(), 2);
        outbox.settle(3, Appended::default());
        assert!(outbox.is_empty());
    }
}
