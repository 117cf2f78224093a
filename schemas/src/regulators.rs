//! Reports to regulators: the archive's pings, ride events and trips become rows, in the columns,
//! units, clock and privacy that each regulator asks for. It is pure: files are read and written, and
//! periods are closed, by the archiver.
//!
//! - A [`Profile`] is what one regulator asks for, as data: `regulators/<name>/profile.toml` of this
//!   crate. Its [`Topic`]s are files, each a generator of rows and a list of [`Column`]s.
//! - [`Jurisdictions`] say where the operator reports and by which names; a [`Registry`] has the facts
//!   that Hansom is not told; [`Zones`] are polygons.
//! - A [`Report`] takes [`Fact`]s hour by hour and gives rows and exceptions to a [`Sink`].
//!
//! `docs/exports.md` describes all of it for operators.

mod cell;
mod clock;
mod column;
mod exception;
mod field;
mod file_name;
mod jurisdiction;
mod period;
mod profile;
mod pseudonym;
mod registry;
mod report;
mod rows;
#[cfg(test)]
mod tests;
mod unit;
mod writing;
mod zones;

use std::fmt;

pub use cell::{Cell, Decimal, Row, Shape, Texts};
pub use column::Column;
pub use exception::{Exception, Reason};
pub use jurisdiction::{Jurisdiction, Jurisdictions, Stricter, ZoneFile};
pub use period::{HOUR_MS, Length, Period};
pub use profile::{Format, Incomplete, Member, Profile, Table, Topic};
pub use pseudonym::MIN_SECRET_BYTES;
pub use registry::{FileLayout, Registry, RegistryBuilder, Who};
pub use report::{Fact, Inputs, Report, Scope, Sink};
pub use unit::Unit;
pub use zones::{ZoneLayer, Zones};

/// Something that an operator must mend before there can be a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl Problem {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Names, for a sentence that says which there are.
fn listed(names: &[impl fmt::Display]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}
