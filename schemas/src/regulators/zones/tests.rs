//! Places in zones: examples, and that of polygons that tile an area each place has exactly one.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn file(outside: Option<&str>) -> ZoneFile {
    ZoneFile {
        file: "zones.geojson".to_owned(),
        id: "zone".to_owned(),
        outside: outside.map(str::to_owned),
    }
}

fn layer(features: &serde_json::Value, outside: Option<&str>) -> Result<ZoneLayer, Problem> {
    let text = json!({"type": "FeatureCollection", "features": features}).to_string();
    ZoneLayer::parse(text.as_bytes(), &file(outside))
}

fn feature(
    id: impl Into<serde_json::Value>,
    kind: &str,
    coordinates: &serde_json::Value,
) -> serde_json::Value {
    let id = id.into();
    json!({"type": "Feature", "properties": {"zone": id}, "geometry": {"type": kind, "coordinates": coordinates}})
}

fn square(west: f64, south: f64, east: f64, north: f64) -> serde_json::Value {
    json!([
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south]
    ])
}

#[test]
fn a_place_lies_in_its_polygon_without_the_holes() {
    let features = json!([
        feature(
            "lake",
            "Polygon",
            &json!([square(1.0, 1.0, 4.0, 4.0), square(2.0, 2.0, 3.0, 3.0)])
        ),
        feature(
            7,
            "MultiPolygon",
            &json!([[square(5.0, 1.0, 6.0, 2.0)], [square(2.2, 2.2, 2.4, 2.4)]])
        ),
    ]);
    let inside = layer(&features, None).unwrap();
    let outside = layer(&features, Some("none")).unwrap();
    let check = |lat, lng, expected: Option<&str>| {
        let place = Coordinate::from_degrees(lat, lng).unwrap();
        assert_eq!(inside.zone(place), expected, "{lat} {lng}");
        assert_eq!(
            outside.zone(place),
            expected.or(Some("none")),
            "{lat} {lng}"
        );
    };
    check(1.5, 1.5, Some("lake"));
    check(2.5, 2.5, None);
    check(2.3, 2.3, Some("7"));
    check(1.5, 5.5, Some("7"));
    check(0.5, 1.5, None);
    check(1.5, 4.5, None);
    check(-80.0, 170.0, None);
    // A border belongs to the zone on its east and north.
    check(1.0, 1.5, Some("lake"));
    check(4.0, 1.5, None);
    check(1.5, 1.0, Some("lake"));
    check(1.5, 4.0, None);
}

#[test]
fn what_is_no_zone_is_told() {
    let check = |features: serde_json::Value, word: &str| {
        let problem = layer(&features, None).unwrap_err().to_string();
        assert!(
            problem.contains("zones.geojson") && problem.contains(word),
            "{problem}"
        );
    };
    check(
        json!([{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": []}}]),
        "feature 0 has no id",
    );
    check(
        json!([feature(1.5, "Polygon", &json!([]))]),
        "feature 0 has no id",
    );
    check(json!([feature(1, "Point", &json!([1.0, 1.0]))]), "Point");
    check(
        json!([feature(1, "Polygon", &json!([[[1.0, 91.0]]]))]),
        "out of range",
    );
    check(
        json!([feature(1, "Polygon", &json!([[[1.0]]]))]),
        "out of range",
    );
    let text = br#"{"type":"Feature","features":[]}"#;
    assert!(ZoneLayer::parse(text, &file(None)).is_err());
    assert!(
        layer(&json!([]), None)
            .unwrap()
            .zone(Coordinate::from_degrees(1.0, 1.0).unwrap())
            .is_none()
    );
}

/// A net of quadrilaterals over [0, 3) x [0, 3) units, whose inner vertices lie anywhere near theirs.
fn net(shifts: &[(i32, i32)], unit: i32) -> Vec<Polygon> {
    let vertex = |column: i32, row: i32| {
        let is_inner = (1..3).contains(&column) && (1..3).contains(&row);
        let (dx, dy) = if is_inner {
            shifts[((row - 1) * 2 + column - 1) as usize]
        } else {
            (0, 0)
        };
        Point {
            x: column * unit + dx,
            y: row * unit + dy,
        }
    };
    let mut polygons = Vec::new();
    for row in 0..3 {
        for column in 0..3 {
            let mut ring = vec![
                vertex(column, row),
                vertex(column + 1, row),
                vertex(column + 1, row + 1),
                vertex(column, row + 1),
            ];
            // The way round must not matter.
            if (row + column) % 2 == 0 {
                ring.reverse();
            }
            polygons.extend(Polygon::new(polygons.len(), vec![ring]));
        }
    }
    polygons
}

proptest! {
    #[test]
    fn of_polygons_that_tile_each_place_has_exactly_one(
        shifts in prop::collection::vec((-3..=3, -3..=3), 4),
        scale in prop::sample::select(vec![1, 1_000_000]),
    ) {
        let unit = 8 * scale;
        let shifts: Vec<_> = shifts.iter().map(|(x, y)| (x * scale, y * scale)).collect();
        let polygons = net(&shifts, unit);
        let grid = Grid::over(&polygons);
        for x in -1..=24 {
            for y in -1..=24 {
                let point = Point { x: x * scale, y: y * scale };
                let holders: Vec<_> = (0..9_u32).filter(|at| polygons[*at as usize].holds(point)).collect();
                let is_within = (0..24).contains(&x) && (0..24).contains(&y);
                prop_assert_eq!(holders.len(), usize::from(is_within), "{:?} {:?}", point, holders);
                for holder in holders {
                    prop_assert!(grid.cell(point).contains(&holder));
                }
            }
        }
    }
}
