//! A ride event as the JSON object that `POST /v1/rides/{ride_id}/events` takes.

use anyhow::Context;
use bytes::Bytes;
use schemas::{Coordinate, FleetId, Money, PlannedRoute, RideEvent, RideEventKind, RideId};
use serde::Serialize;

/// A ride event ready to be posted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EventPost {
    pub ride: RideId,
    pub body: Bytes,
}

impl EventPost {
    pub(super) fn new(event: &RideEvent) -> anyhow::Result<Self> {
        let body = Body {
            fleet_id: (event.fleet != FleetId::default()).then_some(event.fleet.as_str()),
            vehicle_id: event.vehicle.as_str(),
            driver_id: event.driver.as_ref().map(schemas::DriverId::as_str),
            time_ms: event.time.0,
            kind: Kind::from(&event.kind),
        };
        let body = serde_json::to_vec(&body).context("write a ride event")?;
        Ok(Self {
            ride: event.ride,
            body: Bytes::from(body),
        })
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet_id: Option<&'a str>,
    vehicle_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_id: Option<&'a str>,
    time_ms: i64,
    #[serde(flatten)]
    kind: Kind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Assigned {
        pickup: Place,
        dropoff: Place,
        #[serde(flatten)]
        route: Option<Route<'a>>,
    },
    Arrived,
    PickedUp,
    Rerouted {
        dropoff: Place,
        #[serde(flatten)]
        route: Option<Route<'a>>,
    },
    DroppedOff {
        fare: Option<Fare<'a>>,
    },
    Cancelled {
        by: &'static str,
    },
}

#[derive(Serialize)]
struct Place {
    lat: f64,
    lng: f64,
}

#[derive(Serialize)]
struct Route<'a> {
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_duration_s: Option<u32>,
}

#[derive(Serialize)]
struct Fare<'a> {
    minor_units: i64,
    currency: &'a str,
}

impl<'a> From<&'a RideEventKind> for Kind<'a> {
    fn from(kind: &'a RideEventKind) -> Self {
        match kind {
            RideEventKind::Assigned {
                pickup,
                dropoff,
                route,
            } => Self::Assigned {
                pickup: Place::from(*pickup),
                dropoff: Place::from(*dropoff),
                route: route.as_ref().map(Route::from),
            },
            RideEventKind::Arrived => Self::Arrived,
            RideEventKind::PickedUp => Self::PickedUp,
            RideEventKind::Rerouted { dropoff, route } => Self::Rerouted {
                dropoff: Place::from(*dropoff),
                route: route.as_ref().map(Route::from),
            },
            RideEventKind::DroppedOff { fare } => Self::DroppedOff {
                fare: fare.as_ref().map(Fare::from),
            },
            RideEventKind::Cancelled { by } => Self::Cancelled { by: by.as_str() },
        }
    }
}

impl From<Coordinate> for Place {
    fn from(coordinate: Coordinate) -> Self {
        Self {
            lat: coordinate.lat(),
            lng: coordinate.lng(),
        }
    }
}

impl<'a> From<&'a PlannedRoute> for Route<'a> {
    fn from(route: &'a PlannedRoute) -> Self {
        Self {
            route: &route.way,
            route_duration_s: route.duration_s(),
        }
    }
}

impl<'a> From<&'a Money> for Fare<'a> {
    fn from(money: &'a Money) -> Self {
        Self {
            minor_units: money.minor_units,
            currency: money.currency.as_str(),
        }
    }
}
