//! The phases of a driver's work as California counts them, for each ride that was accepted: period 1
//! from when the driver was free (on duty, or the last passenger out) to the acceptance, 2 from there
//! to the pickup, 3 with the passenger. The rows of a ride have its end as their time, so that they
//! come in one report; a ride that was accepted while another was open has no period 1.
//!
//! Times and distances of 2 and 3 are the trip's; the distance of 1 is measured by `duty`.

use std::collections::{BTreeMap, VecDeque};

use super::duty::{Driven, Duty};
use crate::{
    Coordinate, FleetId, Ping, RideEvent, RideEventKind, RideId, Timestamp, Trip, VehicleId,
    VehicleState,
    regulators::{
        Reason,
        field::{
            Field,
            Kind::{Number, Place, Time},
            Source, Subject, Value,
        },
        unit::Unit,
        writing::Emit,
    },
};

/// A vehicle has at most so many accepted rides whose trips are not there; the first is forgotten.
const MAX_ACCEPTED: usize = 32;

/// What an exception calls period 1 as a whole.
const WAIT: &str = "period 1";
/// So long pings must say that a driver is free before an open ride is over, ms.
const DENIAL_MS: i64 = 120_000;

/// A phase of a ride.
pub(crate) struct PeriodRow {
    subject: Subject,
    number: u8,
    span: Span,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    began: Timestamp,
    ended: Timestamp,
    from: Option<Coordinate>,
    to: Option<Coordinate>,
    distance_mm: i64,
}

/// A driver who waits for a ride.
#[derive(Debug, Clone, Copy)]
struct Free {
    since: Timestamp,
    place: Option<Coordinate>,
    driven: Driven,
}

#[derive(Debug)]
struct Accepted {
    ride: RideId,
    time: Timestamp,
    place: Option<Coordinate>,
    /// Where period 1 began, of a ride that found its driver free, and how far it drove when it ended.
    free: Option<(Free, Driven)>,
    is_open: bool,
}

#[derive(Debug, Default)]
struct Vehicle {
    duty: Duty,
    free: Option<Free>,
    accepted: VecDeque<Accepted>,
    /// Since when pings say that it is free though a ride is open.
    denies: Option<Free>,
}

pub(crate) struct Periods {
    silence_ms: i64,
    feed_from: Timestamp,
    vehicles: BTreeMap<(FleetId, VehicleId), Vehicle>,
}

impl Source for PeriodRow {
    const FIELDS: &'static [Field<Self>] = &[
        Field {
            name: "period.number",
            kind: Number(Unit::ONE),
            get: |row| Value::number(Some(row.number)),
        },
        Field {
            name: "period.began",
            kind: Time,
            get: |row| Value::Time(row.span.began),
        },
        Field {
            name: "period.ended",
            kind: Time,
            get: |row| Value::Time(row.span.ended),
        },
        Field {
            name: "period.from",
            kind: Place,
            get: |row| Value::place(row.span.from),
        },
        Field {
            name: "period.to",
            kind: Place,
            get: |row| Value::place(row.span.to),
        },
        Field {
            name: "period.distance_mm",
            kind: Number(Unit::MM),
            get: |row| Value::number(Some(row.span.distance_mm)),
        },
        Field {
            name: "period.duration_ms",
            kind: Number(Unit::MS),
            get: |row| Value::number(Some(row.span.ended.0 - row.span.began.0)),
        },
    ];

    fn subject(&self) -> Subject {
        self.subject
    }
}

impl Periods {
    pub(crate) fn new(silence_ms: i64, feed_from: Timestamp) -> Self {
        Self {
            silence_ms,
            feed_from,
            vehicles: BTreeMap::new(),
        }
    }

    pub(crate) fn ping(&mut self, ping: &Ping) {
        let vehicle = self.vehicles.entry((ping.fleet, ping.vehicle)).or_default();
        let began = vehicle.duty.began();
        vehicle.duty.ping(ping, self.silence_ms);
        vehicle.follow(began, ping.time);
        vehicle.arrive(ping.time);
        vehicle.doubt(ping);
    }

    pub(crate) fn event(&mut self, event: &RideEvent) {
        let vehicle = self
            .vehicles
            .entry((event.fleet, event.vehicle))
            .or_default();
        let began = vehicle.duty.began();
        vehicle.duty.event(event, self.silence_ms);
        vehicle.follow(began, event.time);
        match event.kind {
            RideEventKind::Assigned { .. } => vehicle.accept(event),
            RideEventKind::DroppedOff { .. } | RideEventKind::Cancelled { .. } => {
                vehicle.release(event.ride, event.time);
            }
            _ => {}
        }
    }

    pub(crate) fn trip(&mut self, trip: &Trip, emit: &mut Emit) {
        let vehicle = self.vehicles.entry((trip.fleet, trip.vehicle)).or_default();
        vehicle.release(trip.ride, trip.ended);
        let place = vehicle.duty.place();
        let accepted = vehicle.take(trip.ride);
        let subject = Subject {
            fleet: trip.fleet,
            vehicle: trip.vehicle,
            driver: trip.driver,
            ride: Some(trip.ride),
            time: trip.ended,
        };
        let wait = accepted.as_ref().and_then(Accepted::wait);
        let is_known = wait.is_none_or(|wait| wait.began.0 > self.feed_from.0 + self.silence_ms);
        if let Some(assigned) = trip.assigned.filter(|_| emit.wants(trip.ended)) {
            let is_early = !is_known || assigned < self.feed_from;
            if is_early {
                emit.except(&subject, WAIT, Reason::BeganEarlier);
            } else if accepted.is_none() {
                // Its event is not there: what the trip says may come from another vehicle's time.
                emit.except(&subject, WAIT, Reason::Missing);
            }
        }
        let spans = [
            wait.filter(|_| is_known),
            trip.assigned.map(|assigned| Span {
                began: assigned,
                ended: trip.picked_up.unwrap_or(trip.ended),
                from: accepted.and_then(|accepted| accepted.place),
                to: trip.picked_up.map_or(place, |_| trip.pickup),
                distance_mm: i64::from(trip.to_pickup_m) * 1000,
            }),
            trip.picked_up.map(|picked_up| Span {
                began: picked_up,
                ended: trip.ended,
                from: trip.pickup,
                to: trip.dropoff,
                distance_mm: i64::from(trip.distance_m) * 1000,
            }),
        ];
        for (number, span) in (1..).zip(spans) {
            if let Some(span) = span {
                emit.row(&PeriodRow {
                    subject,
                    number,
                    span,
                });
            }
        }
    }

    pub(crate) fn end_hour(&mut self, end: Timestamp) {
        for vehicle in self.vehicles.values_mut() {
            let began = vehicle.duty.began();
            vehicle.duty.pass(end, self.silence_ms);
            vehicle.follow(began, end);
        }
    }
}

impl Vehicle {
    /// Sees whether its session ended or another one began.
    fn follow(&mut self, began: Option<Timestamp>, now: Timestamp) {
        match self.duty.began() {
            now_began if now_began == began => {}
            None => self.free = None,
            Some(_) => {
                let is_busy = self.accepted.iter().any(|ride| ride.is_open);
                self.free = (!is_busy).then(|| self.free_since(now));
            }
        }
        // The app may be on before it has a place.
        if let Some(free) = &mut self.free {
            free.place = free.place.or(self.duty.place());
        }
    }

    fn free_since(&self, since: Timestamp) -> Free {
        Free {
            since,
            place: self.duty.place(),
            driven: self.duty.driven(),
        }
    }

    fn accept(&mut self, event: &RideEvent) {
        if self.accepted.iter().any(|known| known.ride == event.ride) {
            return;
        }
        let free = self.free.take().map(|free| (free, self.duty.driven()));
        if self.accepted.len() == MAX_ACCEPTED {
            self.accepted.pop_front();
        }
        self.accepted.push_back(Accepted {
            ride: event.ride,
            time: event.time,
            place: self.duty.place(),
            free,
            is_open: true,
        });
    }

    /// Takes a ping at the moment of an event, which came before it, as where that was.
    fn arrive(&mut self, now: Timestamp) {
        let (place, driven) = (self.duty.place(), self.duty.driven());
        if let Some(free) = self.free.as_mut().filter(|free| free.since == now) {
            (free.place, free.driven) = (place, driven);
        }
        for accepted in self.accepted.iter_mut().filter(|ride| ride.time == now) {
            accepted.place = place;
            if let Some((_, until)) = &mut accepted.free {
                *until = driven;
            }
        }
    }

    /// Ends rides whose end was lost, or that another vehicle got, when pings deny them for long.
    fn doubt(&mut self, ping: &Ping) {
        let is_busy = self.accepted.iter().any(|ride| ride.is_open);
        if ping.state != VehicleState::Available || !is_busy {
            self.denies = None;
            return;
        }
        let now = self.free_since(ping.time);
        let since = *self.denies.get_or_insert(now);
        if ping.time.0 - since.since.0 >= DENIAL_MS {
            for ride in &mut self.accepted {
                ride.is_open = false;
            }
            self.free = self.denies.take();
        }
    }

    /// Ends a ride; its driver is free if it was the last.
    fn release(&mut self, ride: RideId, time: Timestamp) {
        let Some(known) = self.accepted.iter_mut().find(|known| known.ride == ride) else {
            return;
        };
        let was_open = std::mem::replace(&mut known.is_open, false);
        let is_busy = self.accepted.iter().any(|ride| ride.is_open);
        if was_open && !is_busy && self.duty.began().is_some() {
            self.free = Some(self.free_since(time));
        }
    }

    fn take(&mut self, ride: RideId) -> Option<Accepted> {
        let at = self.accepted.iter().position(|known| known.ride == ride)?;
        self.accepted.remove(at)
    }
}

impl Accepted {
    /// Period 1.
    fn wait(&self) -> Option<Span> {
        let (free, until) = self.free?;
        Some(Span {
            began: free.since,
            ended: self.time,
            from: free.place,
            to: self.place,
            distance_mm: until.since(free.driven).all_mm,
        })
    }
}
