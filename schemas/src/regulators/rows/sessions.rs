//! One row for each session of a vehicle and a driver; its time is the session's end.

use std::collections::BTreeMap;

use super::duty::{Duty, Ending, Session};
use crate::{
    FleetId, Ping, RideEvent, Timestamp, VehicleId,
    regulators::{
        field::{
            Field,
            Kind::{Bool, Number, Time},
            Source, Subject, Value,
        },
        unit::Unit,
        writing::Emit,
    },
};

/// A session that is over.
pub(crate) struct SessionRow {
    fleet: FleetId,
    vehicle: VehicleId,
    session: Session,
    /// Whether it may have begun before what was read.
    began_earlier: bool,
}

pub(crate) struct Sessions {
    silence_ms: i64,
    /// From where facts are read.
    feed_from: Timestamp,
    vehicles: BTreeMap<(FleetId, VehicleId), Duty>,
}

impl Source for SessionRow {
    const FIELDS: &'static [Field<Self>] = &[
        Field {
            name: "session.began",
            kind: Time,
            get: |row| row.whole(Value::Time(row.session.began)),
        },
        Field {
            name: "session.ended",
            kind: Time,
            get: |row| Value::Time(row.session.ended),
        },
        Field {
            name: "session.duration_ms",
            kind: Number(Unit::MS),
            get: |row| {
                let ms = row.session.ended.0 - row.session.began.0;
                row.whole(Value::number(Some(ms)))
            },
        },
        Field {
            name: "session.distance_mm",
            kind: Number(Unit::MM),
            get: |row| row.whole(Value::number(Some(row.session.driven.all_mm))),
        },
        Field {
            name: "session.on_board_mm",
            kind: Number(Unit::MM),
            get: |row| row.whole(Value::number(Some(row.session.driven.on_board_mm))),
        },
        Field {
            name: "session.is_ended_by_driver",
            kind: Bool,
            get: |row| Value::Bool(row.session.ending == Ending::Told),
        },
    ];

    fn subject(&self) -> Subject {
        Subject {
            fleet: self.fleet,
            vehicle: self.vehicle,
            driver: self.session.driver,
            ride: None,
            time: self.session.ended,
        }
    }
}

impl SessionRow {
    /// A value of the whole session, if the whole of it was read.
    fn whole<'a>(&self, value: Value<'a>) -> Value<'a> {
        if self.began_earlier {
            Value::BeganEarlier
        } else {
            value
        }
    }
}

impl Sessions {
    pub(crate) fn new(silence_ms: i64, feed_from: Timestamp) -> Self {
        Self {
            silence_ms,
            feed_from,
            vehicles: BTreeMap::new(),
        }
    }

    pub(crate) fn ping(&mut self, ping: &Ping, emit: &mut Emit) {
        let name = (ping.fleet, ping.vehicle);
        let duty = self.vehicles.entry(name).or_default();
        let ended = duty.ping(ping, self.silence_ms);
        self.tell(name, ended, emit);
    }

    pub(crate) fn event(&mut self, event: &RideEvent, emit: &mut Emit) {
        let name = (event.fleet, event.vehicle);
        let duty = self.vehicles.entry(name).or_default();
        let ended = duty.event(event, self.silence_ms);
        self.tell(name, ended, emit);
    }

    pub(crate) fn end_hour(&mut self, end: Timestamp, emit: &mut Emit) {
        let mut all = std::mem::take(&mut self.vehicles);
        for (name, duty) in &mut all {
            let ended = duty.pass(end, self.silence_ms);
            self.tell(*name, ended, emit);
        }
        self.vehicles = all;
    }

    fn tell(&self, name: (FleetId, VehicleId), ended: Option<Session>, emit: &mut Emit) {
        let Some(session) = ended else {
            return;
        };
        let sure_from = self.feed_from.0 + self.silence_ms;
        emit.row(&SessionRow {
            fleet: name.0,
            vehicle: name.1,
            session,
            began_earlier: session.began.0 <= sure_from,
        });
    }
}
