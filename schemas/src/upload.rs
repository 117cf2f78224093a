//! What clients upload as JSON: a ping, a ride event. One parse, one check, and it is a domain type.
//! Limits of age and rate are ingest's; they need a clock.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

use crate::{
    Accuracy, Altitude, CancelledBy, Coordinate, Heading, Money, Ping, PingName, Protocol,
    Rejection, RideEvent, RideEventKind, RideId, Speed, Timestamp, VehicleState, id,
    id::{Id, InvalidId},
    ride_event::{Currency, PlannedRoute},
};

/// One position fix as `POST /v1/pings` takes it. Unknown fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PingUpload {
    /// The fleet; `default` if missing.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    fleet_id: Option<IdText<id::Fleet>>,
    /// The vehicle, unique within the fleet.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    vehicle_id: IdText<id::Vehicle>,
    /// Who drives.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    driver_id: Option<IdText<id::Driver>>,
    /// The ride that the app believes it is on.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    ride_id: Option<IdText<id::Ride>>,
    /// When the device started counting: any number that grows at each restart of its counter.
    /// With `seq` or not at all.
    epoch: Option<u64>,
    /// Counts from there. Without both: epoch 0, and seq is `time_ms`.
    seq: Option<u64>,
    /// Time of the fix by the device, Unix ms UTC.
    time_ms: i64,
    /// Latitude, degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
    /// Speed over ground, m/s.
    #[schema(minimum = 0, maximum = 150)]
    speed_mps: Option<f64>,
    /// Clockwise from north, degrees.
    #[schema(minimum = 0, maximum = 360)]
    heading_deg: Option<f64>,
    /// Horizontal accuracy (68 %), m.
    #[schema(minimum = 0, maximum = 100_000)]
    accuracy_m: Option<f64>,
    /// Above the WGS84 ellipsoid, m.
    #[schema(minimum = -1_000, maximum = 20_000)]
    altitude_m: Option<f64>,
    /// The vehicle's state by MDS.
    #[serde(default)]
    state: VehicleState,
}

impl PingUpload {
    /// Checks the upload and names the ping.
    ///
    /// # Errors
    /// [`Rejection`] by what is wrong with it.
    pub fn check(self, received_at: Timestamp, protocol: Protocol) -> Result<Ping, Rejection> {
        Ok(Ping {
            fleet: checked(self.fleet_id)?.unwrap_or_default(),
            vehicle: self.vehicle_id.check()?,
            driver: checked(self.driver_id)?,
            ride: checked(self.ride_id)?,
            name: ping_name(self.epoch, self.seq, Timestamp(self.time_ms))?,
            time: Timestamp(self.time_ms),
            position: Coordinate::from_degrees(self.lat, self.lng)?,
            speed: in_range(self.speed_mps, Speed::from_mps)?,
            heading: in_range(self.heading_deg, Heading::from_degrees)?,
            accuracy: in_range(self.accuracy_m, Accuracy::from_meters)?,
            altitude: in_range(self.altitude_m, Altitude::from_meters)?,
            state: self.state,
            received_at,
            protocol,
        })
    }
}

/// Names a ping: by its counter if the client has one, else by its time.
fn ping_name(epoch: Option<u64>, seq: Option<u64>, time: Timestamp) -> Result<PingName, Rejection> {
    match (epoch, seq) {
        (Some(epoch), Some(seq)) => PingName::of_counter(epoch, seq),
        (None, None) => Ok(PingName::of_time(time)),
        (None, Some(_)) | (Some(_), None) => Err(Rejection::UnpairedName),
    }
}

/// Something that happened to a ride, as `POST /v1/rides/{ride_id}/events` takes it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RideEventUpload {
    /// The fleet; `default` if missing.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    fleet_id: Option<IdText<id::Fleet>>,
    /// The vehicle that serves the ride.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    vehicle_id: IdText<id::Vehicle>,
    /// Who drives.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    driver_id: Option<IdText<id::Driver>>,
    /// When it happened, Unix ms UTC.
    time_ms: i64,
    /// What happened.
    #[serde(flatten)]
    kind: RideEventKindUpload,
}

/// What happened to a ride.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RideEventKindUpload {
    /// A vehicle was sent to the rider.
    Assigned {
        /// Where the rider waits.
        pickup: Place,
        /// Where the rider wants to go.
        dropoff: Place,
        /// The planned way from pickup to drop-off: encoded polyline, precision 6.
        route: Option<String>,
        /// How long the whole route takes by the plan, s. Only with `route`.
        #[schema(minimum = 1, maximum = 172_800)]
        route_duration_s: Option<f64>,
    },
    /// The vehicle stands at the pickup.
    Arrived,
    /// The rider is on board.
    PickedUp,
    /// The destination or the way changed.
    Rerouted {
        /// Where the rider wants to go now.
        dropoff: Place,
        /// The planned way from here to there: encoded polyline, precision 6.
        route: Option<String>,
        /// How long the whole route takes by the plan, s. Only with `route`.
        #[schema(minimum = 1, maximum = 172_800)]
        route_duration_s: Option<f64>,
    },
    /// The ride is over.
    DroppedOff {
        /// What it cost.
        fare: Option<Fare>,
    },
    /// The ride is off.
    Cancelled {
        /// By whom.
        #[serde(default)]
        by: CancelledBy,
    },
}

/// A place in degrees.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
struct Place {
    /// Latitude, degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
}

/// An amount of money.
#[derive(Debug, Clone, Deserialize, ToSchema)]
struct Fare {
    /// Cents, pence, yen.
    minor_units: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

impl RideEventUpload {
    /// Checks the upload; `ride_id` comes from the request's path.
    ///
    /// # Errors
    /// [`Rejection`] by what is wrong with it.
    pub fn check(self, ride: RideId, received_at: Timestamp) -> Result<RideEvent, Rejection> {
        Ok(RideEvent {
            fleet: checked(self.fleet_id)?.unwrap_or_default(),
            ride,
            vehicle: self.vehicle_id.check()?,
            driver: checked(self.driver_id)?,
            time: Timestamp(self.time_ms),
            received_at,
            kind: self.kind.check()?,
        })
    }
}

impl RideEventKindUpload {
    fn check(self) -> Result<RideEventKind, Rejection> {
        Ok(match self {
            Self::Assigned {
                pickup,
                dropoff,
                route,
                route_duration_s,
            } => RideEventKind::Assigned {
                pickup: pickup.check()?,
                dropoff: dropoff.check()?,
                route: PlannedRoute::check(route.as_deref(), route_duration_s)?,
            },
            Self::Arrived => RideEventKind::Arrived,
            Self::PickedUp => RideEventKind::PickedUp,
            Self::Rerouted {
                dropoff,
                route,
                route_duration_s,
            } => RideEventKind::Rerouted {
                dropoff: dropoff.check()?,
                route: PlannedRoute::check(route.as_deref(), route_duration_s)?,
            },
            Self::DroppedOff { fare } => RideEventKind::DroppedOff {
                fare: fare.map(Fare::check).transpose()?,
            },
            Self::Cancelled { by } => RideEventKind::Cancelled { by },
        })
    }
}

impl Place {
    fn check(self) -> Result<Coordinate, Rejection> {
        Ok(Coordinate::from_degrees(self.lat, self.lng)?)
    }
}

impl Fare {
    fn check(self) -> Result<Money, Rejection> {
        let currency = Currency::new(&self.currency).ok_or(Rejection::InvalidCurrency)?;
        Ok(Money {
            minor_units: self.minor_units,
            currency,
        })
    }
}

/// An id as uploaded: any text parses, so that a bad id is told from a field of the wrong type.
#[derive(Debug)]
struct IdText<Kind>(Result<Id<Kind>, InvalidId>);

impl<Kind> IdText<Kind> {
    fn check(self) -> Result<Id<Kind>, Rejection> {
        self.0.map_err(|InvalidId| Rejection::InvalidId)
    }
}

impl<'de, Kind> Deserialize<'de> for IdText<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<Kind>(PhantomData<fn() -> Kind>);
        impl<Kind> de::Visitor<'_> for Visitor<Kind> {
            type Value = IdText<Kind>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id as a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<IdText<Kind>, E> {
                Ok(IdText(Id::new(text)))
            }
        }
        deserializer.deserialize_str(Visitor(PhantomData))
    }
}

fn checked<Kind>(text: Option<IdText<Kind>>) -> Result<Option<Id<Kind>>, Rejection> {
    text.map(IdText::check).transpose()
}

fn in_range<Unit>(
    value: Option<f64>,
    check: impl Fn(f64) -> Option<Unit>,
) -> Result<Option<Unit>, Rejection> {
    value
        .map(|value| check(value).ok_or(Rejection::OutOfRange))
        .transpose()
}
