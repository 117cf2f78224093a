//! What rewriting asks of a row of any table: what names it, what it says, and how rows become
//! columns. Where rows come from and go is not known here.

use std::{fmt::Debug, hash::Hash};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use schemas::{FleetId, Ping, PingName, RideEvent, RideId, Timestamp, Trip, VehicleId};

use crate::{
    layout::Table,
    reading::Row,
    rows::{
        pings::PingRows,
        ride_events::{self, kind_number},
        trips,
    },
    window::VehicleNumber,
};

/// A row of a table.
pub(crate) trait Rewritable: Row + Clone + PartialEq + Debug + Sync {
    /// What names it among the rows of its vehicle.
    type Name: Eq + Hash + Debug;

    /// The table that it is a row of.
    const TABLE: Table;

    /// The vehicle.
    fn vehicle(&self) -> (FleetId, VehicleId);

    /// Its name.
    fn name(&self) -> Self::Name;

    /// The event time, by which it lies in its hour.
    fn time(&self) -> Timestamp;

    /// Whether another row of this name says the same, however it came.
    fn says_the_same(&self, other: &Self) -> bool;

    /// Rows as columns, in this order.
    fn as_columns(rows: &[Self]) -> Result<RecordBatch, ArrowError>;
}

impl Rewritable for Ping {
    type Name = PingName;

    const TABLE: Table = Table::Pings;

    fn vehicle(&self) -> (FleetId, VehicleId) {
        (self.fleet, self.vehicle)
    }

    fn name(&self) -> PingName {
        self.name
    }

    fn time(&self) -> Timestamp {
        self.time
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let (received_at, protocol) = (other.received_at, other.protocol);
        *other
            == Self {
                received_at,
                protocol,
                ..self.clone()
            }
    }

    fn as_columns(pings: &[Self]) -> Result<RecordBatch, ArrowError> {
        let mut rows = PingRows::default();
        let mut number = 0;
        for (at, ping) in pings.iter().enumerate() {
            if at > 0 && pings[at - 1].vehicle() != ping.vehicle() {
                number += 1;
            }
            rows.push(VehicleNumber(number), ping);
        }
        let order: Vec<u32> = (0..pings.len() as u32).collect();
        let dictionaries = rows.dictionaries();
        let batches: Result<Vec<_>, _> = rows.batches(&order, &dictionaries).collect();
        let batches = batches?;
        match batches.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(ArrowError::InvalidArgumentError(format!(
                "{} pings are no page",
                pings.len()
            ))),
        }
    }
}

impl Rewritable for RideEvent {
    type Name = (RideId, i8, Timestamp);

    const TABLE: Table = Table::RideEvents;

    fn vehicle(&self) -> (FleetId, VehicleId) {
        (self.fleet, self.vehicle)
    }

    fn name(&self) -> Self::Name {
        (self.ride, kind_number(&self.kind), self.time)
    }

    fn time(&self) -> Timestamp {
        self.time
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let received_at = other.received_at;
        *other
            == Self {
                received_at,
                ..self.clone()
            }
    }

    fn as_columns(rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<&Self> = rows.iter().collect();
        ride_events::batch(&rows)
    }
}

impl Rewritable for Trip {
    type Name = (RideId, u32);

    const TABLE: Table = Table::Trips;

    fn vehicle(&self) -> (FleetId, VehicleId) {
        (self.fleet, self.vehicle)
    }

    fn name(&self) -> Self::Name {
        (self.ride, self.version)
    }

    fn time(&self) -> Timestamp {
        self.ended
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self == other
    }

    fn as_columns(rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<&Self> = rows.iter().collect();
        trips::batch(&rows)
    }
}
