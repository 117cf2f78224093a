//! A city: where it is and which hours it keeps. Rides of one city teach one model.
//! It has no borders but a circle, and is no jurisdiction.

use std::{fmt, str::FromStr};

use jiff::{Timestamp as Instant, tz::TimeZone};
use schemas::{Coordinate, Meters, Timestamp};
use serde::{Deserialize, Serialize};

/// The name of the city that is everywhere where no other is.
const EVERYWHERE: &str = "everywhere";
/// Names become parts of keys in object storage.
const MAX_NAME_BYTES: usize = 64;
/// The sun moves on by so many degrees in an hour.
const DEGREES_PER_HOUR: f64 = 15.0;

/// A city as an operator names it: `sf=37.77,-122.42,80,America/Los_Angeles` is all within 80 km of a
/// place, by the clocks of San Francisco.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct City {
    name: String,
    area: Option<Area>,
}

/// A circle whose clocks are the same.
#[derive(Debug, Clone, PartialEq)]
struct Area {
    center: Coordinate,
    radius: Meters,
    zone: TimeZone,
}

/// The time of the week where a drive is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LocalTime {
    /// Hours since midnight, 0 to below 24.
    pub(crate) hour: f32,
    /// Days since Sunday, 0 to 6.
    pub(crate) weekday: u8,
}

impl City {
    /// Its name: letters, digits, `-` and `_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the city where a drive from `place` is.
    pub fn has(&self, place: Coordinate) -> bool {
        self.area
            .as_ref()
            .is_none_or(|area| area.center.distance(place).0 <= area.radius.0)
    }

    /// How long a degree of longitude is against one of latitude: all over a city about the same,
    /// elsewhere by whole degrees of latitude.
    pub(crate) fn parallel(&self, place: Coordinate) -> f64 {
        let lat = match &self.area {
            Some(area) => area.center.lat(),
            None => place.lat().round(),
        };
        lat.to_radians().cos()
    }

    /// What its clocks say. Where no zone is named they follow the sun: noon is within half an hour
    /// of when it stands highest.
    pub(crate) fn local(&self, time: Timestamp, place: Coordinate) -> LocalTime {
        let offset_s = match &self.area {
            Some(area) => Instant::from_millisecond(time.0)
                .map_or(0, |time| i64::from(area.zone.to_offset(time).seconds())),
            None => (place.lng() / DEGREES_PER_HOUR).round() as i64 * 3_600,
        };
        let seconds = time.0.div_euclid(1_000) + offset_s;
        // 1970 began on a Thursday.
        let weekday = (seconds.div_euclid(86_400) + 4).rem_euclid(7);
        LocalTime {
            hour: seconds.rem_euclid(86_400) as f32 / 3_600.0,
            weekday: weekday as u8,
        }
    }
}

impl Default for City {
    /// Everywhere, by the sun.
    fn default() -> Self {
        Self {
            name: EVERYWHERE.to_owned(),
            area: None,
        }
    }
}

impl FromStr for City {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == EVERYWHERE {
            return Ok(Self::default());
        }
        let usage =
            "a city is NAME=LAT,LNG,RADIUS_KM,ZONE, like sf=37.77,-122.42,80,America/Los_Angeles";
        let (name, area) = text.split_once('=').ok_or(usage)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_plain) {
            return Err(format!(
                "{name:?} is no name of a city: letters, digits, - and _"
            ));
        }
        if name == EVERYWHERE {
            return Err(format!(
                "{EVERYWHERE} is where no other city is, and has no place"
            ));
        }
        let parts: Vec<&str> = area.split(',').map(str::trim).collect();
        let [lat, lng, radius_km, zone] = parts[..] else {
            return Err(usage.to_owned());
        };
        let number = |text: &str| text.parse::<f64>().map_err(|_| usage.to_owned());
        let center = Coordinate::from_degrees(number(lat)?, number(lng)?)
            .map_err(|_| format!("{lat},{lng} is no place"))?;
        let radius_km = number(radius_km)?;
        if !(radius_km > 0.0 && radius_km <= 1_000.0) {
            return Err("the radius of a city is more than 0 and at most 1000 km".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            area: Some(Area {
                center,
                radius: Meters(radius_km * 1e3),
                zone: TimeZone::get(zone).map_err(|_| format!("{zone:?} is no time zone"))?,
            }),
        })
    }
}

impl fmt::Display for City {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        let Some(area) = &self.area else {
            return Ok(());
        };
        let (lat, lng) = (area.center.lat(), area.center.lng());
        let zone = area.zone.iana_name().unwrap_or("UTC");
        write!(formatter, "={lat},{lng},{},{zone}", area.radius.0 / 1e3)
    }
}

impl TryFrom<String> for City {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<City> for String {
    fn from(city: City) -> Self {
        city.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SF: &str = "sf=37.77,-122.42,80,America/Los_Angeles";

    fn check_local(city: &str, unix_s: i64, expected: (f32, u8)) {
        let city: City = city.parse().unwrap();
        let place = Coordinate::from_degrees(37.77, -122.42).unwrap();
        let local = city.local(Timestamp(unix_s * 1_000), place);
        assert_eq!((local.hour, local.weekday), expected);
    }

    #[test]
    fn clocks_are_the_citys_also_when_they_change_and_else_the_suns() {
        // 2008-06-03 07:00 UTC was a Tuesday; 2008-03-09 10:00 UTC is when clocks went forward.
        check_local(SF, 1_212_476_400, (0.0, 2));
        check_local(SF, 1_205_056_800 - 1, (1.0 + 3_599.0 / 3_600.0, 0));
        check_local(SF, 1_205_056_800, (3.0, 0));
        check_local(EVERYWHERE, 1_212_476_400, (23.0, 1));
        check_local(EVERYWHERE, -1, (15.0 + 3_599.0 / 3_600.0, 3));
    }

    #[test]
    fn a_city_is_what_lies_within_its_radius() {
        let city: City = SF.parse().unwrap();
        let at = |lat, lng| Coordinate::from_degrees(lat, lng).unwrap();
        assert!(city.has(at(37.62, -122.38)) && !city.has(at(38.58, -121.49)));
        assert!(City::default().has(at(38.58, -121.49)));
    }

    #[test]
    fn what_is_read_is_written_and_what_is_no_city_is_refused() {
        for text in [SF, EVERYWHERE, "b=-1.5,30,0.5,UTC"] {
            let city: City = text.parse().unwrap();
            assert_eq!(city.to_string(), text);
        }
        for (text, reason) in [
            ("sf", "NAME=LAT"),
            ("s/f=1,2,3,UTC", "no name"),
            ("=1,2,3,UTC", "no name"),
            ("everywhere=1,2,3,UTC", "has no place"),
            ("sf=1,2,3", "NAME=LAT"),
            ("sf=91,2,3,UTC", "no place"),
            ("sf=1,2,0,UTC", "radius"),
            ("sf=1,2,NaN,UTC", "radius"),
            ("sf=1,2,3,Mars/Base", "no time zone"),
        ] {
            let error = text.parse::<City>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
