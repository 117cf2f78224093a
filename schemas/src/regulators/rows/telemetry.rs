//! One row for each ping; its time is the fix's.

use std::fmt::Write;

use arrayvec::ArrayString;

use crate::{
    Ping,
    id::MAX_ID_BYTES,
    regulators::{
        field::{
            Field,
            Kind::{Number, Place, Text, Time},
            Source, Subject, Value,
        },
        unit::Unit,
        writing::Emit,
    },
};

/// A vehicle's id, a slash, and two numbers of up to 20 digits with a point between.
const MAX_NAME_BYTES: usize = MAX_ID_BYTES + 1 + 20 + 1 + 20;

/// A ping, and its name as a text.
pub(crate) struct PingRow {
    ping: Ping,
    name: ArrayString<MAX_NAME_BYTES>,
}

impl Source for PingRow {
    const FIELDS: &'static [Field<Self>] = &[
        // `<vehicle>/<epoch>.<seq>`, which names a ping of a fleet for ever.
        Field {
            name: "ping.name",
            kind: Text,
            get: |row| Value::Text(&row.name),
        },
        Field {
            name: "ping.time",
            kind: Time,
            get: |row| Value::Time(row.ping.time),
        },
        Field {
            name: "ping.received",
            kind: Time,
            get: |row| Value::Time(row.ping.received_at),
        },
        Field {
            name: "ping.place",
            kind: Place,
            get: |row| Value::Place(row.ping.position),
        },
        Field {
            name: "ping.speed",
            kind: Number(Unit::CM_S),
            get: |row| Value::number(row.ping.speed.map(u16::from)),
        },
        Field {
            name: "ping.heading",
            kind: Number(Unit::CDEG),
            get: |row| Value::number(row.ping.heading.map(crate::Heading::cdeg)),
        },
        Field {
            name: "ping.accuracy",
            kind: Number(Unit::DM),
            get: |row| Value::number(row.ping.accuracy.map(crate::Accuracy::dm)),
        },
        // Above the ellipsoid, not above the sea.
        Field {
            name: "ping.altitude",
            kind: Number(Unit::DM),
            get: |row| Value::number(row.ping.altitude.map(crate::Altitude::dm)),
        },
        Field {
            name: "ping.state",
            kind: Text,
            get: |row| Value::Text(row.ping.state.as_str()),
        },
    ];

    fn subject(&self) -> Subject {
        Subject {
            fleet: self.ping.fleet,
            vehicle: self.ping.vehicle,
            driver: self.ping.driver,
            ride: self.ping.ride,
            time: self.ping.time,
        }
    }
}

pub(crate) fn take(ping: &Ping, emit: &mut Emit) {
    if !emit.wants(ping.time) {
        return;
    }
    let mut name = ArrayString::new();
    let (vehicle, of) = (ping.vehicle, ping.name);
    // The longest one fits.
    let _ = write!(name, "{vehicle}/{}.{}", of.epoch, of.seq);
    let ping = ping.clone();
    emit.row(&PingRow { ping, name });
}
