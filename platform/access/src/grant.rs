//! What a credential allows. Whether a request keeps to it is for the services to see.

use serde::{Deserialize, Serialize};

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Send pings and ride events.
    Write,
    /// Ask the live API.
    Read,
}

impl Right {
    /// How a token's `scope` names it.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Write => "hansom:write",
            Self::Read => "hansom:read",
        }
    }
}

/// What whoever shows a credential may do, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who it is, for the log of refusals: the id of a key, or the subject of a token.
    pub holder: String,
    /// The fleet; None where everything is allowed to everybody.
    pub fleet: Option<String>,
    /// Which part of the fleet.
    pub within: Within,
}

/// Which part of a fleet a credential is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// All of it.
    Whole,
    /// One vehicle, by its id.
    Vehicle(String),
    /// What one driver drives, by the driver's id.
    Driver(String),
    /// One ride, by its id.
    Ride(String),
}

impl Grant {
    /// Everything, for everybody.
    pub(crate) fn everything() -> Self {
        Self {
            holder: "anybody".to_owned(),
            fleet: None,
            within: Within::Whole,
        }
    }
}

/// The part of a fleet as keys and tokens name it: at most one of them.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ride: Option<String>,
}

impl Part {
    /// The part that is named; None where several are, of which nobody can say what they mean.
    pub(crate) fn within(self) -> Option<Within> {
        match (self.vehicle, self.driver, self.ride) {
            (None, None, None) => Some(Within::Whole),
            (Some(vehicle), None, None) => Some(Within::Vehicle(vehicle)),
            (None, Some(driver), None) => Some(Within::Driver(driver)),
            (None, None, Some(ride)) => Some(Within::Ride(ride)),
            _ => None,
        }
    }
}
