//! The Mobility Data Specification 2.0, mode passenger-services, as far as it is pure: states, event
//! types, the official state machine, a vehicle's events derived along it, and UUIDs. What is written
//! to files and served to agencies is the archiver's.
//!
//! [`machine`] is the official table. [`timeline`] follows one vehicle through its ride events and
//! pings and tells its [`Transition`]s, always along edges of the table; [`trip::transitions`] does so
//! for one finished ride. [`uuid`] names things as MDS wants them named.
//!
//! Source: <https://github.com/openmobilityfoundation/mobility-data-specification>, release 2.0,
//! `modes/passenger-services.md`, `modes/event_types.md`, `data-types.md`.

pub mod machine;
pub mod timeline;
pub mod transition;
pub mod trip;
pub mod uuid;

pub use machine::{State, VehicleEvent};
pub use timeline::{Limits, Timeline};
pub use transition::{Basis, Transition};
pub use uuid::Uuid;
