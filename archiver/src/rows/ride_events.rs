//! Ride events as columns, in the order of vehicle and time.
//! They are few beside the pings, and stay in memory as they were decoded.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use schemas::{CancelledBy, Coordinate, DriverId, Money, PlannedRoute, RideEvent, RideEventKind};

use crate::columns::{Kind, names, optional, required, texts, times, words};

/// The kinds of events as the table spells them, in the order of [`kind_number`].
pub(crate) const KINDS: [&str; 6] = [
    "assigned",
    "arrived",
    "picked_up",
    "rerouted",
    "dropped_off",
    "cancelled",
];

/// The table's columns.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required("fleet_id", Kind::Name, "the fleet"),
        required("vehicle_id", Kind::Name, "the vehicle that serves the ride"),
        required("ride_id", Kind::Name, "the ride, within the fleet"),
        optional("driver_id", Kind::Name, "who drives, if known"),
        required(
            "time",
            Kind::Time,
            "when it happened by the clock of the app, UTC",
        ),
        required("kind", Kind::Word, "what happened"),
        optional(
            "pickup_lat_e7",
            Kind::Int,
            "assigned: where the rider waits, 1e-7 degree",
        ),
        optional(
            "pickup_lng_e7",
            Kind::Int,
            "assigned: where the rider waits, 1e-7 degree",
        ),
        optional(
            "dropoff_lat_e7",
            Kind::Int,
            "assigned, rerouted: the destination, 1e-7 degree",
        ),
        optional(
            "dropoff_lng_e7",
            Kind::Int,
            "assigned, rerouted: the destination, 1e-7 degree",
        ),
        optional(
            "route",
            Kind::Text,
            "the planned way: encoded polyline, precision 6",
        ),
        optional(
            "fare_minor_units",
            Kind::Long,
            "dropped_off: the fare in cents, pence, yen",
        ),
        optional("fare_currency", Kind::Name, "dropped_off: ISO 4217"),
        optional("cancelled_by", Kind::Word, "cancelled: by whom"),
        required("received_at", Kind::Time, "when ingest received it, UTC"),
        optional(
            "route_duration_s",
            Kind::Int,
            "how long the planned way takes by the plan, s",
        ),
    ]))
}

/// The columns that the rows of a file are sorted by.
pub(crate) const SORTED_BY: &[&str] = &["fleet_id", "vehicle_id", "time"];

/// Sorts by fleet, vehicle and time, then by what names the event.
pub(crate) fn sort(events: &mut [&RideEvent]) {
    events.sort_by_key(|event| {
        (
            event.fleet,
            event.vehicle,
            event.time,
            event.ride,
            kind_number(&event.kind),
        )
    });
}

/// The events as columns.
pub(crate) fn batch(events: &[&RideEvent]) -> Result<RecordBatch, ArrowError> {
    let ints = |value: fn(&RideEvent) -> Option<i32>| -> ArrayRef {
        Arc::new(
            events
                .iter()
                .map(|event| value(event))
                .collect::<Int32Array>(),
        )
    };
    let fares: Int64Array = events
        .iter()
        .map(|e| fare(e).map(|fare| fare.minor_units))
        .collect();
    let canceller = |event: &RideEvent| match &event.kind {
        RideEventKind::Cancelled { by } => Some(*by as i8),
        _ => None,
    };
    let columns = vec![
        names(events.iter().map(|event| Some(event.fleet.as_str()))),
        names(events.iter().map(|event| Some(event.vehicle.as_str()))),
        names(events.iter().map(|event| Some(event.ride.as_str()))),
        names(
            events
                .iter()
                .map(|event| event.driver.as_ref().map(DriverId::as_str)),
        ),
        times(events.iter().map(|event| event.time.0)),
        words(
            KINDS.into_iter(),
            events.iter().map(|event| Some(kind_number(&event.kind))),
        )?,
        ints(|event| pickup(event).map(Coordinate::lat_e7)),
        ints(|event| pickup(event).map(Coordinate::lng_e7)),
        ints(|event| dropoff(event).map(Coordinate::lat_e7)),
        ints(|event| dropoff(event).map(Coordinate::lng_e7)),
        texts(events.iter().map(|event| Some(&*route(event)?.way))),
        Arc::new(fares),
        names(
            events
                .iter()
                .map(|event| fare(event).map(|fare| fare.currency.as_str())),
        ),
        words(
            CancelledBy::ALL.iter().map(|by| by.as_str()),
            events.iter().map(|event| canceller(event)),
        )?,
        times(events.iter().map(|event| event.received_at.0)),
        ints(|event| {
            let seconds = route(event)?.duration_s()?;
            i32::try_from(seconds).ok()
        }),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// A kind's place in [`KINDS`]. It is part of what names an event in the dedupe window.
pub(crate) fn kind_number(kind: &RideEventKind) -> i8 {
    match kind {
        RideEventKind::Assigned { .. } => 0,
        RideEventKind::Arrived => 1,
        RideEventKind::PickedUp => 2,
        RideEventKind::Rerouted { .. } => 3,
        RideEventKind::DroppedOff { .. } => 4,
        RideEventKind::Cancelled { .. } => 5,
    }
}

/// Bytes that an event takes in memory.
pub(crate) fn bytes(event: &RideEvent) -> usize {
    size_of::<RideEvent>() + route(event).map_or(0, |route| route.way.len())
}

fn pickup(event: &RideEvent) -> Option<Coordinate> {
    match &event.kind {
        RideEventKind::Assigned { pickup, .. } => Some(*pickup),
        _ => None,
    }
}

fn dropoff(event: &RideEvent) -> Option<Coordinate> {
    match &event.kind {
        RideEventKind::Assigned { dropoff, .. } | RideEventKind::Rerouted { dropoff, .. } => {
            Some(*dropoff)
        }
        _ => None,
    }
}

fn route(event: &RideEvent) -> Option<&PlannedRoute> {
    match &event.kind {
        RideEventKind::Assigned { route, .. } | RideEventKind::Rerouted { route, .. } => {
            route.as_ref()
        }
        _ => None,
    }
}

fn fare(event: &RideEvent) -> Option<&Money> {
    match &event.kind {
        RideEventKind::DroppedOff { fare } => fare.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;

    use super::*;

    #[test]
    fn kinds_are_spelled_as_on_the_wire() {
        let place = Coordinate::from_e7(1, 1).unwrap();
        let kinds = [
            RideEventKind::Assigned {
                pickup: place,
                dropoff: place,
                route: None,
            },
            RideEventKind::Arrived,
            RideEventKind::PickedUp,
            RideEventKind::Rerouted {
                dropoff: place,
                route: None,
            },
            RideEventKind::DroppedOff { fare: None },
            RideEventKind::Cancelled {
                by: CancelledBy::Rider,
            },
        ];
        for kind in kinds {
            assert_eq!(KINDS[kind_number(&kind) as usize], kind.as_str());
        }
    }

    #[test]
    fn events_of_a_vehicle_are_sorted_by_time() {
        let event = |vehicle: &str, time| RideEvent {
            fleet: "f".parse().unwrap(),
            ride: "r".parse().unwrap(),
            vehicle: vehicle.parse().unwrap(),
            driver: None,
            time: Timestamp(time),
            received_at: Timestamp(0),
            kind: RideEventKind::Arrived,
        };
        let (late, early, other) = (event("b", 2), event("b", 1), event("a", 9));
        let mut events = vec![&late, &early, &other];
        sort(&mut events);
        assert_eq!(events, [&other, &early, &late]);
        let _ = batch(&events).unwrap();
    }
}
