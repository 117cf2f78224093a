//! One row for each vehicle of which something was heard in the period; its time is when it was heard
//! there last. Rows come at the end, by fleet and vehicle.

use std::collections::BTreeMap;

use crate::{
    DriverId, FleetId, Timestamp, VehicleId,
    regulators::{
        Fact,
        field::{Field, Kind::Time, Source, Subject, Value},
        writing::Emit,
    },
};

/// A vehicle, and when it was heard.
pub(crate) struct VehicleRow {
    fleet: FleetId,
    vehicle: VehicleId,
    heard: Heard,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    first: Timestamp,
    last: Timestamp,
    /// Who drove last.
    driver: Option<DriverId>,
}

#[derive(Default)]
pub(crate) struct Vehicles(BTreeMap<(FleetId, VehicleId), Heard>);

impl Source for VehicleRow {
    const FIELDS: &'static [Field<Self>] = &[
        Field {
            name: "heard.first",
            kind: Time,
            get: |row| Value::Time(row.heard.first),
        },
        Field {
            name: "heard.last",
            kind: Time,
            get: |row| Value::Time(row.heard.last),
        },
    ];

    fn subject(&self) -> Subject {
        Subject {
            fleet: self.fleet,
            vehicle: self.vehicle,
            driver: self.heard.driver,
            ride: None,
            time: self.heard.last,
        }
    }
}

impl Vehicles {
    pub(crate) fn take(&mut self, fact: Fact, emit: &Emit) {
        let time = fact.time();
        if !emit.wants(time) {
            return;
        }
        let driver = fact.driver();
        let heard = self.0.entry(fact.vehicle()).or_insert(Heard {
            first: time,
            last: time,
            driver,
        });
        heard.first = heard.first.min(time);
        if time >= heard.last {
            heard.last = time;
            heard.driver = driver.or(heard.driver);
        }
    }

    pub(crate) fn finish(&mut self, emit: &mut Emit) {
        for ((fleet, vehicle), heard) in std::mem::take(&mut self.0) {
            emit.row(&VehicleRow {
                fleet,
                vehicle,
                heard,
            });
        }
    }
}
