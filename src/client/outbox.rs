//! What waits to be sent, cut into rounds: a batch of pings, then the ride events that follow them.
//! Within a vehicle the order is kept: what comes after a ride event waits for the next round.
//! Pure: posting a round is the sender's.

use std::collections::VecDeque;

use schemas::{PingName, Rejection, RideEvent};

use super::{Format, Reading, batch::PingBatch, event::EventPost};

/// A vehicle among those of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VehicleIndex(pub u32);

/// What ingest must say to a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// Accepted, and this is its first time.
    Accepted,
    /// Accepted, but it was sent before under the same name.
    Repeated,
    /// Refused, for this reason.
    Rejected(Rejection),
}

/// A ping of a batch, by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    pub vehicle: VehicleIndex,
    pub name: PingName,
    pub expected: Expectation,
}

/// What is posted together: first the batch, then the events, which are of different vehicles.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub pings: PingBatch,
    pub events: Vec<EventPost>,
}

/// What waits to be sent.
#[derive(Debug)]
pub(crate) struct Outbox {
    format: Format,
    /// Pings that make a round full.
    batch: usize,
    pings: PingBatch,
    events: Vec<EventPost>,
    /// For each vehicle the last round in which it had an event.
    event_in: Vec<u64>,
    round: u64,
    held: VecDeque<Held>,
}

/// What follows an event of its vehicle that is not posted yet.
#[derive(Debug)]
enum Held {
    Ping(Entry, Vec<u8>),
    Event(VehicleIndex, EventPost),
}

impl Outbox {
    /// An empty outbox for so many vehicles and batches of about `batch` pings.
    pub(super) fn new(format: Format, batch: usize, vehicles: usize) -> Self {
        Self {
            format,
            batch,
            pings: PingBatch::default(),
            events: Vec::new(),
            event_in: vec![0; vehicles],
            round: 1,
            held: VecDeque::new(),
        }
    }

    /// Takes a ping of the vehicle.
    pub(crate) fn ping(
        &mut self,
        vehicle: VehicleIndex,
        expected: Expectation,
        reading: &Reading<'_>,
    ) {
        let entry = Entry {
            vehicle,
            name: reading.name,
            expected,
        };
        if self.is_blocked(vehicle) {
            let mut item = Vec::with_capacity(256);
            self.format.write_item(reading, &mut item);
            self.held.push_back(Held::Ping(entry, item));
        } else {
            let format = self.format;
            self.pings
                .push(entry, |items| format.write_item(reading, items));
        }
    }

    /// Takes a ride event of the vehicle.
    ///
    /// # Errors
    /// An error if the event cannot be written as JSON.
    pub(crate) fn event(&mut self, vehicle: VehicleIndex, event: &RideEvent) -> anyhow::Result<()> {
        self.post_event(vehicle, EventPost::new(event)?);
        Ok(())
    }

    /// Says whether a round is due: the batch is full, or about as much waits behind events.
    pub(super) fn is_full(&self) -> bool {
        self.pings.entries().len() >= self.batch
            || self.held.len() + self.events.len() >= self.batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pings.is_empty() && self.events.is_empty()
    }

    /// Takes the next round out; what waited behind its events moves up.
    pub(super) fn take_round(&mut self) -> Round {
        let round = Round {
            pings: std::mem::take(&mut self.pings),
            events: std::mem::take(&mut self.events),
        };
        self.round += 1;
        for held in std::mem::take(&mut self.held) {
            match held {
                Held::Ping(entry, _) if self.is_blocked(entry.vehicle) => self.held.push_back(held),
                Held::Ping(entry, item) => {
                    self.pings
                        .push(entry, |items| items.extend_from_slice(&item));
                }
                Held::Event(vehicle, event) => self.post_event(vehicle, event),
            }
        }
        round
    }

    fn post_event(&mut self, vehicle: VehicleIndex, event: EventPost) {
        if self.is_blocked(vehicle) {
            self.held.push_back(Held::Event(vehicle, event));
        } else {
            self.event_in[vehicle.0 as usize] = self.round;
            self.events.push(event);
        }
    }

    fn is_blocked(&self, vehicle: VehicleIndex) -> bool {
        self.event_in[vehicle.0 as usize] == self.round
    }
}

#[cfg(test)]
mod tests;
