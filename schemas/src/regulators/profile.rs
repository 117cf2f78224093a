//! What one regulator asks for, as data: topics, columns, units, clock, precision and privacy. It is
//! read from `profile.toml` and checked once; a profile that exists makes sense in itself. What an
//! operator must supply for it is checked with the [`super::Report`].

mod raw;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    Column, Jurisdiction, Length, Problem, Scope, Who, column::Needs, file_name::Pattern, listed,
    pseudonym::Rotation, rows::Rows,
};
use crate::Timestamp;

/// The profiles that Hansom comes with, and their text.
const BUILT_IN: [(&str, &str); 5] = [
    ("mds", include_str!("../../regulators/mds/profile.toml")),
    (
        "chicago-tnp",
        include_str!("../../regulators/chicago-tnp/profile.toml"),
    ),
    ("cpuc", include_str!("../../regulators/cpuc/profile.toml")),
    (
        "sf-taxi",
        include_str!("../../regulators/sf-taxi/profile.toml"),
    ),
    (
        "nyc-hvfhv",
        include_str!("../../regulators/nyc-hvfhv/profile.toml"),
    ),
];

/// What one regulator asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// As operators name it.
    pub name: String,
    /// Changes with every change of what it writes.
    pub version: String,
    /// Its clock; None where each jurisdiction has its own.
    pub(crate) zone: Option<TimeZone>,
    /// How long the periods may be that it is reported by.
    pub periods: Vec<Length>,
    pub(crate) privacy: Privacy,
    /// Its files.
    pub topics: Vec<Topic>,
    pub(crate) needs: Needs,
}

/// A kind of file of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// As it is called in the file's name.
    pub name: String,
    pub(crate) rows: Rows,
    /// How the file is written.
    pub format: Format,
    pub(crate) file: Pattern,
    /// In JSON, the name of the array that has the rows.
    pub array: Option<String>,
    /// In JSON, what stands beside that array.
    pub members: BTreeMap<String, Member>,
    /// How many rows a file has at most, where its name has a part.
    pub part_rows: Option<u64>,
    /// What happens to a row that misses what is required.
    pub incomplete: Incomplete,
    /// Whole hours before the period that it must be fed.
    pub lookback_hours: u16,
    /// Whole hours after the period that it must be fed.
    pub lookahead_hours: u16,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    pub(crate) limits: Limits,
}

impl Topic {
    /// As it is for a period that ends then.
    #[must_use]
    pub fn until(&self, end: Timestamp) -> Self {
        let mut topic = self.clone();
        for member in topic.members.values_mut() {
            if matches!(member, Member::Text(text) if text == Member::PERIOD_END) {
                *member = Member::Int(end.0);
            }
        }
        topic
    }
}

/// Formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header.
    Csv,
    /// One object with an array of rows; a column `a.b` is member b of object a.
    Json,
    /// Parquet.
    Parquet,
}

/// A member of a JSON file beside its rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Member {
    /// A whole number.
    Int(i64),
    /// A text. In a profile, [`Self::PERIOD_END`] stands for the period's end in ms since 1970 UTC; a
    /// [`super::Report`]'s topics have that number.
    Text(String),
}

impl Member {
    /// What a profile writes for the period's end.
    const PERIOD_END: &str = "period.to";
}

/// What happens to a row that misses what is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// It is written with empty cells.
    Write,
    /// It is left out.
    LeaveOut,
}

/// A table of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `pings`.
    Pings,
    /// `ride_events`.
    RideEvents,
    /// `trips`.
    Trips,
}

/// Which trips a topic has, and what follows from time that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) only: Only,
    /// A vehicle that is not heard for longer is off duty, ms.
    pub(crate) silence_ms: i64,
    /// Snapshots are so far apart, ms.
    pub(crate) every_ms: i64,
    /// A position that is older is not known any more, ms.
    pub(crate) max_age_ms: i64,
}

/// Which trips a topic has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    /// All that ended in any way.
    All,
    /// Those of which the passenger was on board.
    PickedUp,
    /// Those whose passenger was dropped off.
    Completed,
}

/// What a profile keeps back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Privacy {
    pub(crate) rotation: Rotation,
    pub(crate) coordinate_decimals: Option<u8>,
    pub(crate) round_s: u32,
    pub(crate) min_group: u32,
    /// The sides of the cells in which trips are counted, as decimals of a degree.
    pub(crate) group_decimals: u8,
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// Everything that is wrong with it, with the topic's and the column's name.
    pub fn parse(toml: &str) -> Result<Self, Vec<Problem>> {
        raw::read(toml)
    }

    /// A profile that Hansom comes with.
    ///
    /// # Errors
    /// An unknown name, with those that there are.
    pub fn built_in(name: &str) -> Result<Self, Vec<Problem>> {
        let Some((_, text)) = BUILT_IN.into_iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = Self::names().collect();
            let problem = format!("unknown profile {name:?}: there are {}", listed(&known));
            return Err(vec![Problem::new(problem)]);
        };
        Self::parse(text)
    }

    /// The names of the profiles that Hansom comes with.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.into_iter().map(|(name, _)| name)
    }

    /// The clock of its days, months and local times in a jurisdiction.
    ///
    /// # Errors
    /// [`Problem`] where the profile leaves it to the jurisdiction, and that has none.
    pub fn time_zone(&self, jurisdiction: &Jurisdiction) -> Result<TimeZone, Problem> {
        let zone = self.zone.as_ref().or(jurisdiction.time_zone.as_ref());
        zone.cloned().ok_or_else(|| {
            Problem::new(format!(
                "profile {} needs a time_zone of jurisdiction {}",
                self.name, jurisdiction.name
            ))
        })
    }

    /// The layers of polygons that its columns look in.
    pub fn layers(&self) -> &[String] {
        &self.needs.layers
    }

    /// Whether it gives pseudonyms, so that there must be a secret.
    pub fn needs_secret(&self) -> bool {
        self.needs.has_pseudonyms
    }

    /// The columns that it takes from the registry of a kind, in the registry's order.
    pub fn registry_columns(&self, who: Who) -> &[String] {
        &self.needs.registry[who as usize]
    }

    /// The tables of the archive that its topics are made from.
    pub fn reads(&self, table: Table) -> bool {
        self.topics.iter().any(|topic| topic.rows.reads(table))
    }

    /// The facts of a jurisdiction that it asks for.
    pub(crate) fn facts(&self) -> BTreeSet<&str> {
        let files = self.topics.iter().flat_map(|topic| topic.file.facts());
        files
            .chain(self.needs.facts.iter().map(String::as_str))
            .collect()
    }
}

impl Topic {
    /// The name of a file of it: part `part` of revision `revision`, both from 1.
    pub fn file_name(&self, scope: &Scope, part: u32, revision: u32) -> String {
        self.file.name(&self.name, scope, part, revision)
    }

    /// Whether its rows may be spread over several files.
    pub fn has_parts(&self) -> bool {
        self.file.has_parts()
    }
}

impl Format {
    fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}
