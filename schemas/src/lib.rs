//! What travels on the stream and what is stored: types with units, codecs, and limits.
//! Pure data: no I/O, no clock, no async, no logging.
//!
//! The path of one ping through these types: a client's [`upload::PingUpload`] (JSON) or
//! [`proto::Ping`] (Protobuf) is checked once and becomes a [`Ping`]; inside a [`Record`] it is
//! encoded for the stream; the processor turns pings and [`RideEvent`]s into [`RideProgress`] and
//! [`Trip`]s; the archiver writes all of them as rows. For agencies, [`mds`] makes a vehicle's states and
//! events of them.

pub mod countdown;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
pub mod id;
pub mod json_schema;
pub mod kept;
pub mod mds;
pub mod ping;
pub mod polyline;
pub mod progress;
pub mod record;
pub mod regulators;
pub mod rejection;
pub mod ride_event;
pub mod seen;
pub mod trip;
pub mod units;
pub mod upload;

/// The Protobuf messages, generated from `proto/hansom.proto`.
#[expect(missing_docs, reason = "generated code")]
#[allow(clippy::all, clippy::pedantic, reason = "generated code")]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/hansom.v1.mod.rs"));
}

pub use countdown::{Countdown, RideNow};
pub use id::{DriverId, FleetId, RideId, VehicleId};
pub use ping::{Ping, PingName, Protocol, VehicleState};
pub use progress::{Phase, RideProgress, VehiclePosition};
pub use record::Record;
pub use rejection::Rejection;
pub use ride_event::{CancelledBy, Money, PlannedRoute, RideEvent, RideEventKind};
pub use trip::{Trip, TripOutcome};
pub use units::{Accuracy, Altitude, Coordinate, Heading, Meters, Parallel, Speed, Timestamp};
