//! Ride events as they are read back. How they are written is `rows::ride_events`' business.

use std::{sync::LazyLock, time::Duration};

use anyhow::{Context as _, bail};
use arrow_array::{Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use schemas::{
    CancelledBy, FleetId, Money, PlannedRoute, RideEvent, RideEventKind, RideId, Timestamp,
    VehicleId, id, ride_event::Currency,
};

use super::{
    Row,
    columns::{Ids, Words, column, int, long, optional_column, place, places, required_time, text},
};
use crate::rows::ride_events::{KINDS, kind_number};

pub(super) static CANCELLERS: LazyLock<Vec<(&str, CancelledBy)>> = LazyLock::new(|| {
    let named = |by: CancelledBy| (by.as_str(), by);
    CancelledBy::ALL.into_iter().map(named).collect()
});

/// The columns of some events.
pub(crate) struct EventColumns {
    fleet: Ids<id::Fleet>,
    vehicle: Ids<id::Vehicle>,
    ride: Ids<id::Ride>,
    driver: Ids<id::Driver>,
    time: TimestampMillisecondArray,
    kind: StringArray,
    pickup: (Int32Array, Int32Array),
    dropoff: (Int32Array, Int32Array),
    route: StringArray,
    route_duration: Option<Int32Array>,
    fare: FareColumns,
    cancelled_by: Words<CancelledBy>,
    received_at: TimestampMillisecondArray,
}

/// The columns of an amount of money.
pub(super) struct FareColumns {
    minor_units: Int64Array,
    currency: StringArray,
}

impl FareColumns {
    pub(super) fn of(batch: &RecordBatch) -> anyhow::Result<Self> {
        Ok(Self {
            minor_units: column(batch, "fare_minor_units")?,
            currency: column(batch, "fare_currency")?,
        })
    }

    pub(super) fn get(&self, row: usize) -> anyhow::Result<Option<Money>> {
        let (minor_units, currency) = (long(&self.minor_units, row), text(&self.currency, row));
        let (Some(minor_units), Some(currency)) = (minor_units, currency) else {
            return Ok(None);
        };
        let known = Currency::new(currency);
        Ok(Some(Money {
            minor_units,
            currency: known.with_context(|| format!("{currency:?} is no currency"))?,
        }))
    }
}

impl EventColumns {
    fn route(&self, row: usize) -> Option<PlannedRoute> {
        let way = text(&self.route, row)?;
        let seconds = self.route_duration.as_ref().and_then(|all| int(all, row));
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Some(PlannedRoute {
            way: way.into(),
            duration: seconds.map(Duration::from_secs),
        })
    }

    fn kind(&mut self, row: usize) -> anyhow::Result<RideEventKind> {
        let dropoff = || place(&self.dropoff, row)?.context("a drop-off is null");
        let name = text(&self.kind, row).context("a kind is null")?;
        let number = KINDS.iter().position(|kind| *kind == name);
        Ok(match number {
            Some(0) => RideEventKind::Assigned {
                pickup: place(&self.pickup, row)?.context("a pickup is null")?,
                dropoff: dropoff()?,
                route: self.route(row),
            },
            Some(1) => RideEventKind::Arrived,
            Some(2) => RideEventKind::PickedUp,
            Some(3) => RideEventKind::Rerouted {
                dropoff: dropoff()?,
                route: self.route(row),
            },
            Some(4) => RideEventKind::DroppedOff {
                fare: self.fare.get(row)?,
            },
            Some(5) => RideEventKind::Cancelled {
                by: self.cancelled_by.get(row)?.unwrap_or_default(),
            },
            _ => bail!("{name:?} is no kind of event"),
        })
    }
}

impl Row for RideEvent {
    type Columns = EventColumns;
    type Key = (FleetId, VehicleId, Timestamp, RideId, i8);

    fn columns(batch: &RecordBatch) -> anyhow::Result<EventColumns> {
        Ok(EventColumns {
            fleet: Ids::of(batch, "fleet_id")?,
            vehicle: Ids::of(batch, "vehicle_id")?,
            ride: Ids::of(batch, "ride_id")?,
            driver: Ids::of(batch, "driver_id")?,
            time: column(batch, "time")?,
            kind: column(batch, "kind")?,
            pickup: places(batch, "pickup_")?,
            dropoff: places(batch, "dropoff_")?,
            route: column(batch, "route")?,
            route_duration: optional_column(batch, "route_duration_s")?,
            fare: FareColumns::of(batch)?,
            cancelled_by: Words::of(batch, "cancelled_by", &CANCELLERS)?,
            received_at: column(batch, "received_at")?,
        })
    }

    fn read(columns: &mut EventColumns, row: usize) -> anyhow::Result<Self> {
        Ok(Self {
            fleet: columns.fleet.require(row)?,
            ride: columns.ride.require(row)?,
            vehicle: columns.vehicle.require(row)?,
            driver: columns.driver.get(row)?,
            time: required_time(&columns.time, row)?,
            received_at: required_time(&columns.received_at, row)?,
            kind: columns.kind(row)?,
        })
    }

    fn key(&self) -> Self::Key {
        let kind = kind_number(&self.kind);
        (self.fleet, self.vehicle, self.time, self.ride, kind)
    }

    fn received(&self) -> Option<Timestamp> {
        Some(self.received_at)
    }
}
