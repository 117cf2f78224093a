//! Reads a column of `profile.toml`, and tells what makes no sense in it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Column, Needs, Origin, Part, Pseudonym, Words, Write};
use crate::regulators::{
    Shape, Unit, Who, clock::TimeStyle, field::Kind, listed, pseudonym::Form, rows::Rows,
};

/// Digits of a coordinate where the profile names none: those of the archive.
const COORDINATE_DECIMALS: u8 = 7;
/// More do not fit beside a whole part.
const MAX_DECIMALS: u8 = 9;

#[derive(Deserialize)]
pub(crate) struct RawColumn {
    pub(crate) name: String,
    from: Option<Paths>,
    constant: Option<toml::Value>,
    #[serde(rename = "type")]
    style: Option<String>,
    unit: Option<String>,
    decimals: Option<u8>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    nullable: bool,
    pseudonym: Option<String>,
    form: Option<String>,
    #[serde(default)]
    round_s: u32,
    #[serde(default)]
    map: BTreeMap<String, String>,
    #[serde(default)]
    one_of: Vec<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Paths {
    One(String),
    Several(Vec<String>),
}

/// What can be told of an origin's values before there is one.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    /// What the generator knows.
    Kind(Kind),
    /// A text that can be read as anything.
    Text,
}

impl Column {
    pub(crate) fn read(raw: RawColumn, rows: Rows, needs: &mut Needs) -> Result<Self, String> {
        if let Some(key) = raw.unknown.keys().next() {
            return Err(format!("unknown key {key}"));
        }
        let (origins, told) = origins(&raw, rows, needs)?;
        let write = write(&raw, told, &origins)?;
        needs.has_pseudonyms |= match &write {
            Write::Text(words) | Write::List(words) => words.pseudonym.is_some(),
            _ => false,
        };
        Ok(Self {
            name: raw.name,
            is_required: raw.required,
            is_nullable: raw.nullable,
            origins,
            write,
        })
    }
}

/// Where a column's values come from, and what is known of them.
fn origins(raw: &RawColumn, rows: Rows, needs: &mut Needs) -> Result<(Vec<Origin>, Told), String> {
    let paths = match (&raw.from, &raw.constant) {
        (Some(Paths::One(path)), None) => vec![path.clone()],
        (Some(Paths::Several(paths)), None) if !paths.is_empty() => paths.clone(),
        (None, Some(constant)) => {
            let constant = match constant {
                toml::Value::String(text) => Origin::Text(text.clone()),
                toml::Value::Integer(number) => Origin::Int(*number),
                toml::Value::Boolean(is) => Origin::Bool(*is),
                _ => return Err("a constant is a text, a whole number or a bool".to_owned()),
            };
            let told = match constant {
                Origin::Int(_) => Told::Kind(Kind::Number(Unit::ONE)),
                Origin::Bool(_) => Told::Kind(Kind::Bool),
                _ => Told::Text,
            };
            return Ok((vec![constant], told));
        }
        _ => return Err("a column has either from or constant".to_owned()),
    };
    let mut origins = Vec::new();
    let mut tells: Vec<Told> = Vec::new();
    for path in &paths {
        let (origin, told) = origin(path, rows, needs)?;
        origins.push(origin);
        tells.push(told);
    }
    // A text may stand in for anything; what generators tell must be of one kind.
    let known: Vec<_> = tells
        .into_iter()
        .filter(|told| *told != Told::Text)
        .collect();
    match known.as_slice() {
        [] => Ok((origins, Told::Text)),
        [first, rest @ ..] if rest.iter().all(|told| told == first) => Ok((origins, *first)),
        _ => Err("its paths are of several kinds".to_owned()),
    }
}

fn origin(path: &str, rows: Rows, needs: &mut Needs) -> Result<(Origin, Told), String> {
    let (group, name) = path.split_once('.').unwrap_or((path, ""));
    if let Some(who) = Who::ALL.into_iter().find(|who| who.as_str() == group) {
        if name == "id" {
            return Ok((Origin::Id(who), Told::Kind(Kind::Text)));
        }
        if name.is_empty() {
            return Err(format!("path {path:?} names no column of the registry"));
        }
        let column = place(&mut needs.registry[who as usize], name);
        let unit = Unit::of_suffix(name);
        return Ok((Origin::Fact { who, column, unit }, Told::Text));
    }
    match (group, name) {
        ("fleet", "id") => return Ok((Origin::Fleet, Told::Kind(Kind::Text))),
        ("report", "company") => return Ok((Origin::Company, Told::Text)),
        ("report", "submission_date") => {
            needs.submission_date = true;
            return Ok((Origin::SubmissionDate, Told::Text));
        }
        ("report", "submission_day") => {
            needs.submission_date = true;
            return Ok((Origin::SubmissionDay, Told::Text));
        }
        ("jurisdiction", fact) if !fact.is_empty() => {
            place(&mut needs.facts, fact);
            return Ok((Origin::Jurisdiction(fact.to_owned()), Told::Text));
        }
        _ => {}
    }
    own(path, rows, needs).ok_or_else(|| {
        let fields: Vec<_> = rows.fields().into_iter().map(|(name, _)| name).collect();
        format!(
            "unknown path {path:?}: rows {} have {}, .lat, .lng and .zone.<layer> of places, \
             vehicle., driver. and ride. with id or a column of the registry, fleet.id, \
             jurisdiction.<fact>, report.company, report.submission_date, report.submission_day",
            rows.as_str(),
            listed(&fields)
        )
    })
}

/// A field of the rows, or a part of a place.
fn own(path: &str, rows: Rows, needs: &mut Needs) -> Option<(Origin, Told)> {
    let fields = rows.fields();
    let at = |name: &str, wanted: fn(Kind) -> bool| {
        fields
            .iter()
            .position(|(known, kind)| *known == name && wanted(*kind))
    };
    if let Some(field) = at(path, |kind| kind != Kind::Place) {
        let part = Part::Whole;
        return Some((Origin::Own { field, part }, Told::Kind(fields[field].1)));
    }
    let is_place = |kind| kind == Kind::Place;
    if let Some((name, layer)) = path.split_once(".zone.") {
        let field = at(name, is_place)?;
        let part = Part::Zone(place(&mut needs.layers, layer));
        return Some((Origin::Own { field, part }, Told::Text));
    }
    let (name, side) = path.rsplit_once('.')?;
    let part = match side {
        "lat" => Part::Lat,
        "lng" => Part::Lng,
        _ => return None,
    };
    let field = at(name, is_place)?;
    Some((
        Origin::Own { field, part },
        Told::Kind(Kind::Number(Unit::E7)),
    ))
}

/// Where a name stands in a list, to which it is added if it is new.
fn place(list: &mut Vec<String>, name: &str) -> usize {
    list.iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            list.push(name.to_owned());
            list.len() - 1
        })
}

fn write(raw: &RawColumn, told: Told, origins: &[Origin]) -> Result<Write, String> {
    let words = Words {
        pseudonym: pseudonym(raw)?,
        map: raw.map.clone(),
        one_of: raw.one_of.clone(),
        is_way: told == Told::Kind(Kind::Way),
    };
    let style = raw.style.as_deref();
    let is_number = matches!(told, Told::Kind(Kind::Number(_)));
    let is_time = told == Told::Kind(Kind::Time);
    let write = match style {
        Some(name) if TimeStyle::named(name).is_some() => {
            if !is_time && told != Told::Text {
                return Err(format!("it is no time, so not {name}"));
            }
            let style = TimeStyle::named(name).unwrap_or(TimeStyle::UnixMs);
            Write::Time {
                style,
                round_s: raw.round_s,
            }
        }
        None if is_time => {
            let known: Vec<_> = TimeStyle::names().collect();
            return Err(format!("a time needs a type: {}", listed(&known)));
        }
        Some("int" | "int32" | "decimal") => number(raw, told, origins)?,
        None if is_number || raw.decimals.is_some() || raw.unit.is_some() => {
            number(raw, told, origins)?
        }
        Some("bool") => Write::Bool,
        None if told == Told::Kind(Kind::Bool) => Write::Bool,
        Some("flag") => Write::Flag {
            yes: raw.map.get("true").map_or("Y", String::as_str).to_owned(),
            no: raw.map.get("false").map_or("N", String::as_str).to_owned(),
        },
        Some("list") => Write::List(words),
        None if told == Told::Kind(Kind::Texts) => Write::List(words),
        Some("text") | None => Write::Text(words),
        Some(other) => return Err(format!("unknown type {other:?}")),
    };
    fits(&write, told)?;
    if raw.pseudonym.is_some() && !matches!(write, Write::Text(_) | Write::List(_)) {
        return Err("only texts have pseudonyms".to_owned());
    }
    if raw.round_s > 0 && !matches!(write, Write::Time { .. }) {
        return Err("only times have round_s".to_owned());
    }
    if raw.decimals.is_some() && !matches!(write, Write::Number { .. }) {
        return Err("only numbers have decimals".to_owned());
    }
    Ok(write)
}

fn fits(write: &Write, told: Told) -> Result<(), String> {
    let Told::Kind(kind) = told else {
        return Ok(());
    };
    let is_fit = match write {
        Write::Text(_) => matches!(kind, Kind::Text | Kind::Way),
        Write::List(_) => matches!(kind, Kind::Text | Kind::Texts),
        Write::Bool | Write::Flag { .. } => kind == Kind::Bool,
        Write::Number { .. } => matches!(kind, Kind::Number(_)),
        Write::Time { .. } => kind == Kind::Time,
    };
    if is_fit {
        Ok(())
    } else {
        Err("its type does not fit what its path is".to_owned())
    }
}

fn number(raw: &RawColumn, told: Told, origins: &[Origin]) -> Result<Write, String> {
    let told = match told {
        Told::Kind(Kind::Number(unit)) => Some(unit),
        Told::Kind(_) => return Err("it is no number".to_owned()),
        Told::Text => None,
    };
    let is_coordinate = told == Some(Unit::E7);
    let unit = match &raw.unit {
        Some(name) => Unit::named(name).ok_or_else(|| {
            let known: Vec<_> = Unit::names().collect();
            format!("unknown unit {name:?}: {}", listed(&known))
        })?,
        None if is_coordinate => Unit::DEGREES,
        None => told.or_else(|| first_unit(origins)).unwrap_or(Unit::ONE),
    };
    let units = origins.iter().filter_map(|origin| match origin {
        Origin::Fact { unit, .. } => Some(*unit),
        _ => told,
    });
    for from in units {
        if !from.converts_to(unit) {
            return Err(format!(
                "{} does not convert to {}",
                from.name(),
                unit.name()
            ));
        }
    }
    let decimals = match (raw.decimals, raw.style.as_deref()) {
        (Some(decimals), Some("int" | "int32")) if decimals > 0 => {
            return Err("whole numbers have no decimals".to_owned());
        }
        (Some(decimals), _) if decimals > MAX_DECIMALS => {
            return Err(format!("more than {MAX_DECIMALS} decimals"));
        }
        (Some(decimals), _) => decimals,
        (None, _) if is_coordinate => COORDINATE_DECIMALS,
        (None, Some("decimal")) => return Err("a decimal needs decimals".to_owned()),
        (None, _) => 0,
    };
    let shape = match raw.style.as_deref() {
        Some("int32") => Shape::Int32,
        Some("decimal") => Shape::Decimal(decimals),
        _ if decimals > 0 => Shape::Decimal(decimals),
        _ => Shape::Int,
    };
    Ok(Write::Number {
        unit,
        decimals,
        shape,
        told,
    })
}

fn first_unit(origins: &[Origin]) -> Option<Unit> {
    origins.iter().find_map(|origin| match origin {
        Origin::Fact { unit, .. } => Some(*unit),
        _ => None,
    })
}

fn pseudonym(raw: &RawColumn) -> Result<Option<Pseudonym>, String> {
    let form = match raw.form.as_deref() {
        None | Some("hex") => Form::Hex,
        Some("uuid") => Form::Uuid,
        Some(other) => return Err(format!("unknown form {other:?}: hex, uuid")),
    };
    Ok(raw.pseudonym.clone().map(|kind| Pseudonym { kind, form }))
}
