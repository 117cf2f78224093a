//! Whose rows are erased, and which rows these are. Pure: who is held by law, and what a row has to do
//! with the subject, is decided here.

use std::{fmt, str::FromStr};

use anyhow::Context as _;
use schemas::{DriverId, FleetId, RideId, Timestamp, VehicleId};

/// A driver or a ride of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Driver(FleetId, DriverId),
    Ride(FleetId, RideId),
}

impl Subject {
    /// Reads `FLEET/ID` of a kind: `driver` or `ride`.
    pub(crate) fn parse(kind: &str, text: &str) -> anyhow::Result<Self> {
        let (fleet, id) = text.split_once('/').context("an id is like FLEET/ID")?;
        let fleet = FleetId::from_str(fleet).context("the fleet")?;
        match kind {
            "driver" => Ok(Self::Driver(fleet, id.parse().context("the driver")?)),
            "ride" => Ok(Self::Ride(fleet, id.parse().context("the ride")?)),
            _ => anyhow::bail!("{kind:?} is neither driver nor ride"),
        }
    }

    /// `driver` or `ride`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Driver(..) => "driver",
            Self::Ride(..) => "ride",
        }
    }

    /// The id within the fleet.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Driver(_, id) => id.as_str(),
            Self::Ride(_, id) => id.as_str(),
        }
    }

    fn is_of(&self, row: &RowIds) -> bool {
        match *self {
            Self::Driver(fleet, driver) => (row.fleet, row.driver) == (fleet, Some(driver)),
            Self::Ride(fleet, ride) => (row.fleet, row.ride) == (fleet, Some(ride)),
        }
    }
}

/// `FLEET/ID`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver(fleet, id) => write!(f, "{fleet}/{id}"),
            Self::Ride(fleet, id) => write!(f, "{fleet}/{id}"),
        }
    }
}

/// What a row says of who was where and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowIds {
    pub(crate) fleet: FleetId,
    pub(crate) vehicle: VehicleId,
    pub(crate) driver: Option<DriverId>,
    pub(crate) ride: Option<RideId>,
    pub(crate) time: Timestamp,
}

/// When a vehicle was on the ride, whether its pings say so or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drive {
    pub(crate) vehicle: VehicleId,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// Somebody, and where they were when no row says so by name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Party {
    pub(crate) subject: Subject,
    /// Of a ride: its drives.
    pub(crate) drives: Vec<Drive>,
}

/// All that tells which rows are meant.
#[derive(Debug, Clone)]
pub(crate) struct Sought {
    pub(crate) party: Party,
    /// Who must not be touched.
    pub(crate) held: Vec<Party>,
}

/// What a row has to do with who is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Nothing.
    None,
    /// It is one of theirs.
    Theirs,
    /// It is one of theirs, and held by law.
    Held,
}

impl Sought {
    /// What a row has to do with them.
    pub(crate) fn relation(&self, row: &RowIds) -> Relation {
        if !self.party.has(row) {
            Relation::None
        } else if self.held.iter().any(|held| held.has(row)) {
            Relation::Held
        } else {
            Relation::Theirs
        }
    }
}

impl Party {
    /// Whether a row names them, or shows where the ride's vehicle was during the ride and names no
    /// ride at all.
    fn has(&self, row: &RowIds) -> bool {
        self.subject.is_of(row) || self.is_on_drive(row)
    }

    fn is_on_drive(&self, row: &RowIds) -> bool {
        let Subject::Ride(fleet, _) = self.subject else {
            return false;
        };
        let is_then = |drive: &Drive| {
            drive.vehicle == row.vehicle && (drive.from..=drive.to).contains(&row.time)
        };
        row.fleet == fleet && row.ride.is_none() && self.drives.iter().any(is_then)
    }

    /// Notes that the vehicle was on the ride between two moments.
    pub(crate) fn extend(&mut self, vehicle: VehicleId, (from, to): (Timestamp, Timestamp)) {
        let known = self
            .drives
            .iter_mut()
            .find(|drive| drive.vehicle == vehicle);
        match known {
            Some(drive) => {
                drive.from = drive.from.min(from);
                drive.to = drive.to.max(to);
            }
            None => self.drives.push(Drive { vehicle, from, to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(driver: Option<&str>, ride: Option<&str>, time: i64) -> RowIds {
        RowIds {
            fleet: "f".parse().unwrap(),
            vehicle: "v".parse().unwrap(),
            driver: driver.map(|id| id.parse().unwrap()),
            ride: ride.map(|id| id.parse().unwrap()),
            time: Timestamp(time),
        }
    }

    fn sought(kind: &str, id: &str, held: &[(&str, &str)]) -> Sought {
        let subject = |kind: &str, id: &str| Subject::parse(kind, id).unwrap();
        let party = |kind: &str, id: &str| {
            let mut party = Party {
                subject: subject(kind, id),
                drives: Vec::new(),
            };
            party.extend("v".parse().unwrap(), (Timestamp(12), Timestamp(20)));
            party.extend("v".parse().unwrap(), (Timestamp(10), Timestamp(11)));
            party
        };
        Sought {
            party: party(kind, id),
            held: held.iter().map(|(kind, id)| party(kind, id)).collect(),
        }
    }

    #[test]
    fn a_driver_is_found_by_fleet_and_id_alone() {
        let driver = sought("driver", "f/d", &[]);
        assert_eq!(driver.relation(&row(Some("d"), None, 0)), Relation::Theirs);
        assert_eq!(driver.relation(&row(Some("e"), None, 0)), Relation::None);
        assert_eq!(driver.relation(&row(None, None, 15)), Relation::None);
        let other = sought("driver", "g/d", &[]);
        assert_eq!(other.relation(&row(Some("d"), None, 0)), Relation::None);
    }

    #[test]
    fn a_ride_is_what_names_it_and_what_its_vehicle_did_meanwhile() {
        let ride = sought("ride", "f/r", &[]);
        assert_eq!(ride.relation(&row(None, Some("r"), 99)), Relation::Theirs);
        assert_eq!(ride.relation(&row(None, None, 15)), Relation::Theirs);
        assert_eq!(ride.relation(&row(None, None, 21)), Relation::None);
        // Who shares the vehicle has a ride of their own.
        assert_eq!(ride.relation(&row(None, Some("s"), 15)), Relation::None);
    }

    #[test]
    fn what_is_held_is_held_whoever_is_erased() {
        let held = sought("ride", "f/r", &[("driver", "f/d")]);
        assert_eq!(held.relation(&row(Some("d"), Some("r"), 0)), Relation::Held);
        assert_eq!(
            held.relation(&row(Some("e"), Some("r"), 0)),
            Relation::Theirs
        );
        let driver = sought("driver", "f/d", &[("ride", "f/r")]);
        assert_eq!(
            driver.relation(&row(Some("d"), Some("r"), 0)),
            Relation::Held
        );
        assert_eq!(driver.relation(&row(Some("d"), None, 0)), Relation::Theirs);
        // During a ride that is held, also what does not name it is.
        assert_eq!(driver.relation(&row(Some("d"), None, 15)), Relation::Held);
        let itself = sought("ride", "f/r", &[("ride", "f/r")]);
        assert_eq!(itself.relation(&row(None, None, 15)), Relation::Held);
    }

    #[test]
    fn an_id_has_a_fleet() {
        for text in ["", "r", "f/", "/r", "f/r x"] {
            assert!(Subject::parse("ride", text).is_err(), "{text}");
        }
        assert!(Subject::parse("rider", "f/r").is_err());
    }
}
