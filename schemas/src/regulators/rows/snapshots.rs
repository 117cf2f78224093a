//! Where each vehicle on duty was at every full minute (or what a profile says): its last position at
//! or before that moment, if it is not too old. The moments are multiples since 1970 UTC, which are
//! those of every clock whose offset is whole quarters of an hour.

use std::collections::BTreeMap;

use super::duty;
use crate::{
    Coordinate, DriverId, FleetId, Ping, RideId, Timestamp, VehicleId, VehicleState,
    regulators::{
        field::{
            Field,
            Kind::{Number, Place, Time},
            Source, Subject, Value,
        },
        profile::Limits,
        unit::Unit,
        writing::Emit,
    },
};

/// A vehicle at a moment.
pub(crate) struct SnapshotRow {
    vehicle: (FleetId, VehicleId),
    seen: Seen,
    moment: Timestamp,
}

/// A vehicle on duty, as it was last seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    time: Timestamp,
    place: Coordinate,
    driver: Option<DriverId>,
    ride: Option<RideId>,
    /// The first moment that is not told yet.
    next: Timestamp,
}

pub(crate) struct Snapshots {
    every_ms: i64,
    max_age_ms: i64,
    vehicles: BTreeMap<(FleetId, VehicleId), Seen>,
}

impl Source for SnapshotRow {
    const FIELDS: &'static [Field<Self>] = &[
        Field {
            name: "snapshot.time",
            kind: Time,
            get: |row| Value::Time(row.moment),
        },
        Field {
            name: "snapshot.place",
            kind: Place,
            get: |row| Value::Place(row.seen.place),
        },
        Field {
            name: "snapshot.age_ms",
            kind: Number(Unit::MS),
            get: |row| Value::number(Some(row.moment.0 - row.seen.time.0)),
        },
    ];

    fn subject(&self) -> Subject {
        Subject {
            fleet: self.vehicle.0,
            vehicle: self.vehicle.1,
            driver: self.seen.driver,
            ride: self.seen.ride,
            time: self.moment,
        }
    }
}

impl Snapshots {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            every_ms: limits.every_ms,
            max_age_ms: limits.max_age_ms.min(limits.silence_ms),
            vehicles: BTreeMap::new(),
        }
    }

    pub(crate) fn ping(&mut self, ping: &Ping, emit: &mut Emit) {
        let name = (ping.fleet, ping.vehicle);
        if matches!(
            ping.state,
            VehicleState::NonContactable | VehicleState::Missing
        ) {
            return;
        }
        let before = self.vehicles.remove(&name);
        if let Some(mut seen) = before {
            self.tell(name, &mut seen, ping.time, emit);
        }
        if duty::is_off_duty(ping.state) {
            return;
        }
        let driver = ping.driver.or(before.and_then(|seen| seen.driver));
        let late = ping.time.0.rem_euclid(self.every_ms);
        let wait = if late == 0 { 0 } else { self.every_ms - late };
        let seen = Seen {
            time: ping.time,
            place: ping.position,
            driver,
            ride: ping.ride,
            next: Timestamp(ping.time.0.saturating_add(wait)),
        };
        self.vehicles.insert(name, seen);
    }

    /// Tells the moments before `end`, and forgets the vehicles whose position is too old.
    pub(crate) fn end_hour(&mut self, end: Timestamp, emit: &mut Emit) {
        let mut all = std::mem::take(&mut self.vehicles);
        for (name, seen) in &mut all {
            self.tell(*name, seen, end, emit);
        }
        all.retain(|_, seen| end.0.saturating_sub(seen.time.0) <= self.max_age_ms);
        self.vehicles = all;
    }

    fn tell(
        &self,
        vehicle: (FleetId, VehicleId),
        seen: &mut Seen,
        before: Timestamp,
        emit: &mut Emit,
    ) {
        while seen.next < before && seen.next.0 - seen.time.0 <= self.max_age_ms {
            emit.row(&SnapshotRow {
                vehicle,
                seen: *seen,
                moment: seen.next,
            });
            seen.next.0 += self.every_ms;
        }
    }
}
