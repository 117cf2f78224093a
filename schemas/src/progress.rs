//! What riders and dispatchers see: where a ride is and when it arrives, and where a vehicle is.
//! These are the values of the cache and the bodies of the live API; computing them is the
//! processor's work.

use serde::{Deserialize, Serialize};

use crate::{DriverId, FleetId, RideId, Timestamp, VehicleId, VehicleState};

/// Where a ride stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A vehicle drives to the pickup.
    ToPickup,
    /// The vehicle waits at the pickup.
    Waiting,
    /// The rider is on board.
    OnTrip,
    /// The rider was dropped off.
    Completed,
    /// The ride was called off.
    Cancelled,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 5] = [
        Self::ToPickup,
        Self::Waiting,
        Self::OnTrip,
        Self::Completed,
        Self::Cancelled,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToPickup => "to_pickup",
            Self::Waiting => "waiting",
            Self::OnTrip => "on_trip",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing moves the ride any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// A ride as the live API shows it. All of it follows from the stream: times are the device's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RideProgress {
    /// The fleet.
    #[schema(value_type = String)]
    pub fleet_id: FleetId,
    /// The ride.
    #[schema(value_type = String)]
    pub ride_id: RideId,
    /// The vehicle that serves it.
    #[schema(value_type = String)]
    pub vehicle_id: VehicleId,
    /// Who drives, if known.
    #[schema(value_type = Option<String>)]
    pub driver_id: Option<DriverId>,
    /// Grows with every change of this ride; a lower one never replaces a higher one.
    pub version: u64,
    /// Where the ride stands.
    pub phase: Phase,
    /// When the phase began, Unix ms UTC.
    #[schema(value_type = i64)]
    pub phase_since_ms: Timestamp,
    /// The newest fix or event that this follows from, Unix ms UTC.
    #[schema(value_type = i64)]
    pub as_of_ms: Timestamp,
    /// The vehicle's latitude, degrees.
    pub lat: Option<f64>,
    /// The vehicle's longitude, degrees.
    pub lng: Option<f64>,
    /// Travelled in this phase, m.
    pub travelled_m: f64,
    /// Left to the pickup or the drop-off, m: along the route if there is one, else by the crow.
    pub remaining_m: Option<f64>,
    /// Share of the way that lies behind, 0 to 1.
    pub fraction: Option<f64>,
    /// When the vehicle arrives at the pickup or the drop-off, Unix ms UTC: the median, so that it is as
    /// likely later as sooner. It stands until it is clearly wrong or half a minute old.
    #[schema(value_type = Option<i64>)]
    pub eta_ms: Option<Timestamp>,
    /// Of 10 arrivals 1 is sooner than this, Unix ms UTC. Not later than `eta_ms`.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub eta_p10_ms: Option<Timestamp>,
    /// Of 10 arrivals 1 is later than this, Unix ms UTC. Not sooner than `eta_ms`.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub eta_p90_ms: Option<Timestamp>,
    /// Seconds from `as_of_ms` to `eta_ms`.
    pub eta_s: Option<f64>,
    /// Whether the vehicle has left the planned route.
    pub off_route: bool,
    /// Since when it has not moved away from the destination, Unix ms UTC.
    #[schema(value_type = Option<i64>)]
    pub stalled_since_ms: Option<Timestamp>,
    /// From then on all of this is stale, unless a ping comes before, Unix ms UTC: three times the
    /// vehicle's usual time between two pings has passed, 10 s at least and 10 min at most. None before it
    /// was seen twice, and for a ride that is over.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub stale_after_ms: Option<Timestamp>,
}

/// A vehicle as the live API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VehiclePosition {
    /// The fleet.
    #[schema(value_type = String)]
    pub fleet_id: FleetId,
    /// The vehicle.
    #[schema(value_type = String)]
    pub vehicle_id: VehicleId,
    /// Who drives, if known.
    #[schema(value_type = Option<String>)]
    pub driver_id: Option<DriverId>,
    /// The ride it serves now.
    #[schema(value_type = Option<String>)]
    pub ride_id: Option<RideId>,
    /// Grows with every change of this vehicle.
    pub version: u64,
    /// Time of the fix, Unix ms UTC.
    #[schema(value_type = i64)]
    pub time_ms: Timestamp,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lng: f64,
    /// Speed over ground, m/s.
    pub speed_mps: Option<f64>,
    /// Clockwise from north, degrees.
    pub heading_deg: Option<f64>,
    /// Horizontal accuracy, m.
    pub accuracy_m: Option<f64>,
    /// The vehicle's state as the app told it.
    pub state: VehicleState,
}
