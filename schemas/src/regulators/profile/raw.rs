//! `profile.toml` as it is written, and the way from there to a profile. All mistakes are told at
//! once, each with the topic's and the column's name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Format, Incomplete, Limits, Member, Only, Privacy, Profile, Topic};
use crate::regulators::{
    Column, Length, Problem,
    column::{Needs, RawColumn},
    file_name::Pattern,
    listed,
    pseudonym::Rotation,
    rows::Rows,
};

#[derive(Deserialize)]
struct RawProfile {
    name: String,
    version: String,
    /// A name of the tz database, or `jurisdiction`.
    time_zone: String,
    periods: Vec<String>,
    #[serde(default)]
    privacy: RawPrivacy,
    #[serde(rename = "topic")]
    topics: Vec<RawTopic>,
    #[serde(flatten)]
    unknown: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawPrivacy {
    rotate: Option<String>,
    coordinate_decimals: Option<u8>,
    round_s: u32,
    min_group: u32,
    group_decimals: Option<u8>,
    #[serde(flatten)]
    unknown: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct RawTopic {
    name: String,
    rows: String,
    format: String,
    file: String,
    #[serde(default)]
    resubmission: String,
    array: Option<String>,
    #[serde(default)]
    members: BTreeMap<String, Member>,
    part_rows: Option<u64>,
    incomplete: String,
    #[serde(default)]
    lookback_hours: u16,
    #[serde(default)]
    lookahead_hours: u16,
    #[serde(default)]
    only: Option<String>,
    silence_s: Option<u32>,
    every_s: Option<u32>,
    max_age_s: Option<u32>,
    columns: Vec<RawColumn>,
    #[serde(flatten)]
    unknown: BTreeMap<String, toml::Value>,
}

/// Collects what is wrong, each with where it is.
struct Complaints {
    place: String,
    problems: Vec<Problem>,
}

impl Complaints {
    fn tell(&mut self, what: impl AsRef<str>) {
        let text = format!("{}: {}", self.place, what.as_ref());
        self.problems.push(Problem::new(text));
    }

    fn strange(&mut self, unknown: &BTreeMap<String, toml::Value>) {
        for key in unknown.keys() {
            self.tell(format!("unknown key {key}"));
        }
    }
}

pub(super) fn read(text: &str) -> Result<Profile, Vec<Problem>> {
    let raw: RawProfile =
        toml::from_str(text).map_err(|error| vec![Problem::new(format!("profile: {error}"))])?;
    let place = format!("profile {}", raw.name);
    let problems = Vec::new();
    let mut complaints = Complaints { place, problems };
    complaints.strange(&raw.unknown);
    let zone = match raw.time_zone.as_str() {
        "jurisdiction" => None,
        name => TimeZone::get(name)
            .map_err(|_| complaints.tell(format!("unknown time_zone {name:?}")))
            .ok(),
    };
    let mut periods = Vec::new();
    for name in &raw.periods {
        match Length::named(name) {
            Some(length) => periods.push(length),
            None => complaints.tell(format!("unknown period {name:?}: hour, day, month")),
        }
    }
    let privacy = privacy(&raw.privacy, &mut complaints);
    let mut needs = Needs::default();
    let mut topics = Vec::new();
    for raw_topic in raw.topics {
        complaints.place = format!("profile {}, topic {}", raw.name, raw_topic.name);
        topics.extend(topic(raw_topic, &mut needs, &mut complaints));
    }
    if complaints.problems.is_empty() {
        Ok(Profile {
            name: raw.name,
            version: raw.version,
            zone,
            periods,
            privacy,
            topics,
            needs,
        })
    } else {
        Err(complaints.problems)
    }
}

fn privacy(raw: &RawPrivacy, complaints: &mut Complaints) -> Privacy {
    complaints.strange(&raw.unknown);
    let rotate = raw.rotate.as_deref().unwrap_or("period");
    let rotation = Rotation::named(rotate).unwrap_or_else(|| {
        complaints.tell(format!(
            "unknown rotate {rotate:?}: period, month, year, never"
        ));
        Rotation::Period
    });
    Privacy {
        rotation,
        coordinate_decimals: raw.coordinate_decimals,
        round_s: raw.round_s,
        min_group: raw.min_group,
        group_decimals: raw.group_decimals.unwrap_or(2),
    }
}

/// A topic, as far as it can be read.
fn topic(raw: RawTopic, needs: &mut Needs, complaints: &mut Complaints) -> Option<Topic> {
    complaints.strange(&raw.unknown);
    let rows = Rows::named(&raw.rows);
    if rows.is_none() {
        let known: Vec<_> = Rows::names().collect();
        complaints.tell(format!("unknown rows {:?}: {}", raw.rows, listed(&known)));
    }
    let format = Format::named(&raw.format);
    if format.is_none() {
        complaints.tell(format!(
            "unknown format {:?}: csv, json, parquet",
            raw.format
        ));
    }
    let incomplete = match raw.incomplete.as_str() {
        "write" => Some(Incomplete::Write),
        "leave_out" => Some(Incomplete::LeaveOut),
        _ => None,
    };
    if incomplete.is_none() {
        complaints.tell("incomplete is write or leave_out");
    }
    let file = Pattern::parse(&raw.file, &raw.resubmission)
        .map_err(|what| complaints.tell(what))
        .ok();
    let limits = limits(&raw, rows, complaints);
    let mut columns: Vec<Column> = Vec::new();
    let mut names = BTreeSet::new();
    for column in raw.columns {
        let name = column.name.clone();
        if !names.insert(name.clone()) {
            complaints.tell(format!("column {name} comes twice"));
        }
        match Column::read(column, rows?, needs) {
            Ok(column) => columns.push(column),
            Err(what) => complaints.tell(format!("column {name}: {what}")),
        }
    }
    if format == Some(Format::Json) {
        if raw.array.is_none() {
            complaints.tell("json needs the name of its array");
        }
        let is_object = |name: &String| names.iter().any(|other| is_member(other, name));
        for name in names.iter().filter(|name| is_object(name)) {
            complaints.tell(format!("column {name} cannot be a value and an object"));
        }
    }
    if let Some(file) = &file {
        needs.submission_date |= file.needs_submission_date();
    }
    Some(Topic {
        name: raw.name,
        rows: rows?,
        format: format?,
        file: file?,
        array: raw.array,
        members: raw.members,
        part_rows: raw.part_rows,
        incomplete: incomplete?,
        lookback_hours: raw.lookback_hours,
        lookahead_hours: raw.lookahead_hours,
        columns,
        limits,
    })
}

fn limits(raw: &RawTopic, rows: Option<Rows>, complaints: &mut Complaints) -> Limits {
    let only = match raw.only.as_deref() {
        None | Some("all") => Only::All,
        Some("picked_up") => Only::PickedUp,
        Some("completed") => Only::Completed,
        Some(other) => {
            complaints.tell(format!("unknown only {other:?}: all, picked_up, completed"));
            Only::All
        }
    };
    let mut ms = |name: &str, seconds: Option<u32>, is_needed: bool| {
        if is_needed && seconds.is_none_or(|seconds| seconds == 0) {
            complaints.tell(format!("rows {} need {name}", raw.rows));
        }
        i64::from(seconds.unwrap_or_default()) * 1000
    };
    let follows_duty = rows.is_some_and(Rows::follows_duty);
    Limits {
        only,
        silence_ms: ms("silence_s", raw.silence_s, follows_duty),
        every_ms: ms("every_s", raw.every_s, rows == Some(Rows::Snapshots)),
        max_age_ms: ms("max_age_s", raw.max_age_s, rows == Some(Rows::Snapshots)),
    }
}

/// Whether a column's name makes it a member of an object of another's name.
fn is_member(name: &str, object: &str) -> bool {
    name.strip_prefix(object)
        .is_some_and(|rest| rest.starts_with('.'))
}
