//! One row for each finished ride; its time is the ride's end. Where a policy withholds places that
//! few trips share, the rows of an hour wait for its end, so memory is bounded by an hour's trips.

use std::collections::HashMap;

use crate::{
    Coordinate, Trip, TripOutcome,
    regulators::{
        field::{
            Field,
            Kind::{Number, Place, Text, Time, Way},
            Source, Subject, Value,
        },
        profile::Only,
        unit::{self, Unit},
        writing::Emit,
    },
};

/// A trip, and which of its places are kept back.
pub(crate) struct TripRow {
    trip: Trip,
    withheld: Withheld,
}

#[derive(Debug, Clone, Copy, Default)]
struct Withheld {
    pickup: bool,
    dropoff: bool,
}

/// When a place is withheld: trips that begin (or end) in one cell of a grid within an hour are a
/// group, and places of small groups are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Groups {
    /// The least number of trips whose places are told; 0 and 1 tell all.
    pub(crate) min: u32,
    /// The cells' sides, as decimals of a degree.
    pub(crate) decimals: u8,
}

/// The cell of a grid, and whether trips begin or end there.
type Group = (End, i64, i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Pickup,
    Dropoff,
}

pub(crate) struct Trips {
    only: Only,
    groups: Groups,
    waiting: Vec<TripRow>,
}

impl Source for TripRow {
    const FIELDS: &'static [Field<Self>] = &[
        Field {
            name: "trip.outcome",
            kind: Text,
            get: |row| Value::Text(row.trip.outcome.as_str()),
        },
        Field {
            name: "trip.cancelled_by",
            kind: Text,
            get: |row| match row.trip.outcome {
                TripOutcome::Completed => Value::Unknown,
                TripOutcome::Cancelled => Value::Text(row.trip.cancelled_by.as_str()),
            },
        },
        Field {
            name: "trip.assigned",
            kind: Time,
            get: |row| Value::time(row.trip.assigned),
        },
        Field {
            name: "trip.arrived",
            kind: Time,
            get: |row| Value::time(row.trip.arrived),
        },
        Field {
            name: "trip.picked_up",
            kind: Time,
            get: |row| Value::time(row.trip.picked_up),
        },
        Field {
            name: "trip.ended",
            kind: Time,
            get: |row| Value::Time(row.trip.ended),
        },
        Field {
            name: "trip.pickup",
            kind: Place,
            get: |row| shown(row.trip.pickup, row.withheld.pickup),
        },
        Field {
            name: "trip.dropoff",
            kind: Place,
            get: |row| shown(row.trip.dropoff, row.withheld.dropoff),
        },
        Field {
            name: "trip.distance_m",
            kind: Number(Unit::M),
            get: |row| Value::number(Some(row.trip.distance_m)),
        },
        Field {
            name: "trip.to_pickup_m",
            kind: Number(Unit::M),
            get: |row| Value::number(Some(row.trip.to_pickup_m)),
        },
        Field {
            name: "trip.duration_s",
            kind: Number(Unit::S),
            get: |row| Value::number(Some(row.trip.duration_s)),
        },
        Field {
            name: "trip.waiting_s",
            kind: Number(Unit::S),
            get: |row| Value::number(Some(row.trip.waiting_s)),
        },
        Field {
            name: "trip.route",
            kind: Way,
            get: |row| {
                if row.withheld.pickup || row.withheld.dropoff {
                    return Value::Withheld;
                }
                Value::text(Some(row.trip.route.as_str()).filter(|way| !way.is_empty()))
            },
        },
        // US dollars only; what a fare is in another currency is not known in cents.
        Field {
            name: "trip.fare_cents",
            kind: Number(Unit::CENTS),
            get: |row| {
                let fare = row.trip.fare.filter(|fare| fare.currency.as_str() == "USD");
                Value::number(fare.map(|fare| fare.minor_units))
            },
        },
        Field {
            name: "trip.fare_minor",
            kind: Number(Unit::ONE),
            get: |row| Value::number(row.trip.fare.map(|fare| fare.minor_units)),
        },
        Field {
            name: "trip.currency",
            kind: Text,
            get: |row| {
                let fare = row.trip.fare.as_ref();
                Value::text(fare.map(|fare| fare.currency.as_str()))
            },
        },
        Field {
            name: "trip.pings",
            kind: Number(Unit::ONE),
            get: |row| Value::number(Some(row.trip.pings)),
        },
        Field {
            name: "trip.largest_gap_s",
            kind: Number(Unit::S),
            get: |row| Value::number(Some(row.trip.largest_gap_s)),
        },
        Field {
            name: "trip.version",
            kind: Number(Unit::ONE),
            get: |row| Value::number(Some(row.trip.version)),
        },
    ];

    fn subject(&self) -> Subject {
        Subject {
            fleet: self.trip.fleet,
            vehicle: self.trip.vehicle,
            driver: self.trip.driver,
            ride: Some(self.trip.ride),
            time: self.trip.ended,
        }
    }
}

fn shown<'a>(place: Option<Coordinate>, is_withheld: bool) -> Value<'a> {
    match place {
        Some(_) if is_withheld => Value::Withheld,
        place => Value::place(place),
    }
}

impl Trips {
    pub(crate) fn new(only: Only, groups: Groups) -> Self {
        Self {
            only,
            groups,
            waiting: Vec::new(),
        }
    }

    pub(crate) fn take(&mut self, trip: &Trip, emit: &mut Emit) {
        let is_wanted = match self.only {
            Only::All => true,
            Only::PickedUp => trip.picked_up.is_some(),
            Only::Completed => trip.outcome == TripOutcome::Completed,
        };
        if !is_wanted {
            return;
        }
        let row = TripRow {
            trip: trip.clone(),
            withheld: Withheld::default(),
        };
        if self.groups.min > 1 {
            self.waiting.push(row);
        } else {
            emit.row(&row);
        }
    }

    /// Writes the hour's rows, without the places of small groups.
    pub(crate) fn end_hour(&mut self, emit: &mut Emit) {
        let mut shared: HashMap<Group, u32> = HashMap::new();
        for row in &self.waiting {
            for group in self.groups.of(&row.trip).into_iter().flatten() {
                *shared.entry(group).or_default() += 1;
            }
        }
        let is_rare = |group: Option<Group>| {
            group.is_some_and(|group| shared.get(&group).is_none_or(|n| *n < self.groups.min))
        };
        let mut waiting = std::mem::take(&mut self.waiting);
        for row in &mut waiting {
            let [pickup, dropoff] = self.groups.of(&row.trip);
            row.withheld = Withheld {
                pickup: is_rare(pickup),
                dropoff: is_rare(dropoff),
            };
            emit.row(row);
        }
    }
}

impl Groups {
    fn of(self, trip: &Trip) -> [Option<Group>; 2] {
        let cell = |e7: i32| {
            let number = unit::Number::whole(e7);
            let decimals = self.decimals;
            number
                .convert(Unit::E7, Unit::DEGREES, decimals)
                .unwrap_or_default()
        };
        let group = |end, place: Option<Coordinate>| {
            place.map(|place| (end, cell(place.lat_e7()), cell(place.lng_e7())))
        };
        [
            group(End::Pickup, trip.pickup),
            group(End::Dropoff, trip.dropoff),
        ]
    }
}
