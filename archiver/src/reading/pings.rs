//! Pings as they are read back. How they are written is `rows::pings`' business.

use std::sync::LazyLock;

use anyhow::Context as _;
use arrow_array::{Int32Array, Int64Array, RecordBatch, TimestampMillisecondArray};
use schemas::{
    Accuracy, Altitude, FleetId, Heading, Ping, PingName, Protocol, Speed, Timestamp, VehicleId,
    VehicleState, id,
};

use super::{
    Row,
    columns::{Ids, Words, column, int, long, place, places, required_time},
};

static STATES: LazyLock<Vec<(&str, VehicleState)>> = LazyLock::new(|| {
    let named = |state: VehicleState| (state.as_str(), state);
    VehicleState::ALL.into_iter().map(named).collect()
});

static PROTOCOLS: LazyLock<Vec<(&str, Protocol)>> = LazyLock::new(|| {
    let named = |protocol: Protocol| (protocol.as_str(), protocol);
    Protocol::ALL.into_iter().map(named).collect()
});

/// The columns of some pings.
pub(crate) struct PingColumns {
    fleet: Ids<id::Fleet>,
    vehicle: Ids<id::Vehicle>,
    driver: Ids<id::Driver>,
    ride: Ids<id::Ride>,
    epoch: Int64Array,
    seq: Int64Array,
    time: TimestampMillisecondArray,
    place: (Int32Array, Int32Array),
    speed: Int32Array,
    heading: Int32Array,
    accuracy: Int32Array,
    altitude: Int32Array,
    state: Words<VehicleState>,
    received_at: TimestampMillisecondArray,
    protocol: Words<Protocol>,
}

impl Row for Ping {
    type Columns = PingColumns;
    /// Epoch and seq in the order of the table, which has them as signed numbers.
    type Key = (FleetId, VehicleId, Timestamp, i64, i64);

    fn columns(batch: &RecordBatch) -> anyhow::Result<PingColumns> {
        Ok(PingColumns {
            fleet: Ids::of(batch, "fleet_id")?,
            vehicle: Ids::of(batch, "vehicle_id")?,
            driver: Ids::of(batch, "driver_id")?,
            ride: Ids::of(batch, "ride_id")?,
            epoch: column(batch, "epoch")?,
            seq: column(batch, "seq")?,
            time: column(batch, "time")?,
            place: places(batch, "")?,
            speed: column(batch, "speed_cm_s")?,
            heading: column(batch, "heading_cdeg")?,
            accuracy: column(batch, "accuracy_dm")?,
            altitude: column(batch, "altitude_dm")?,
            state: Words::of(batch, "state", &STATES)?,
            received_at: column(batch, "received_at")?,
            protocol: Words::of(batch, "protocol", &PROTOCOLS)?,
        })
    }

    fn read(columns: &mut PingColumns, row: usize) -> anyhow::Result<Self> {
        Ok(Self {
            fleet: columns.fleet.require(row)?,
            vehicle: columns.vehicle.require(row)?,
            driver: columns.driver.get(row)?,
            ride: columns.ride.get(row)?,
            name: PingName {
                epoch: long(&columns.epoch, row).context("an epoch is null")? as u64,
                seq: long(&columns.seq, row).context("a seq is null")? as u64,
            },
            time: required_time(&columns.time, row)?,
            position: place(&columns.place, row)?.context("a position is null")?,
            speed: measured(&columns.speed, row, |speed| {
                Speed::from_cm_s(u32::try_from(speed).ok()?)
            })?,
            heading: measured(&columns.heading, row, |heading| {
                Heading::from_cdeg(u32::try_from(heading).ok()?)
            })?,
            accuracy: measured(&columns.accuracy, row, |accuracy| {
                Accuracy::from_dm(u32::try_from(accuracy).ok()?)
            })?,
            altitude: measured(&columns.altitude, row, Altitude::from_dm)?,
            state: columns.state.require(row)?,
            received_at: required_time(&columns.received_at, row)?,
            protocol: columns.protocol.require(row)?,
        })
    }

    fn key(&self) -> Self::Key {
        let PingName { epoch, seq } = self.name;
        (
            self.fleet,
            self.vehicle,
            self.time,
            epoch as i64,
            seq as i64,
        )
    }

    fn received(&self) -> Option<Timestamp> {
        Some(self.received_at)
    }
}

/// A measurement of a row; None for null.
fn measured<Value>(
    values: &Int32Array,
    row: usize,
    check: impl Fn(i32) -> Option<Value>,
) -> anyhow::Result<Option<Value>> {
    let Some(number) = int(values, row) else {
        return Ok(None);
    };
    let value = check(number).with_context(|| format!("{number} is out of its range"))?;
    Ok(Some(value))
}
