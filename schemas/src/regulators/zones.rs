//! Zones: polygons of a supplied GeoJSON file (RFC 7946), and in which one a place lies. None are
//! shipped, and no file is read here. A polygon that crosses the antimeridian must be cut there, as
//! the RFC asks.
//!
//! Vertices are rounded to the archive's 1e-7 degree, and then all is exact: of polygons that tile an
//! area with common vertices, every place lies in exactly one, also on borders (a border belongs to
//! the polygon on its east, and of those that meet in a vertex or a horizontal edge to that on the
//! north). Where polygons overlap, the first of the file counts.

mod geojson;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use super::{Problem, ZoneFile};
use crate::Coordinate;

/// The grid has about as many cells as there are polygons, within this many on a side.
const SIDES: RangeInclusive<usize> = 1..=1024;

/// Layers of polygons by name.
#[derive(Debug, Default)]
pub struct Zones(BTreeMap<String, Arc<ZoneLayer>>);

/// The polygons of one file.
#[derive(Debug)]
pub struct ZoneLayer {
    ids: Vec<String>,
    polygons: Vec<Polygon>,
    grid: Grid,
    outside: Option<String>,
}

/// Rings of one polygon; inside is what an odd number of them surrounds.
#[derive(Debug)]
struct Polygon {
    /// The place of its zone in the list of ids.
    zone: usize,
    rings: Vec<Vec<Point>>,
    bounds: Bounds,
}

/// A vertex, in 1e-7 degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    low: Point,
    high: Point,
}

/// Which polygons may hold the places of a cell.
#[derive(Debug)]
struct Grid {
    bounds: Bounds,
    side: usize,
    cells: Vec<Vec<u32>>,
}

impl Zones {
    /// Adds a layer.
    pub fn insert(&mut self, name: &str, layer: ZoneLayer) {
        self.0.insert(name.to_owned(), Arc::new(layer));
    }

    /// The layers that a profile names, in its order.
    pub(crate) fn in_order(
        &self,
        names: &[String],
        problems: &mut Vec<Problem>,
    ) -> Vec<Arc<ZoneLayer>> {
        let mut layers = Vec::new();
        for name in names {
            match self.0.get(name) {
                Some(layer) => layers.push(Arc::clone(layer)),
                None => problems.push(Problem::new(format!(
                    "the profile needs zones.{name} of the jurisdiction"
                ))),
            }
        }
        layers
    }
}

impl ZoneLayer {
    /// Reads a GeoJSON `FeatureCollection` of polygons; `file.id` names the property that is a
    /// zone's id, a text or a whole number. Features with one id are one zone.
    ///
    /// # Errors
    /// [`Problem`] for what is no such collection, for a feature without the property, and for
    /// coordinates out of range.
    pub fn parse(geojson: &[u8], file: &ZoneFile) -> Result<Self, Problem> {
        let tell = |what: String| Problem::new(format!("zones {}: {what}", file.file));
        let mut ids: Vec<String> = Vec::new();
        let mut known = BTreeMap::new();
        let mut polygons = Vec::new();
        for feature in geojson::read(geojson, &file.id).map_err(tell)? {
            let zone = *known.entry(feature.id).or_insert_with_key(|id| {
                ids.push(id.clone());
                ids.len() - 1
            });
            for rings in feature.polygons {
                polygons.extend(Polygon::new(zone, rings));
            }
        }
        Ok(Self {
            grid: Grid::over(&polygons),
            ids,
            polygons,
            outside: file.outside.clone(),
        })
    }

    /// The id of the zone in which a place lies; else that of what is outside, if there is one.
    pub fn zone(&self, place: Coordinate) -> Option<&str> {
        let point = Point {
            x: place.lng_e7(),
            y: place.lat_e7(),
        };
        let candidates = self.grid.cell(point);
        let holds = |at: &&u32| self.polygons[**at as usize].holds(point);
        match candidates.iter().find(holds) {
            Some(at) => Some(&self.ids[self.polygons[*at as usize].zone]),
            None => self.outside.as_deref(),
        }
    }
}

impl Polygon {
    /// None without a vertex.
    fn new(zone: usize, rings: Vec<Vec<Point>>) -> Option<Self> {
        let bounds = Bounds::of(rings.iter().flatten().copied())?;
        Some(Self {
            zone,
            rings,
            bounds,
        })
    }

    fn holds(&self, point: Point) -> bool {
        if !self.bounds.hold(point) {
            return false;
        }
        let mut is_inside = false;
        for ring in &self.rings {
            let next = ring.iter().cycle().skip(1);
            for (one, other) in ring.iter().zip(next) {
                is_inside ^= is_west_of(point, *one, *other);
            }
        }
        is_inside
    }
}

/// Whether a ray from the point to the east crosses the edge. An edge has its lower end and not its
/// upper one, and is looked at from there whatever way its ring goes, so that two polygons with a
/// common edge agree on it.
fn is_west_of(point: Point, one: Point, other: Point) -> bool {
    let (low, high) = if one.y <= other.y {
        (one, other)
    } else {
        (other, one)
    };
    if point.y < low.y || point.y >= high.y {
        return false;
    }
    let across = |point: Point| i128::from(point.x) - i128::from(low.x);
    let up = |point: Point| i128::from(point.y) - i128::from(low.y);
    across(high) * up(point) > across(point) * up(high)
}

impl Bounds {
    fn of(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        points
            .into_iter()
            .map(|point| Self {
                low: point,
                high: point,
            })
            .reduce(Self::join)
    }

    fn join(self, other: Self) -> Self {
        let low = Point {
            x: self.low.x.min(other.low.x),
            y: self.low.y.min(other.low.y),
        };
        let high = Point {
            x: self.high.x.max(other.high.x),
            y: self.high.y.max(other.high.y),
        };
        Self { low, high }
    }

    fn hold(&self, point: Point) -> bool {
        (self.low.x..=self.high.x).contains(&point.x)
            && (self.low.y..=self.high.y).contains(&point.y)
    }
}

impl Grid {
    fn over(polygons: &[Polygon]) -> Self {
        let bounds = polygons.iter().map(|polygon| polygon.bounds);
        let bounds = bounds.reduce(Bounds::join).unwrap_or(Bounds {
            low: Point { x: 0, y: 0 },
            high: Point { x: 0, y: 0 },
        });
        let side = polygons.len().isqrt() * 2;
        let side = side.clamp(*SIDES.start(), *SIDES.end());
        let mut grid = Self {
            bounds,
            side,
            cells: vec![Vec::new(); side * side],
        };
        for (at, polygon) in polygons.iter().enumerate() {
            let (west, south) = grid.place(polygon.bounds.low);
            let (east, north) = grid.place(polygon.bounds.high);
            for row in south..=north {
                for column in west..=east {
                    grid.cells[row * side + column].push(at as u32);
                }
            }
        }
        grid
    }

    /// The polygons that may hold a point, in the order of the file.
    fn cell(&self, point: Point) -> &[u32] {
        if !self.bounds.hold(point) {
            return &[];
        }
        let (column, row) = self.place(point);
        &self.cells[row * self.side + column]
    }

    /// Column and row of a point within the bounds.
    fn place(&self, point: Point) -> (usize, usize) {
        let along = |at: i32, low: i32, high: i32| {
            let (at, length) = (
                i64::from(at) - i64::from(low),
                i64::from(high) - i64::from(low),
            );
            (at * self.side as i64 / (length + 1)) as usize
        };
        let Bounds { low, high } = self.bounds;
        (along(point.x, low.x, high.x), along(point.y, low.y, high.y))
    }
}
