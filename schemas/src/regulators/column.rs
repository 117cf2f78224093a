//! A column of a topic: where its value comes from, and how it is written. Checked once, when its
//! profile is read; the values themselves are written by `writing`.

mod reading;

use std::collections::BTreeMap;

pub(crate) use reading::RawColumn;

use super::{Shape, Unit, Who, clock::TimeStyle, pseudonym::Form};

/// A way is told with so many decimals of a degree.
const WAY_DECIMALS: u8 = 6;

/// A column of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name; in JSON, `a.b` is member b of object a.
    pub name: String,
    /// Whether the regulator wants a value in each row.
    pub is_required: bool,
    /// In JSON, whether a value that is not there is written as null; else its member is left out.
    pub is_nullable: bool,
    pub(crate) origins: Vec<Origin>,
    pub(crate) write: Write,
}

/// Where a value comes from; of several, the first that is known counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// A field of the generator's rows.
    Own {
        field: usize,
        part: Part,
    },
    /// The id of the row's vehicle, driver or ride.
    Id(Who),
    Fleet,
    /// A column of the registry, and the unit that its name tells.
    Fact {
        who: Who,
        column: usize,
        unit: Unit,
    },
    Jurisdiction(String),
    Company,
    SubmissionDate,
    SubmissionDay,
    Text(String),
    Int(i64),
    Bool(bool),
}

/// What of a field is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    Whole,
    Lat,
    Lng,
    /// The zone of a layer, by its place in the profile's list.
    Zone(usize),
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    Text(Words),
    List(Words),
    Bool,
    /// A word for yes and one for no.
    Flag {
        yes: String,
        no: String,
    },
    Number {
        unit: Unit,
        decimals: u8,
        shape: Shape,
        /// The unit of what the generator tells; None where each origin has its own.
        told: Option<Unit>,
    },
    Time {
        style: TimeStyle,
        round_s: u32,
    },
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Words {
    pub(crate) pseudonym: Option<Pseudonym>,
    /// What ours are called there; what is not in it is none of their words.
    pub(crate) map: BTreeMap<String, String>,
    pub(crate) one_of: Vec<String>,
    /// Whether the text is a way, which tells places.
    pub(crate) is_way: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pseudonym {
    pub(crate) kind: String,
    pub(crate) form: Form,
}

/// What a profile's columns ask for from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Needs {
    pub(crate) registry: [Vec<String>; 3],
    pub(crate) layers: Vec<String>,
    pub(crate) facts: Vec<String>,
    pub(crate) has_pseudonyms: bool,
    pub(crate) submission_date: bool,
}

impl Column {
    /// What its cells are.
    pub fn shape(&self) -> Shape {
        match &self.write {
            Write::Text(_) | Write::Flag { .. } => Shape::Text,
            Write::List(_) => Shape::Texts,
            Write::Bool => Shape::Bool,
            Write::Number { shape, .. } => *shape,
            Write::Time { style, .. } => match style {
                TimeStyle::UnixMs | TimeStyle::UnixS => Shape::Int,
                TimeStyle::Wall => Shape::Wall,
                _ => Shape::Text,
            },
        }
    }

    /// Whether it tells a coordinate.
    fn is_coordinate(&self) -> bool {
        self.origins.iter().any(|origin| {
            let Origin::Own { part, .. } = origin else {
                return false;
            };
            matches!(part, Part::Lat | Part::Lng)
        })
    }

    /// Whether it tells a way, place by place, that is finer than a policy allows.
    pub(crate) fn tells_too_much(&self, coordinate_decimals: Option<u8>) -> bool {
        let is_coarse = coordinate_decimals.is_some_and(|decimals| decimals < WAY_DECIMALS);
        is_coarse && matches!(&self.write, Write::Text(words) if words.is_way)
    }

    /// Keeps back what is finer than this.
    pub(crate) fn coarsen(&mut self, coordinate_decimals: Option<u8>, round_s: u32) {
        let is_coordinate = self.is_coordinate();
        match &mut self.write {
            Write::Time { round_s: own, .. } => *own = (*own).max(round_s),
            Write::Number {
                decimals, shape, ..
            } if is_coordinate => {
                *decimals = coordinate_decimals.map_or(*decimals, |most| most.min(*decimals));
                *shape = Shape::Decimal(*decimals);
            }
            _ => {}
        }
    }
}
