//! Quantities with their units, as exact integers where they travel and are stored.
//! Each is valid once it exists; range checks stand here and nowhere else.

use serde::{Deserialize, Serialize};

/// The mean radius of the earth in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// Metres that one 1e-7 degree of latitude spans on that sphere.
const METERS_PER_E7: f64 = EARTH_RADIUS_M * std::f64::consts::PI / 180.0 / 1e7;

/// A point in time: milliseconds since 1970-01-01 UTC.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds from `earlier` to `self`; negative if `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e3
    }
}

/// A length in metres.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meters(pub f64);

/// A position on WGS84, in integers of 1e-7 degree (11 mm at the equator).
///
/// One that exists is in range and is not the null island (0, 0) of receivers without a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(i32, i32)", into = "(i32, i32)")]
pub struct Coordinate {
    lat_e7: i32,
    lng_e7: i32,
}

impl TryFrom<(i32, i32)> for Coordinate {
    type Error = &'static str;

    fn try_from((lat_e7, lng_e7): (i32, i32)) -> Result<Self, Self::Error> {
        Self::from_e7(lat_e7, lng_e7).map_err(|_| "no position")
    }
}

impl From<Coordinate> for (i32, i32) {
    fn from(position: Coordinate) -> Self {
        (position.lat_e7, position.lng_e7)
    }
}

/// A circle of latitude, as its length against the equator's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parallel(f64);

impl Parallel {
    fn at(lat_degrees: f64) -> Self {
        Self(lat_degrees.to_radians().cos())
    }
}

/// Says why a pair of numbers is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCoordinate {
    /// Not a number, or outside -90..=90 or -180..=180.
    OutOfRange,
    /// Exactly (0, 0): what receivers send that have no fix.
    NullIsland,
}

impl Coordinate {
    /// Takes degrees and rounds them to 1e-7.
    ///
    /// # Errors
    /// [`InvalidCoordinate`] for NaN, degrees out of range, and (0, 0).
    pub fn from_degrees(lat: f64, lng: f64) -> Result<Self, InvalidCoordinate> {
        if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lng) {
            return Err(InvalidCoordinate::OutOfRange);
        }
        Self::from_e7((lat * 1e7).round() as i32, (lng * 1e7).round() as i32)
    }

    /// Takes integers of 1e-7 degree.
    ///
    /// # Errors
    /// [`InvalidCoordinate`] for degrees out of range and (0, 0).
    pub fn from_e7(lat_e7: i32, lng_e7: i32) -> Result<Self, InvalidCoordinate> {
        let in_range = (-900_000_000..=900_000_000).contains(&lat_e7)
            && (-1_800_000_000..=1_800_000_000).contains(&lng_e7);
        match (in_range, lat_e7, lng_e7) {
            (false, ..) => Err(InvalidCoordinate::OutOfRange),
            (true, 0, 0) => Err(InvalidCoordinate::NullIsland),
            (true, ..) => Ok(Self { lat_e7, lng_e7 }),
        }
    }

    /// Latitude in 1e-7 degree.
    pub fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in 1e-7 degree.
    pub fn lng_e7(self) -> i32 {
        self.lng_e7
    }

    /// Latitude in degrees.
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) / 1e7
    }

    /// Longitude in degrees.
    pub fn lng(self) -> f64 {
        f64::from(self.lng_e7) / 1e7
    }

    /// The circle of latitude on which it lies.
    pub fn parallel(self) -> Parallel {
        Parallel::at(self.lat())
    }

    /// The distance by the crow: on the plane tangent between the two, which within 100 km and up
    /// to 60 degrees of latitude is the great circle's to a thousandth (up to 75, to a hundredth;
    /// near the poles it is too long); by the haversine formula beyond.
    pub fn distance(self, other: Self) -> Meters {
        let (east, north) = self.offset_to(other);
        // Far below the range where hypot's care about overflow would be worth its price.
        let plane = (east.0 * east.0 + north.0 * north.0).sqrt();
        if plane < 100_000.0 {
            Meters(plane)
        } else {
            self.haversine(other)
        }
    }

    /// Metres east and north from here to `other`, on the plane tangent between them.
    pub fn offset_to(self, other: Self) -> (Meters, Meters) {
        let middle = (f64::from(self.lat_e7) + f64::from(other.lat_e7)) / 2e7;
        self.offset_along(other, Parallel::at(middle))
    }

    /// The place so many metres east and north of here: that to which [`Self::offset_to`] tells them.
    ///
    /// # Errors
    /// [`InvalidCoordinate`] beyond a pole or the antimeridian.
    pub fn offset_by(self, east: Meters, north: Meters) -> Result<Self, InvalidCoordinate> {
        let lat = self.lat() + north.0 / METERS_PER_E7 / 1e7;
        let Parallel(narrow) = Parallel::at(f64::midpoint(self.lat(), lat));
        Self::from_degrees(lat, self.lng() + east.0 / METERS_PER_E7 / 1e7 / narrow)
    }

    /// Metres east and north from here to `other`, on a plane that touches the earth at `parallel`.
    pub fn offset_along(self, other: Self, parallel: Parallel) -> (Meters, Meters) {
        let mut dlng = i64::from(other.lng_e7) - i64::from(self.lng_e7);
        // Across the antimeridian the short way round.
        if dlng > 1_800_000_000 {
            dlng -= 3_600_000_000;
        } else if dlng < -1_800_000_000 {
            dlng += 3_600_000_000;
        }
        let dlat = f64::from(other.lat_e7) - f64::from(self.lat_e7);
        let east = dlng as f64 * METERS_PER_E7 * parallel.0;
        (Meters(east), Meters(dlat * METERS_PER_E7))
    }

    /// The great-circle distance (Sinnott 1984, "Virtues of the Haversine").
    fn haversine(self, other: Self) -> Meters {
        let (lat1, lat2) = (self.lat().to_radians(), other.lat().to_radians());
        let half_lat = ((lat2 - lat1) / 2.0).sin();
        let half_lng = ((other.lng() - self.lng()).to_radians() / 2.0).sin();
        let h = half_lat * half_lat + lat1.cos() * lat2.cos() * half_lng * half_lng;
        Meters(2.0 * EARTH_RADIUS_M * h.min(1.0).sqrt().asin())
    }
}

/// A speed over ground in cm/s, at most 150 m/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Speed(u16);

impl TryFrom<u16> for Speed {
    type Error = &'static str;

    fn try_from(raw: u16) -> Result<Self, Self::Error> {
        Self::from_cm_s(u32::from(raw)).ok_or("out of range")
    }
}

impl From<Speed> for u16 {
    fn from(quantity: Speed) -> Self {
        quantity.0
    }
}

impl Speed {
    /// No road vehicle is faster; in cm/s.
    pub const MAX_CM_S: u32 = 15_000;

    /// Takes m/s, rounded to cm/s. None if negative, NaN or above 150.
    pub fn from_mps(mps: f64) -> Option<Self> {
        rounded(mps * 100.0, 0, i64::from(Self::MAX_CM_S)).map(|cm_s| Self(cm_s as u16))
    }

    /// Takes cm/s. None if above 15,000.
    pub fn from_cm_s(cm_s: u32) -> Option<Self> {
        (cm_s <= Self::MAX_CM_S).then_some(Self(cm_s as u16))
    }

    /// In cm/s.
    pub fn cm_s(self) -> u32 {
        u32::from(self.0)
    }

    /// In m/s.
    pub fn mps(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// A direction clockwise from north in 1/100 degree, below 360 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Heading(u16);

impl TryFrom<u16> for Heading {
    type Error = &'static str;

    fn try_from(raw: u16) -> Result<Self, Self::Error> {
        Self::from_cdeg(u32::from(raw)).ok_or("out of range")
    }
}

impl From<Heading> for u16 {
    fn from(quantity: Heading) -> Self {
        quantity.0
    }
}

impl Heading {
    /// Takes degrees from 0 to 360; 360 is north again. None outside, or NaN.
    pub fn from_degrees(degrees: f64) -> Option<Self> {
        rounded(degrees * 100.0, 0, 36_000).map(|cdeg| Self((cdeg % 36_000) as u16))
    }

    /// Takes 1/100 degree. None if 360 degrees or more.
    pub fn from_cdeg(cdeg: u32) -> Option<Self> {
        (cdeg < 36_000).then_some(Self(cdeg as u16))
    }

    /// In 1/100 degree.
    pub fn cdeg(self) -> u32 {
        u32::from(self.0)
    }

    /// In degrees.
    pub fn degrees(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// The radius around a fix that holds the truth with 68 %, in dm, at most 100 km.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Accuracy(u32);

impl TryFrom<u32> for Accuracy {
    type Error = &'static str;

    fn try_from(raw: u32) -> Result<Self, Self::Error> {
        Self::from_dm(raw).ok_or("out of range")
    }
}

impl From<Accuracy> for u32 {
    fn from(quantity: Accuracy) -> Self {
        quantity.0
    }
}

impl Accuracy {
    const MAX_DM: u32 = 1_000_000;

    /// Takes metres, rounded to dm. None if negative, NaN or above 100 km.
    pub fn from_meters(meters: f64) -> Option<Self> {
        rounded(meters * 10.0, 0, i64::from(Self::MAX_DM)).map(|dm| Self(dm as u32))
    }

    /// Takes dm. None if above 100 km.
    pub fn from_dm(dm: u32) -> Option<Self> {
        (dm <= Self::MAX_DM).then_some(Self(dm))
    }

    /// In dm.
    pub fn dm(self) -> u32 {
        self.0
    }

    /// In metres.
    pub fn meters(self) -> Meters {
        Meters(f64::from(self.0) / 10.0)
    }
}

/// A height above the WGS84 ellipsoid in dm, from -1 km to 20 km.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Altitude(i32);

impl TryFrom<i32> for Altitude {
    type Error = &'static str;

    fn try_from(raw: i32) -> Result<Self, Self::Error> {
        Self::from_dm(raw).ok_or("out of range")
    }
}

impl From<Altitude> for i32 {
    fn from(quantity: Altitude) -> Self {
        quantity.0
    }
}

impl Altitude {
    const RANGE_DM: std::ops::RangeInclusive<i32> = -10_000..=200_000;

    /// Takes metres, rounded to dm. None if NaN or outside -1 km to 20 km.
    pub fn from_meters(meters: f64) -> Option<Self> {
        let (low, high) = (
            i64::from(*Self::RANGE_DM.start()),
            i64::from(*Self::RANGE_DM.end()),
        );
        rounded(meters * 10.0, low, high).map(|dm| Self(dm as i32))
    }

    /// Takes dm. None outside -1 km to 20 km.
    pub fn from_dm(dm: i32) -> Option<Self> {
        Self::RANGE_DM.contains(&dm).then_some(Self(dm))
    }

    /// In dm.
    pub fn dm(self) -> i32 {
        self.0
    }

    /// In metres.
    pub fn meters(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

/// Rounds to the nearest integer within `low..=high`; None for NaN and what lies outside.
fn rounded(value: f64, low: i64, high: i64) -> Option<i64> {
    let nearest = value.round();
    (nearest >= low as f64 && nearest <= high as f64).then_some(nearest as i64)
}

#[cfg(test)]
mod tests;
