//! One row for each change of a vehicle's state, as MDS tells it: derived by [`crate::mds`] from ride
//! events and pings. Its place is that of the vehicle's last ping at its moment or before it, else
//! unknown.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use arrayvec::ArrayString;

use crate::{
    Coordinate, DriverId, FleetId, Ping, RideEvent, Timestamp, VehicleId,
    id::MAX_ID_BYTES,
    mds::{Basis, Limits, Timeline, Transition},
    regulators::{
        field::{
            Field,
            Kind::{Place, Text, Texts, Time},
            Source, Subject, Value,
        },
        writing::Emit,
    },
};

/// A vehicle's id, a slash, and a time of up to 20 digits.
const MAX_NAME_BYTES: usize = MAX_ID_BYTES + 1 + 20;
/// So long pings must deny a ride before it is over.
const DENIAL: Duration = Duration::from_mins(2);
/// So long a vehicle stands with its passenger before it has stopped: longer than at traffic lights.
const STANDING: Duration = Duration::from_mins(5);

/// A change of a vehicle's state.
pub(crate) struct EventRow {
    vehicle: (FleetId, VehicleId),
    driver: Option<DriverId>,
    transition: Transition,
    types: [&'static str; 1],
    place: Option<Coordinate>,
    name: ArrayString<MAX_NAME_BYTES>,
}

#[derive(Debug)]
struct Vehicle {
    timeline: Timeline,
    place: Option<Coordinate>,
    driver: Option<DriverId>,
    /// What a ride event told at that time waits for a ping of the same moment, which is where.
    waiting: Vec<Transition>,
    waits_since: Timestamp,
}

pub(crate) struct Events {
    limits: Limits,
    vehicles: BTreeMap<(FleetId, VehicleId), Vehicle>,
}

impl Source for EventRow {
    const FIELDS: &'static [Field<Self>] = &[
        // `<vehicle>/<time in ms>`, which names an event of a fleet for ever: no two of a vehicle
        // have one time.
        Field {
            name: "event.name",
            kind: Text,
            get: |row| Value::Text(&row.name),
        },
        Field {
            name: "event.time",
            kind: Time,
            get: |row| Value::Time(row.transition.time),
        },
        Field {
            name: "event.types",
            kind: Texts,
            get: |row| Value::Texts(&row.types),
        },
        Field {
            name: "event.state",
            kind: Text,
            get: |row| Value::Text(row.transition.state.as_str()),
        },
        Field {
            name: "event.place",
            kind: Place,
            get: |row| Value::place(row.place),
        },
        Field {
            name: "event.basis",
            kind: Text,
            get: |row| {
                Value::Text(match row.transition.basis {
                    Basis::Told => "told",
                    Basis::Implied => "implied",
                    Basis::Presumed => "presumed",
                })
            },
        },
    ];

    fn subject(&self) -> Subject {
        Subject {
            fleet: self.vehicle.0,
            vehicle: self.vehicle.1,
            driver: self.driver,
            ride: self.transition.ride,
            time: self.transition.time,
        }
    }
}

impl Events {
    pub(crate) fn new(silence_ms: i64) -> Self {
        Self {
            limits: Limits {
                silence: Duration::from_millis(silence_ms.max(0) as u64),
                denial: DENIAL,
                standing: STANDING,
            },
            vehicles: BTreeMap::new(),
        }
    }

    pub(crate) fn ping(&mut self, ping: &Ping, emit: &mut Emit) {
        let name = (ping.fleet, ping.vehicle);
        let vehicle = entry(&mut self.vehicles, name, self.limits);
        if vehicle.waits_since == ping.time {
            vehicle.place = Some(ping.position);
        }
        vehicle.pass(name, ping.time, emit);
        vehicle.place = Some(ping.position);
        vehicle.driver = ping.driver.or(vehicle.driver);
        vehicle
            .timeline
            .ping(ping.time, ping.state, &mut vehicle.waiting);
        vehicle.tell(name, emit);
    }

    pub(crate) fn event(&mut self, event: &RideEvent, emit: &mut Emit) {
        let name = (event.fleet, event.vehicle);
        let vehicle = entry(&mut self.vehicles, name, self.limits);
        vehicle.pass(name, event.time, emit);
        vehicle.driver = event.driver.or(vehicle.driver);
        vehicle.waits_since = event.time;
        vehicle.timeline.ride_event(event, &mut vehicle.waiting);
    }

    pub(crate) fn end_hour(&mut self, end: Timestamp, emit: &mut Emit) {
        for (name, vehicle) in &mut self.vehicles {
            vehicle.pass(*name, end, emit);
        }
    }
}

impl Vehicle {
    /// Tells what was before `now`: what waits, and what follows from silence, where it was then.
    fn pass(&mut self, name: (FleetId, VehicleId), now: Timestamp, emit: &mut Emit) {
        self.timeline.pass(now, &mut self.waiting);
        self.tell(name, emit);
    }

    fn tell(&mut self, name: (FleetId, VehicleId), emit: &mut Emit) {
        for transition in self.waiting.drain(..) {
            if !emit.wants(transition.time) {
                continue;
            }
            let mut text = ArrayString::new();
            // The longest one fits.
            let _ = write!(text, "{}/{}", name.1, transition.time.0);
            emit.row(&EventRow {
                vehicle: name,
                driver: self.driver,
                transition,
                types: [transition.event.as_str()],
                place: self.place,
                name: text,
            });
        }
    }
}

fn entry(
    vehicles: &mut BTreeMap<(FleetId, VehicleId), Vehicle>,
    name: (FleetId, VehicleId),
    limits: Limits,
) -> &mut Vehicle {
    vehicles.entry(name).or_insert_with(|| Vehicle {
        timeline: Timeline::new(limits),
        place: None,
        driver: None,
        waiting: Vec::new(),
        waits_since: Timestamp(i64::MIN),
    })
}
