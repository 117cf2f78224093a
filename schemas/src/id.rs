//! Identifiers of fleets, vehicles, drivers and rides: short, checked, stored inline.
//! They are names that clients chose; nothing here creates or looks up one.

use std::{fmt, hash::Hash, marker::PhantomData};

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest id in bytes. A UUID has 36; an inline copy of 64 costs less than an allocation.
pub const MAX_ID_BYTES: usize = 64;

/// The fleet of a client that names none.
const DEFAULT_FLEET: &str = "default";

/// Which bytes an id may have, by a look instead of five comparisons: every record has four ids.
const IS_PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let is_mark = matches!(byte, b'.' | b'_' | b':' | b'-');
        table[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    table
};

/// Says that a text is no id: empty, too long, or with a character outside `[A-Za-z0-9._:-]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
pub struct InvalidId;

/// An id of one kind of thing, 1 to 64 characters of `[A-Za-z0-9._:-]`.
pub struct Id<Kind>(ArrayString<MAX_ID_BYTES>, PhantomData<fn() -> Kind>);

/// Marks fleet ids.
#[derive(Debug)]
pub enum Fleet {}
/// Marks vehicle ids, unique within a fleet.
#[derive(Debug)]
pub enum Vehicle {}
/// Marks driver ids, unique within a fleet.
#[derive(Debug)]
pub enum Driver {}
/// Marks ride ids, unique within a fleet.
#[derive(Debug)]
pub enum Ride {}

/// Names a fleet.
pub type FleetId = Id<Fleet>;
/// Names a vehicle within its fleet.
pub type VehicleId = Id<Vehicle>;
/// Names a driver within their fleet.
pub type DriverId = Id<Driver>;
/// Names a ride within its fleet.
pub type RideId = Id<Ride>;

impl<Kind> Id<Kind> {
    /// Checks and copies `text`.
    ///
    /// # Errors
    /// [`InvalidId`] if the text is empty, too long or has a character that ids do not have.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || !text.bytes().all(|byte| IS_PLAIN[usize::from(byte)]) {
            return Err(InvalidId);
        }
        ArrayString::from(text)
            .map(|text| Self(text, PhantomData))
            .map_err(|_| InvalidId)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id whose text was kept.
    #[expect(
        clippy::expect_used,
        reason = "the text was an id's, which is short enough"
    )]
    pub(crate) fn of_kept(text: &str) -> Self {
        Self(ArrayString::from(text).expect("an id's text"), PhantomData)
    }
}

impl Default for FleetId {
    /// The fleet of a client that names none: `default`.
    fn default() -> Self {
        let mut text = ArrayString::new();
        text.push_str(DEFAULT_FLEET);
        Self(text, PhantomData)
    }
}

impl<Kind> Clone for Id<Kind> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Kind> Copy for Id<Kind> {}

impl<Kind> PartialEq for Id<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<Kind> Eq for Id<Kind> {}

impl<Kind> PartialOrd for Id<Kind> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Kind> Ord for Id<Kind> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<Kind> Hash for Id<Kind> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<Kind> fmt::Debug for Id<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<Kind> fmt::Display for Id<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<Kind> std::str::FromStr for Id<Kind> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl<Kind> Serialize for Id<Kind> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, Kind> Deserialize<'de> for Id<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<Kind>(PhantomData<fn() -> Kind>);
        impl<Kind> de::Visitor<'_> for Visitor<Kind> {
            type Value = Id<Kind>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "an id of 1 to {MAX_ID_BYTES} characters of A-Z a-z 0-9 . _ : -"
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id<Kind>, E> {
                Id::new(text).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Visitor(PhantomData))
    }
}
