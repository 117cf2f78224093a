//! Trips as they are read back. How they are written is `rows::trips`' business.

use std::sync::LazyLock;

use anyhow::Context as _;
use arrow_array::{Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use schemas::{CancelledBy, FleetId, RideId, Timestamp, Trip, TripOutcome, VehicleId, id};

use super::{
    Row,
    columns::{Ids, Words, column, count, place, places, required_time, text, time},
    events::{CANCELLERS, FareColumns},
};
use crate::rows::trips::OUTCOMES;

static OUTCOME_WORDS: LazyLock<Vec<(&str, TripOutcome)>> = LazyLock::new(|| {
    let named = |outcome: TripOutcome| (outcome.as_str(), outcome);
    OUTCOMES.into_iter().map(named).collect()
});

/// The columns of some trips.
pub(crate) struct TripColumns {
    fleet: Ids<id::Fleet>,
    vehicle: Ids<id::Vehicle>,
    ride: Ids<id::Ride>,
    driver: Ids<id::Driver>,
    version: Int64Array,
    outcome: Words<TripOutcome>,
    cancelled_by: Words<CancelledBy>,
    assigned: TimestampMillisecondArray,
    arrived: TimestampMillisecondArray,
    picked_up: TimestampMillisecondArray,
    ended: TimestampMillisecondArray,
    pickup: (Int32Array, Int32Array),
    dropoff: (Int32Array, Int32Array),
    distance_m: Int64Array,
    to_pickup_m: Int64Array,
    duration_s: Int64Array,
    waiting_s: Int64Array,
    route: StringArray,
    fare: FareColumns,
    pings: Int64Array,
    largest_gap_s: Int64Array,
}

impl Row for Trip {
    type Columns = TripColumns;
    type Key = (FleetId, VehicleId, Timestamp, RideId, u32);

    fn columns(batch: &RecordBatch) -> anyhow::Result<TripColumns> {
        Ok(TripColumns {
            fleet: Ids::of(batch, "fleet_id")?,
            vehicle: Ids::of(batch, "vehicle_id")?,
            ride: Ids::of(batch, "ride_id")?,
            driver: Ids::of(batch, "driver_id")?,
            version: column(batch, "version")?,
            outcome: Words::of(batch, "outcome", &OUTCOME_WORDS)?,
            cancelled_by: Words::of(batch, "cancelled_by", &CANCELLERS)?,
            assigned: column(batch, "assigned_at")?,
            arrived: column(batch, "arrived_at")?,
            picked_up: column(batch, "picked_up_at")?,
            ended: column(batch, "ended_at")?,
            pickup: places(batch, "pickup_")?,
            dropoff: places(batch, "dropoff_")?,
            distance_m: column(batch, "distance_m")?,
            to_pickup_m: column(batch, "to_pickup_m")?,
            duration_s: column(batch, "duration_s")?,
            waiting_s: column(batch, "waiting_s")?,
            route: column(batch, "route")?,
            fare: FareColumns::of(batch)?,
            pings: column(batch, "pings")?,
            largest_gap_s: column(batch, "largest_gap_s")?,
        })
    }

    fn read(columns: &mut TripColumns, row: usize) -> anyhow::Result<Self> {
        let route = text(&columns.route, row).context("a route is null")?;
        Ok(Self {
            fleet: columns.fleet.require(row)?,
            ride: columns.ride.require(row)?,
            vehicle: columns.vehicle.require(row)?,
            driver: columns.driver.get(row)?,
            version: count(&columns.version, row)?,
            outcome: columns.outcome.require(row)?,
            cancelled_by: columns.cancelled_by.require(row)?,
            assigned: time(&columns.assigned, row),
            arrived: time(&columns.arrived, row),
            picked_up: time(&columns.picked_up, row),
            ended: required_time(&columns.ended, row)?,
            pickup: place(&columns.pickup, row)?,
            dropoff: place(&columns.dropoff, row)?,
            distance_m: count(&columns.distance_m, row)?,
            to_pickup_m: count(&columns.to_pickup_m, row)?,
            duration_s: count(&columns.duration_s, row)?,
            waiting_s: count(&columns.waiting_s, row)?,
            route: route.to_owned(),
            fare: columns.fare.get(row)?,
            pings: count(&columns.pings, row)?,
            largest_gap_s: count(&columns.largest_gap_s, row)?,
        })
    }

    fn key(&self) -> Self::Key {
        (
            self.fleet,
            self.vehicle,
            self.ended,
            self.ride,
            self.version,
        )
    }

    fn received(&self) -> Option<Timestamp> {
        None
    }
}
