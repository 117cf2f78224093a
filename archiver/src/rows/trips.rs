//! Trips as columns, in the order of vehicle and end.
//! Every version of a trip is a row; which one counts is for who queries.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use schemas::{CancelledBy, Coordinate, DriverId, Trip, TripOutcome, mds};

use crate::columns::{Kind, names, optional, optional_times, required, texts, times, words};

/// How trips end, in the order of the enum's values.
pub(crate) const OUTCOMES: [TripOutcome; 2] = [TripOutcome::Completed, TripOutcome::Cancelled];

/// The table's columns.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required("fleet_id", Kind::Name, "the fleet"),
        required("vehicle_id", Kind::Name, "the vehicle that served the ride"),
        required("ride_id", Kind::Name, "the ride, within the fleet"),
        optional("driver_id", Kind::Name, "who drove, if known"),
        required(
            "version",
            Kind::Long,
            "counts from 1; of a ride the highest counts",
        ),
        required("outcome", Kind::Word, "how it ended"),
        required(
            "cancelled_by",
            Kind::Word,
            "who called it off; unspecified if completed",
        ),
        optional("assigned_at", Kind::Time, "when a vehicle was sent, UTC"),
        optional("arrived_at", Kind::Time, "when it stood at the pickup, UTC"),
        optional("picked_up_at", Kind::Time, "when the rider got in, UTC"),
        required("ended_at", Kind::Time, "when the ride ended, UTC"),
        optional(
            "pickup_lat_e7",
            Kind::Int,
            "where the rider got in, 1e-7 degree",
        ),
        optional(
            "pickup_lng_e7",
            Kind::Int,
            "where the rider got in, 1e-7 degree",
        ),
        optional(
            "dropoff_lat_e7",
            Kind::Int,
            "where the rider got out, 1e-7 degree",
        ),
        optional(
            "dropoff_lng_e7",
            Kind::Int,
            "where the rider got out, 1e-7 degree",
        ),
        required("distance_m", Kind::Long, "travelled with the passenger, m"),
        required(
            "to_pickup_m",
            Kind::Long,
            "travelled from the assignment to the pickup, m",
        ),
        required("duration_s", Kind::Long, "pickup to end, s"),
        required(
            "waiting_s",
            Kind::Long,
            "arrival at the pickup to the pickup, s",
        ),
        required(
            "route",
            Kind::Text,
            "the way travelled: encoded polyline, precision 6",
        ),
        optional(
            "fare_minor_units",
            Kind::Long,
            "the fare in cents, pence, yen",
        ),
        optional("fare_currency", Kind::Name, "ISO 4217"),
        required("pings", Kind::Long, "pings between pickup and end"),
        required(
            "largest_gap_s",
            Kind::Long,
            "the longest time without one from pickup to end, s",
        ),
        optional("to_pickup_s", Kind::Long, "assignment to arrival, s"),
        optional(
            "transitions",
            Kind::Text,
            "the vehicle states of MDS 2.0 that the ride led through, as JSON",
        ),
    ]))
}

/// The columns that the rows of a file are sorted by.
pub(crate) const SORTED_BY: &[&str] = &["fleet_id", "vehicle_id", "ended_at"];

/// Sorts by fleet, vehicle and end, then by what names the trip.
pub(crate) fn sort(trips: &mut [&Trip]) {
    trips.sort_by_key(|trip| {
        (
            trip.fleet,
            trip.vehicle,
            trip.ended,
            trip.ride,
            trip.version,
        )
    });
}

/// The trips as columns.
pub(crate) fn batch(trips: &[&Trip]) -> Result<RecordBatch, ArrowError> {
    let longs = |value: fn(&Trip) -> u32| -> ArrayRef {
        let values = trips.iter().map(|trip| i64::from(value(trip)));
        Arc::new(Int64Array::from_iter_values(values))
    };
    let ints = |value: fn(&Trip) -> Option<i32>| -> ArrayRef {
        Arc::new(trips.iter().map(|trip| value(trip)).collect::<Int32Array>())
    };
    let fares: Int64Array = trips
        .iter()
        .map(|t| t.fare.map(|fare| fare.minor_units))
        .collect();
    let currencies = trips
        .iter()
        .map(|t| t.fare.as_ref().map(|fare| fare.currency.as_str()));
    let transitions: Vec<String> = trips
        .iter()
        .map(|trip| mds::transition::to_text(&mds::trip::transitions(trip)))
        .collect();
    let columns = vec![
        names(trips.iter().map(|trip| Some(trip.fleet.as_str()))),
        names(trips.iter().map(|trip| Some(trip.vehicle.as_str()))),
        names(trips.iter().map(|trip| Some(trip.ride.as_str()))),
        names(
            trips
                .iter()
                .map(|trip| trip.driver.as_ref().map(DriverId::as_str)),
        ),
        longs(|trip| trip.version),
        words(
            OUTCOMES.into_iter().map(TripOutcome::as_str),
            trips.iter().map(|trip| Some(trip.outcome as i8)),
        )?,
        words(
            CancelledBy::ALL.into_iter().map(CancelledBy::as_str),
            trips.iter().map(|trip| Some(trip.cancelled_by as i8)),
        )?,
        optional_times(trips.iter().map(|trip| trip.assigned)),
        optional_times(trips.iter().map(|trip| trip.arrived)),
        optional_times(trips.iter().map(|trip| trip.picked_up)),
        times(trips.iter().map(|trip| trip.ended.0)),
        ints(|trip| trip.pickup.map(Coordinate::lat_e7)),
        ints(|trip| trip.pickup.map(Coordinate::lng_e7)),
        ints(|trip| trip.dropoff.map(Coordinate::lat_e7)),
        ints(|trip| trip.dropoff.map(Coordinate::lng_e7)),
        longs(|trip| trip.distance_m),
        longs(|trip| trip.to_pickup_m),
        longs(|trip| trip.duration_s),
        longs(|trip| trip.waiting_s),
        texts(trips.iter().map(|trip| Some(trip.route.as_str()))),
        Arc::new(fares),
        names(currencies),
        longs(|trip| trip.pings),
        longs(|trip| trip.largest_gap_s),
        Arc::new(
            trips
                .iter()
                .map(|trip| to_pickup_s(trip))
                .collect::<Int64Array>(),
        ),
        texts(transitions.iter().map(|text| Some(text.as_str()))),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// Assignment to arrival in whole seconds; None where either is not known or they contradict.
fn to_pickup_s(trip: &Trip) -> Option<i64> {
    let (assigned, arrived) = (trip.assigned?, trip.arrived?);
    let seconds = arrived.seconds_since(assigned);
    (seconds >= 0.0).then_some(seconds as i64)
}

/// Bytes that a trip takes in memory.
pub(crate) fn bytes(trip: &Trip) -> usize {
    size_of::<Trip>() + trip.route.capacity()
}
