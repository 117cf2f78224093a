//! GeoJSON as far as zones need it: a collection of features that are polygons, with one property.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};

use super::Point;

/// A feature that is a zone, or a part of one.
pub(super) struct Feature {
    pub(super) id: String,
    pub(super) polygons: Vec<Vec<Vec<Point>>>,
}

#[derive(Deserialize)]
struct RawCollection {
    #[serde(rename = "type")]
    kind: String,
    features: Vec<RawFeature>,
}

#[derive(Deserialize)]
struct RawFeature {
    #[serde(default)]
    properties: Option<BTreeMap<String, serde_json::Value>>,
    geometry: RawGeometry,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum RawGeometry {
    Polygon(Vec<Vec<Point>>),
    MultiPolygon(Vec<Vec<Vec<Point>>>),
}

/// Reads a collection.
pub(super) fn read(text: &[u8], property: &str) -> Result<Vec<Feature>, String> {
    let raw: RawCollection = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if raw.kind != "FeatureCollection" {
        return Err(format!("it is a {}, not a FeatureCollection", raw.kind));
    }
    let mut features = Vec::new();
    for (at, feature) in raw.features.into_iter().enumerate() {
        let id = feature.properties.unwrap_or_default().remove(property);
        let id = match id {
            Some(serde_json::Value::String(text)) => text,
            Some(serde_json::Value::Number(number)) if !number.is_f64() => number.to_string(),
            _ => return Err(format!("feature {at} has no id in property {property:?}")),
        };
        let polygons = match feature.geometry {
            RawGeometry::Polygon(rings) => vec![rings],
            RawGeometry::MultiPolygon(polygons) => polygons,
        };
        features.push(Feature { id, polygons });
    }
    Ok(features)
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Position;
        impl<'de> Visitor<'de> for Position {
            type Value = Point;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position of longitude and latitude in degrees")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
                let lng = seq.next_element()?;
                let lat = seq.next_element()?;
                // A height may follow.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                let e7 = |degrees: Option<f64>, most: f64| {
                    degrees
                        .filter(|degrees| degrees.abs() <= most)
                        .map(|degrees| (degrees * 1e7).round() as i32)
                };
                match (e7(lng, 180.0), e7(lat, 90.0)) {
                    (Some(x), Some(y)) => Ok(Point { x, y }),
                    _ => Err(de::Error::custom("a position is out of range")),
                }
            }
        }
        deserializer.deserialize_seq(Position)
    }
}
