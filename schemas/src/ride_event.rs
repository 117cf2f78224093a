//! What happens to a ride between its assignment and its end.
//! The phases that follow from it are the processor's.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Coordinate, DriverId, FleetId, Rejection, RideId, Timestamp, VehicleId, polyline};

/// What a planned way may take by its plan, s.
const ROUTE_S: std::ops::RangeInclusive<f64> = 1.0..=172_800.0;

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

/// What happened to a ride.
#[derive(Debug, Clone, PartialEq)]
pub enum RideEventKind {
    /// A vehicle was sent to the rider.
    Assigned {
        /// Where the rider waits.
        pickup: Coordinate,
        /// Where the rider wants to go.
        dropoff: Coordinate,
        /// The planned way from pickup to drop-off.
        route: Option<PlannedRoute>,
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
        route: Option<PlannedRoute>,
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

/// A planned way, and how long it takes by the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRoute {
    /// An encoded polyline of precision 6, checked at the door.
    pub way: Arc<str>,
    /// How long the whole of it takes, in seconds of 1 to 172,800; None if the plan does not say.
    pub duration: Option<Duration>,
}

impl PlannedRoute {
    /// Checks what an event says of a way; None if it says nothing.
    ///
    /// # Errors
    /// [`Rejection`] for a way that does not decode, and for a duration that is out of its range or
    /// comes without a way.
    pub fn check(way: Option<&str>, duration_s: Option<f64>) -> Result<Option<Self>, Rejection> {
        let Some(way) = way else {
            return match duration_s {
                Some(_) => Err(Rejection::InvalidRouteDuration),
                None => Ok(None),
            };
        };
        polyline::decode(way).map_err(|_| Rejection::InvalidRoute)?;
        let is_possible = |seconds: &f64| ROUTE_S.contains(seconds);
        if !duration_s.iter().all(is_possible) {
            return Err(Rejection::InvalidRouteDuration);
        }
        Ok(Some(Self {
            way: way.into(),
            duration: duration_s.map(|seconds| Duration::from_secs(seconds.round() as u64)),
        }))
    }

    /// Its duration in seconds, as it travels.
    pub fn duration_s(&self) -> Option<u32> {
        let seconds = self.duration?.as_secs();
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

impl From<String> for PlannedRoute {
    /// A way of which the plan does not say how long it takes.
    fn from(way: String) -> Self {
        let way = way.into();
        Self {
            way,
            duration: None,
        }
    }
}

impl From<&str> for PlannedRoute {
    /// A way of which the plan does not say how long it takes.
    fn from(way: &str) -> Self {
        way.to_owned().into()
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

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: &str = "_p~iF~ps|U_ulLnnqC";

    fn check(way: Option<&str>, duration_s: Option<f64>, expected: Result<Option<u32>, Rejection>) {
        let planned = PlannedRoute::check(way, duration_s);
        let seconds = planned.map(|planned| planned.and_then(|planned| planned.duration_s()));
        assert_eq!(seconds, expected, "{way:?} {duration_s:?}");
    }

    #[test]
    fn a_planned_duration_is_of_a_route_and_within_two_days() {
        check(None, None, Ok(None));
        check(Some(WAY), None, Ok(None));
        check(Some(WAY), Some(1.0), Ok(Some(1)));
        check(Some(WAY), Some(754.4), Ok(Some(754)));
        check(Some(WAY), Some(172_800.0), Ok(Some(172_800)));
        let refused = Err(Rejection::InvalidRouteDuration);
        check(None, Some(600.0), refused);
        for seconds in [0.0, 0.99, -5.0, 172_800.1, f64::NAN, f64::INFINITY] {
            check(Some(WAY), Some(seconds), refused);
        }
        check(Some("?"), Some(600.0), Err(Rejection::InvalidRoute));
    }
}
