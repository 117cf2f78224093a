//! Exceptions: values that a regulator requires and that are not there, told row by row. They are for
//! the company, who knows the raw ids; whether one stops a report is the operator's decision.

use std::fmt;

use crate::{FleetId, RideId, Timestamp, VehicleId};

/// A cell that could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception<'a> {
    /// The topic, as in [`super::Report::topics`].
    pub topic: usize,
    /// The name of the column.
    pub column: &'a str,
    /// Why.
    pub reason: Reason,
    /// Whose row it is.
    pub fleet: FleetId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The ride, of rows that have one.
    pub ride: Option<RideId>,
    /// The row's own time.
    pub time: Timestamp,
    /// Whether the row was written all the same, with the cell empty.
    pub is_written: bool,
}

/// Why a cell is empty that may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nobody told it: not the vehicle, and not the registry.
    Missing,
    /// What the registry says cannot be read as what the column is.
    Unreadable,
    /// It is none of the words that the regulator takes.
    NotOneOf,
    /// It does not fit in the column's type.
    OutOfRange,
    /// It began before what was read for the report.
    BeganEarlier,
}

impl Reason {
    /// The word for it in an exceptions file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::NotOneOf => "not_one_of",
            Self::OutOfRange => "out_of_range",
            Self::BeganEarlier => "began_earlier",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
