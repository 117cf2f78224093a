//! Writes rows: takes what a column wants from a source, a registry or a jurisdiction, in its unit,
//! on its clock, under its pseudonym. What is required and not there becomes an exception.

use std::{cell::OnceCell, sync::Arc};

use jiff::tz::TimeZone;

use super::{
    Column, Exception, Incomplete, Reason, Registry, Scope, Shape, Sink, Topic, Unit, Who,
    ZoneLayer,
    cell::Draft,
    clock,
    clock::TimeStyle,
    column::{Origin, Part, Pseudonym, Words, Write},
    field::{Source, Subject, Value},
    pseudonym::Names,
    registry::Found,
    unit::Number,
};
use crate::{FleetId, Timestamp, id::Id};

/// What rows are written with.
pub(crate) struct Tools {
    pub(crate) scope: Scope,
    pub(crate) submission_day: Option<String>,
    pub(crate) zone: TimeZone,
    pub(crate) registry: Arc<Registry>,
    /// In the order of the profile's layers.
    pub(crate) layers: Vec<Arc<ZoneLayer>>,
}

/// A topic's rows on their way to a sink.
pub(crate) struct Emit<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) names: &'a mut Names,
    pub(crate) draft: &'a mut Draft,
    pub(crate) topic: &'a Topic,
    /// Its place in the profile.
    pub(crate) index: usize,
    pub(crate) out: &'a mut dyn Sink,
}

/// What a column writes in one row.
struct Known<'a> {
    value: Value<'a>,
    /// Of a number.
    unit: Unit,
    fleet: FleetId,
}

/// Where the rows of a subject lie in the registry, once a column asks for one.
type Rows = [OnceCell<Option<Found>>; 3];

impl Emit<'_> {
    /// Whether a time is of the period.
    pub(crate) fn wants(&self, time: Timestamp) -> bool {
        self.tools.scope.period.holds(time)
    }

    /// Writes a row, if its time is of the period.
    pub(crate) fn row<S: Source>(&mut self, source: &S) {
        let subject = source.subject();
        if !self.wants(subject.time) {
            return;
        }
        let found = Rows::default();
        self.draft.clear();
        let mut is_whole = true;
        for column in &self.topic.columns {
            let known = self.tools.value(column, source, &subject, &found);
            let written = match known.value {
                Value::Unknown if column.is_required => Err(Reason::Missing),
                Value::BeganEarlier => Err(Reason::BeganEarlier),
                Value::Unknown | Value::Withheld => {
                    self.draft.null();
                    Ok(())
                }
                _ => self.tools.write(column, &known, self.names, self.draft),
            };
            if let Err(reason) = written {
                self.draft.null();
                is_whole = false;
                self.except(&subject, &column.name, reason);
            }
        }
        if is_whole || self.topic.incomplete == Incomplete::Write {
            self.out.row(self.index, self.draft.row(subject.time));
        }
    }

    /// Tells that a row misses what a column wants.
    pub(crate) fn except(&mut self, subject: &Subject, column: &str, reason: Reason) {
        self.out.exception(&Exception {
            topic: self.index,
            column,
            reason,
            fleet: subject.fleet,
            vehicle: subject.vehicle,
            ride: subject.ride,
            time: subject.time,
            is_written: self.topic.incomplete == Incomplete::Write,
        });
    }
}

impl Tools {
    /// A fact that is told of a subject.
    fn fact(&self, who: Who, column: usize, subject: &Subject, found: &Rows) -> Option<&str> {
        let find = || {
            let id = match who {
                Who::Vehicle => Some(subject.vehicle.as_str()),
                Who::Driver => subject.driver.as_ref().map(Id::as_str),
                Who::Ride => subject.ride.as_ref().map(Id::as_str),
            };
            self.registry.find(who, subject.fleet, id?)
        };
        let row = (*found[who as usize].get_or_init(find))?;
        self.registry.cell(who, row, column)
    }

    /// The first value that is known of where a column looks, and its unit.
    fn value<'a, S: Source>(
        &'a self,
        column: &'a Column,
        source: &'a S,
        subject: &'a Subject,
        found: &Rows,
    ) -> Known<'a> {
        let fleet = subject.fleet;
        for origin in &column.origins {
            let value = self.value_of(origin, source, subject, found);
            if value != Value::Unknown {
                let unit = match (origin, &column.write) {
                    (Origin::Fact { unit, .. }, _) => *unit,
                    (_, Write::Number { told, .. }) => told.unwrap_or(Unit::ONE),
                    _ => Unit::ONE,
                };
                return Known { value, unit, fleet };
            }
        }
        Known {
            value: Value::Unknown,
            unit: Unit::ONE,
            fleet,
        }
    }

    fn value_of<'a, S: Source>(
        &'a self,
        origin: &'a Origin,
        source: &'a S,
        subject: &'a Subject,
        found: &Rows,
    ) -> Value<'a> {
        match origin {
            Origin::Own { field, part } => {
                let value = (S::FIELDS[*field].get)(source);
                match (value, part) {
                    (Value::Place(place), Part::Lat) => Value::number(Some(place.lat_e7())),
                    (Value::Place(place), Part::Lng) => Value::number(Some(place.lng_e7())),
                    (Value::Place(place), Part::Zone(layer)) => {
                        Value::text(self.layers.get(*layer).and_then(|layer| layer.zone(place)))
                    }
                    // The whole of it, or that there is none.
                    (value, _) => value,
                }
            }
            Origin::Id(Who::Vehicle) => Value::Text(subject.vehicle.as_str()),
            Origin::Id(Who::Driver) => Value::text(subject.driver.as_ref().map(Id::as_str)),
            Origin::Id(Who::Ride) => Value::text(subject.ride.as_ref().map(Id::as_str)),
            Origin::Fleet => Value::Text(subject.fleet.as_str()),
            Origin::Fact { who, column, .. } => {
                Value::text(self.fact(*who, *column, subject, found))
            }
            Origin::Jurisdiction(fact) => {
                Value::text(self.scope.jurisdiction.facts.get(fact).map(String::as_str))
            }
            Origin::Company => Value::Text(&self.scope.jurisdiction.company),
            Origin::SubmissionDate => Value::text(self.scope.submission_date.as_deref()),
            Origin::SubmissionDay => Value::text(self.submission_day.as_deref()),
            Origin::Text(text) => Value::Text(text),
            Origin::Int(number) => Value::number(Some(*number)),
            Origin::Bool(is) => Value::Bool(*is),
        }
    }

    /// Writes a value that is known.
    fn write(
        &self,
        column: &Column,
        known: &Known,
        names: &mut Names,
        to: &mut Draft,
    ) -> Result<(), Reason> {
        let mut spell = |pseudonym: &Pseudonym, id: &str, to: &mut String| {
            names.spell(pseudonym, (known.fleet, id), to);
        };
        match (&column.write, known.value) {
            (Write::Text(words), Value::Text(text)) => write_words(words, text, &mut spell, to),
            (Write::List(words), value) => write_list(words, value, &mut spell, to),
            (Write::Bool, value) => {
                to.bool(bool_of(value)?);
                Ok(())
            }
            (Write::Flag { yes, no }, value) => {
                to.text(if bool_of(value)? { yes } else { no });
                Ok(())
            }
            (
                Write::Number {
                    unit: wanted,
                    decimals,
                    shape,
                    ..
                },
                value,
            ) => {
                let number = match value {
                    Value::Number(number) => number,
                    Value::Text(text) => Number::parse(text).ok_or(Reason::Unreadable)?,
                    _ => return Err(Reason::Unreadable),
                };
                let digits = number
                    .convert(known.unit, *wanted, *decimals)
                    .ok_or(Reason::OutOfRange)?;
                match shape {
                    Shape::Decimal(_) => to.decimal(digits, *decimals),
                    Shape::Int32 if i32::try_from(digits).is_err() => {
                        return Err(Reason::OutOfRange);
                    }
                    _ => to.int(digits),
                }
                Ok(())
            }
            (Write::Time { style, round_s }, value) => {
                let time = match value {
                    Value::Time(time) => time,
                    Value::Text(text) => clock::parse(text).ok_or(Reason::Unreadable)?,
                    _ => return Err(Reason::Unreadable),
                };
                self.write_time(clock::rounded(time, *round_s), *style, to)
            }
            (Write::Text(_), _) => Err(Reason::Unreadable),
        }
    }

    fn write_time(&self, time: Timestamp, style: TimeStyle, to: &mut Draft) -> Result<(), Reason> {
        match style {
            TimeStyle::UnixMs => to.int(time.0),
            TimeStyle::UnixS => to.int(time.0.div_euclid(1000)),
            TimeStyle::Wall => {
                to.wall(clock::wall_ms(time, &self.zone).ok_or(Reason::OutOfRange)?);
            }
            _ => {
                let mut text = String::new();
                if !clock::spell(time, &self.zone, style, &mut text) {
                    return Err(Reason::OutOfRange);
                }
                to.text(&text);
            }
        }
        Ok(())
    }
}

/// Writes a text as it is called there, or under its pseudonym.
fn write_words(
    words: &Words,
    text: &str,
    spell: &mut impl FnMut(&Pseudonym, &str, &mut String),
    to: &mut Draft,
) -> Result<(), Reason> {
    if let Some(pseudonym) = &words.pseudonym {
        to.spell(|name| spell(pseudonym, text, name));
        return Ok(());
    }
    to.text(words.theirs(text)?);
    Ok(())
}

fn write_list(
    words: &Words,
    value: Value,
    spell: &mut impl FnMut(&Pseudonym, &str, &mut String),
    to: &mut Draft,
) -> Result<(), Reason> {
    let one;
    let several: Vec<&str>;
    let texts = match value {
        Value::Texts(texts) => texts,
        // An id has no semicolon, which stands between the items of a registry's cell.
        Value::Text(text) if words.pseudonym.is_some() => {
            one = [text];
            &one
        }
        Value::Text(text) => {
            several = text.split(';').map(str::trim).collect();
            &several
        }
        _ => return Err(Reason::Unreadable),
    };
    let theirs = texts.iter().map(|text| match &words.pseudonym {
        None => words.theirs(text).map(str::to_owned),
        Some(pseudonym) => {
            let mut name = String::new();
            spell(pseudonym, text, &mut name);
            Ok(name)
        }
    });
    let theirs = theirs.collect::<Result<Vec<_>, _>>()?;
    to.texts(theirs.iter().map(String::as_str));
    Ok(())
}

impl Words {
    /// What one of our words is called there.
    fn theirs<'a>(&'a self, ours: &'a str) -> Result<&'a str, Reason> {
        let text = match self.map.get(ours) {
            Some(theirs) => theirs,
            None if self.map.is_empty() => ours,
            None => return Err(Reason::NotOneOf),
        };
        let is_theirs = |word: &String| word == text;
        if !self.one_of.is_empty() && !self.one_of.iter().any(is_theirs) {
            return Err(Reason::NotOneOf);
        }
        Ok(text)
    }
}

fn bool_of(value: Value) -> Result<bool, Reason> {
    match value {
        Value::Bool(is) => Ok(is),
        Value::Text("true" | "yes" | "Y" | "y" | "1" | "TRUE" | "True") => Ok(true),
        Value::Text("false" | "no" | "N" | "n" | "0" | "FALSE" | "False") => Ok(false),
        _ => Err(Reason::Unreadable),
    }
}
