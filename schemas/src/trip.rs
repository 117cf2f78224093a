//! A trip: a finished ride as one fact, for the archive and for regulators.
//! It is written by the processor; a later version of the same ride replaces an earlier one.

use serde::{Deserialize, Serialize};

use crate::{CancelledBy, Coordinate, DriverId, FleetId, Money, RideId, Timestamp, VehicleId};

/// A finished ride. Fleet, ride and version name it for ever; the highest version counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    /// The fleet.
    pub fleet: FleetId,
    /// The ride, within the fleet.
    pub ride: RideId,
    /// The vehicle that served it.
    pub vehicle: VehicleId,
    /// Who drove, if known.
    pub driver: Option<DriverId>,
    /// Counts from 1; late pings and events raise it.
    pub version: u32,
    /// How it ended.
    pub outcome: TripOutcome,
    /// Who called it off; `Unspecified` if completed.
    pub cancelled_by: CancelledBy,
    /// When a vehicle was sent.
    pub assigned: Option<Timestamp>,
    /// When it stood at the pickup.
    pub arrived: Option<Timestamp>,
    /// When the rider got in.
    pub picked_up: Option<Timestamp>,
    /// When the ride ended.
    pub ended: Timestamp,
    /// Where the rider got in: the planned place, else the position at the time.
    pub pickup: Option<Coordinate>,
    /// Where the rider got out: the position at the time, else the planned place.
    pub dropoff: Option<Coordinate>,
    /// Travelled with the passenger on board, m.
    pub distance_m: u32,
    /// Travelled from the assignment to the pickup, m.
    pub to_pickup_m: u32,
    /// Pickup to end, s.
    pub duration_s: u32,
    /// Arrival at the pickup to the pickup, s.
    pub waiting_s: u32,
    /// The way travelled with the passenger: encoded polyline, precision 6.
    pub route: String,
    /// What it cost.
    pub fare: Option<Money>,
    /// Pings between pickup and end.
    pub pings: u32,
    /// The longest time without one from pickup to end, s.
    pub largest_gap_s: u32,
}

/// How a ride ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TripOutcome {
    /// The rider was dropped off.
    Completed,
    /// The ride was called off.
    Cancelled,
}

impl TripOutcome {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}
