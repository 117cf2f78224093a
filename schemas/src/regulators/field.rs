//! What a generator knows of a row, by names that profiles use: `trip.distance_m`, `ping.speed`.
//! How a column writes it is `column`'s; what a fleet's registry adds is `registry`'s.

use super::unit::{Number, Unit};
use crate::{Coordinate, DriverId, FleetId, RideId, Timestamp, VehicleId};

/// What kind of value a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A way as an encoded polyline, which tells places.
    Way,
    Bool,
    Time,
    Number(Unit),
    /// A place, of which columns write `.lat`, `.lng` or `.zone.<layer>`.
    Place,
    Texts,
}

/// A field's value in one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Unknown,
    /// Not known, because it began before what was read.
    BeganEarlier,
    /// Known, and kept back by the policy of privacy.
    Withheld,
    Text(&'a str),
    Bool(bool),
    Time(Timestamp),
    Number(Number),
    Place(Coordinate),
    Texts(&'a [&'a str]),
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Unknown, Self::Text)
    }

    pub(crate) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Unknown, Self::Time)
    }

    pub(crate) fn place(place: Option<Coordinate>) -> Self {
        place.map_or(Self::Unknown, Self::Place)
    }

    pub(crate) fn number(number: Option<impl Into<i64>>) -> Self {
        number.map_or(Self::Unknown, |number| Self::Number(Number::whole(number)))
    }
}

/// A named value of rows that are made from `S`.
pub(crate) struct Field<S: 'static> {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) get: for<'a> fn(&'a S) -> Value<'a>,
}

/// Whom a row is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) fleet: FleetId,
    pub(crate) vehicle: VehicleId,
    pub(crate) driver: Option<DriverId>,
    pub(crate) ride: Option<RideId>,
    /// The row's own time, which decides to which period it belongs.
    pub(crate) time: Timestamp,
}

/// What rows of one kind are made from.
pub(crate) trait Source: Sized + 'static {
    /// Its fields, in the order of the documentation.
    const FIELDS: &'static [Field<Self>];

    fn subject(&self) -> Subject;
}

/// The names and kinds of a source's fields, for who reads a profile.
pub(crate) fn names<S: Source>() -> Vec<(&'static str, Kind)> {
    S::FIELDS
        .iter()
        .map(|field| (field.name, field.kind))
        .collect()
}
