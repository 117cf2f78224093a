//! A position fix as an app tells it, in our units, and the ping it becomes.
//! How it was written is each protocol's business.

use schemas::{
    Accuracy, Altitude, Coordinate, DriverId, FleetId, Heading, Ping, PingName, Protocol,
    Rejection, Speed, Timestamp, VehicleId, VehicleState,
};
use twox_hash::XxHash3_64;

use super::parameters::Parameters;
use crate::upload::ItemRejection;

/// What an app told.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Where it is.
    Fix(Box<Fix>),
    /// Anything else: that it lives, that it has no satellites, a waypoint.
    NoFix,
}

/// A position fix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fix {
    pub(crate) vehicle: VehicleId,
    pub(crate) driver: Option<DriverId>,
    pub(crate) name: PingName,
    pub(crate) time: Timestamp,
    pub(crate) position: Coordinate,
    pub(crate) motion: Motion,
}

/// What may be known of a fix besides its position. What an app does not know, it writes as -1 or
/// 0 or not at all: a value out of range is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Motion {
    pub(crate) speed: Option<Speed>,
    pub(crate) heading: Option<Heading>,
    pub(crate) accuracy: Option<Accuracy>,
    pub(crate) altitude: Option<Altitude>,
}

impl Fix {
    /// A ping of it.
    pub(crate) fn into_ping(
        self,
        fleet: FleetId,
        (received_at, protocol): (Timestamp, Protocol),
    ) -> Ping {
        Ping {
            fleet,
            vehicle: self.vehicle,
            driver: self.driver,
            ride: None,
            name: self.name,
            time: self.time,
            position: self.position,
            speed: self.motion.speed,
            heading: self.motion.heading,
            accuracy: self.motion.accuracy,
            altitude: self.motion.altitude,
            state: VehicleState::Unspecified,
            received_at,
            protocol,
        }
    }
}

impl Motion {
    /// Takes m/s, degrees, metres and metres.
    pub(crate) fn new(
        speed: Option<f64>,
        heading: Option<f64>,
        accuracy: Option<f64>,
        altitude: Option<f64>,
    ) -> Self {
        // No receiver is exact: an accuracy of 0 is one that is not known.
        let accuracy = accuracy.and_then(Accuracy::from_meters);
        Self {
            speed: speed.and_then(Speed::from_mps),
            heading: heading.and_then(Heading::from_degrees),
            accuracy: accuracy.filter(|accuracy| accuracy.dm() > 0),
            altitude: altitude.and_then(Altitude::from_meters),
        }
    }
}

/// The vehicle that a request names.
///
/// # Errors
/// [`Rejection::InvalidId`] for none, too.
pub(crate) fn vehicle(id: Option<&str>) -> Result<VehicleId, ItemRejection> {
    let Some(id) = id else {
        let detail = "the request names no vehicle: set the app's device id";
        return Err(ItemRejection::new(Rejection::InvalidId, detail.to_owned()));
    };
    VehicleId::new(id).map_err(|error| {
        ItemRejection::new(
            Rejection::InvalidId,
            format!("the app's device id: {error}"),
        )
    })
}

/// The position in parameters; None if both halves are missing.
///
/// # Errors
/// [`Rejection`] for half a position, and one that is none.
pub(crate) fn position(
    parameters: &Parameters,
    lat_names: &[&str],
    lng_names: &[&str],
) -> Result<Option<Coordinate>, ItemRejection> {
    match (parameters.get(lat_names), parameters.get(lng_names)) {
        (None, None) => Ok(None),
        (Some(lat), Some(lng)) => coordinate(lat, lng).map(Some),
        (Some(_), None) | (None, Some(_)) => Err(Rejection::WrongShape.into()),
    }
}

/// A position written as two numbers.
///
/// # Errors
/// [`Rejection`] by what is wrong.
pub(crate) fn coordinate(lat: &str, lng: &str) -> Result<Coordinate, ItemRejection> {
    let (Ok(lat), Ok(lng)) = (lat.trim().parse(), lng.trim().parse()) else {
        let detail = "latitude and longitude must be numbers of degrees";
        return Err(ItemRejection::new(Rejection::WrongShape, detail.to_owned()));
    };
    degrees(lat, lng)
}

/// A position in degrees.
///
/// # Errors
/// [`Rejection`] for one that is none.
pub(crate) fn degrees(lat: f64, lng: f64) -> Result<Coordinate, ItemRejection> {
    let position = Coordinate::from_degrees(lat, lng).map_err(Rejection::from)?;
    Ok(position)
}

/// The time that a text tells.
///
/// # Errors
/// [`Rejection::WrongShape`]: a wrong time would be a lie, unlike an unknown speed.
pub(crate) fn time(text: &str) -> Result<Timestamp, ItemRejection> {
    super::moment::moment(text).ok_or_else(|| {
        let detail = "the time must be Unix s or ms, ISO 8601, or yyyy-MM-dd HH:mm:ss";
        ItemRejection::new(Rejection::WrongShape, detail.to_owned())
    })
}

/// The epoch of names made of a time and a uuid.
const UUID_EPOCH: u64 = 1;
/// Bits of a uuid's hash in a name. Beside them there is room for a time until 2248.
const UUID_BITS: u32 = 20;

/// Names a fix by its time and the uuid that its app gave it.
///
/// A name must be the same whenever the fix is sent, alone or in whatever batch, so it is made of
/// the fix alone; two fixes of one millisecond must differ, so the uuid is in it; and memory of
/// what was seen forgets the lowest names first, so the time comes first: `seq` is the time in ms
/// times 2^20, plus 20 bits of the uuid's hash. Two fixes of one millisecond have one name with a
/// chance of one in a million. The epoch is not 0, in which `seq` is a time in ms. Like all names
/// with holes, these are remembered one by one: of a vehicle its last 1,024.
pub(crate) fn name_by_uuid(time: Timestamp, uuid: &str) -> PingName {
    let ms = time.0.clamp(0, (1 << (63 - UUID_BITS)) - 1) as u64;
    let hash = XxHash3_64::oneshot(uuid.as_bytes()) >> (64 - UUID_BITS);
    PingName {
        epoch: UUID_EPOCH,
        seq: ms << UUID_BITS | hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_an_app_does_not_know_is_none() {
        let unknown = Motion::new(Some(-1.0), Some(-1.0), Some(0.0), Some(f64::NAN));
        assert_eq!(unknown, Motion::default());
        let unknown = Motion::new(Some(151.0), Some(360.5), Some(-5.0), Some(1e6));
        assert_eq!(unknown, Motion::default());
    }

    #[test]
    fn a_name_by_uuid_is_for_ever() {
        let name = name_by_uuid(Timestamp(1_700_000_000_000), "f3a1");
        assert_eq!((name.epoch, name.seq), (1, 1_782_579_200_000_146_191));
    }

    proptest! {
        #[test]
        fn names_by_uuid_are_in_the_order_of_time(a: i64, b: i64, one: String, other: String) {
            let (a, b) = (a.clamp(0, 1 << 42), b.clamp(0, 1 << 42));
            let (first, second) = (name_by_uuid(Timestamp(a), &one), name_by_uuid(Timestamp(b), &other));
            prop_assert!(a == b || (a < b) == (first < second));
            prop_assert_eq!(PingName::of_counter(first.epoch, first.seq), Ok(first));
        }

        #[test]
        fn every_name_fits(time: i64, uuid: String) {
            let name = name_by_uuid(Timestamp(time), &uuid);
            prop_assert_eq!(PingName::of_counter(name.epoch, name.seq), Ok(name));
        }
    }
}
