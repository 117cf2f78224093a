//! What happens to a ride between its assignment and its end.
//! The phases that follow from it are the processor's.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Coordinate, DriverId, FleetId, RideId, Timestamp, VehicleId};

/// Something that happened to a ride. Fleet, ride, kind and time name it for ever.
#[derive(Debug, Clone, PartialEq)]
pub struct RideEvent {
    /// The fleet.
    pub fleet: FleetId,
    /// The ride, within the fleet.
    pub ride: RideId,
    /// The vehicle that serves it.
    pub vehicle: VehicleId,
    /// Who drives, if known.
    pub driver: Option<DriverId>,
    /// When it happened, by the app's clock.
    pub time: Timestamp,
    /// When ingest received it.
    pub received_at: Timestamp,
    /// What happened.
    pub kind: RideEventKind,
}

/// What happened to a ride. A route is an encoded polyline of precision 6, checked at the door.
#[derive(Debug, Clone, PartialEq)]
pub enum RideEventKind {
    /// A vehicle was sent to the rider.
    Assigned {
        /// Where the rider waits.
        pickup: Coordinate,
        /// Where the rider wants to go.
        dropoff: Coordinate,
        /// The planned way from pickup to drop-off.
        route: Option<Arc<str>>,
    },
    /// The vehicle stands at the pickup.
    Arrived,
    /// The rider is on board.
    PickedUp,
    /// The destination or the way changed.
    Rerouted {
        /// Where the rider wants to go now.
        dropoff: Coordinate,
        /// The planned way from here to there.
        route: Option<Arc<str>>,
    },
    /// The ride is over.
    DroppedOff {
        /// What it cost.
        fare: Option<Money>,
    },
    /// The ride is off.
    Cancelled {
        /// By whom.
        by: CancelledBy,
    },
}

impl RideEventKind {
    /// The kind's name on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "assigned",
            Self::Arrived => "arrived",
            Self::PickedUp => "picked_up",
            Self::Rerouted { .. } => "rerouted",
            Self::DroppedOff { .. } => "dropped_off",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// Who called a ride off.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// Not told.
    #[default]
    Unspecified,
    /// The rider.
    Rider,
    /// The driver.
    Driver,
    /// The dispatcher.
    Dispatch,
}

impl CancelledBy {
    /// Every one, in the order of its Protobuf number.
    pub const ALL: [Self; 4] = [Self::Unspecified, Self::Rider, Self::Driver, Self::Dispatch];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Rider => "rider",
            Self::Driver => "driver",
            Self::Dispatch => "dispatch",
        }
    }
}

/// An amount of money in the smallest unit of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Cents, pence, yen.
    pub minor_units: i64,
    /// ISO 4217, three capital letters.
    pub currency: Currency,
}

/// A currency by its ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Takes three capital letters, else None.
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(bytes))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::new(&code).ok_or("a currency is three capital letters (ISO 4217)")
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}
