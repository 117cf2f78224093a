//! Jurisdictions as an operator describes them in a TOML file: where a report goes, by which name and
//! licences the company is known there, and how much stricter than the profile it is about privacy.
//! It names files of polygons and does not read them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::Problem;
use crate::FleetId;

/// Every jurisdiction of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Jurisdictions(BTreeMap<String, Jurisdiction>);

/// One jurisdiction.
#[derive(Debug, Clone, PartialEq)]
pub struct Jurisdiction {
    /// As the operator says it, and as exports are filed: `a-z 0-9 . _ -`.
    pub name: String,
    /// The company's name in file names.
    pub company: String,
    /// Its clock, for profiles that leave it to the jurisdiction.
    pub time_zone: Option<TimeZone>,
    /// The fleets that are reported; empty for all.
    pub fleets: Vec<FleetId>,
    /// Facts that profiles call `jurisdiction.<name>`: licences, provider ids.
    pub facts: BTreeMap<String, String>,
    /// Files of polygons by the name of their layer.
    pub zones: BTreeMap<String, ZoneFile>,
    /// What is stricter here than in the profile.
    pub privacy: Stricter,
}

/// A file of polygons.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneFile {
    /// Where the GeoJSON lies, from the folder of the jurisdictions' file.
    pub file: String,
    /// The property of a feature that is its zone's id.
    pub id: String,
    /// The id of what lies in no zone; None if that has none.
    pub outside: Option<String>,
}

/// What a jurisdiction asks beyond a profile's policy. It never loosens it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stricter {
    /// Coordinates have at most so many decimals.
    pub coordinate_decimals: Option<u8>,
    /// Times are rounded to so many seconds at least.
    pub round_s: Option<u32>,
    /// Places that fewer trips of an hour share are withheld.
    pub min_group: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    jurisdictions: BTreeMap<String, RawJurisdiction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJurisdiction {
    company: String,
    time_zone: Option<String>,
    #[serde(default)]
    fleets: Vec<String>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
    #[serde(default)]
    zones: BTreeMap<String, ZoneFile>,
    #[serde(default)]
    privacy: Stricter,
}

impl Jurisdictions {
    /// Reads the operator's file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(toml: &str) -> Result<Self, Vec<Problem>> {
        let raw: RawFile = toml::from_str(toml)
            .map_err(|error| vec![Problem::new(format!("jurisdictions: {}", error.message()))])?;
        let mut problems = Vec::new();
        let mut read = BTreeMap::new();
        for (name, raw) in raw.jurisdictions {
            let mut tell = |what: String| {
                problems.push(Problem::new(format!("jurisdiction {name}: {what}")));
            };
            if !is_file_name(&name) {
                tell("its name has other characters than a-z 0-9 . _ -".to_owned());
            }
            if !is_file_name(&raw.company) {
                tell("company has other characters than a-z 0-9 . _ -".to_owned());
            }
            let time_zone = raw.time_zone.and_then(|zone| {
                TimeZone::get(&zone)
                    .map_err(|_| tell(format!("unknown time_zone {zone:?}")))
                    .ok()
            });
            let fleets = raw.fleets.iter().filter_map(|fleet| {
                FleetId::new(fleet)
                    .map_err(|error| tell(format!("fleet {fleet:?}: {error}")))
                    .ok()
            });
            let jurisdiction = Jurisdiction {
                name: name.clone(),
                company: raw.company,
                time_zone,
                fleets: fleets.collect(),
                facts: raw.facts,
                zones: raw.zones,
                privacy: raw.privacy,
            };
            read.insert(name, jurisdiction);
        }
        if problems.is_empty() {
            Ok(Self(read))
        } else {
            Err(problems)
        }
    }

    /// The jurisdiction of a name.
    ///
    /// # Errors
    /// [`Problem`] that lists those that there are.
    pub fn named(&self, name: &str) -> Result<&Jurisdiction, Problem> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<_> = self.0.keys().map(String::as_str).collect();
            Problem::new(format!(
                "unknown jurisdiction {name:?}: the file has {}",
                super::listed(&known)
            ))
        })
    }
}

/// Whether a text can be a part of a path on every storage.
fn is_file_name(text: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
    };
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_plain)
}
