//! Encoded polylines of precision 6: a way as a short text.
//! Format: Google's "Encoded Polyline Algorithm Format", with 1e-6 degree as OSRM and Valhalla do.
//! It does not simplify ways or measure them.

use crate::Coordinate;

/// The most points that a route may have: 100 km with a point every 10 m.
pub const MAX_POINTS: usize = 10_000;
/// Units of the format per degree, and of a coordinate per unit of the format.
const E7_PER_UNIT: i64 = 10;

/// Says that a text is no polyline: a bad character, a torn number, a point out of range, fewer
/// than 2 points, or more than [`MAX_POINTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an encoded polyline of precision 6 with 2 to 10000 points")]
pub struct InvalidPolyline;

/// Decodes a way.
///
/// # Errors
/// [`InvalidPolyline`].
pub fn decode(text: &str) -> Result<Vec<Coordinate>, InvalidPolyline> {
    let mut points = Vec::with_capacity(text.len() / 6);
    let mut rest = text.as_bytes();
    let (mut lat, mut lng) = (0_i64, 0_i64);
    while !rest.is_empty() {
        lat += decode_number(&mut rest)?;
        lng += decode_number(&mut rest)?;
        let (Ok(lat_e7), Ok(lng_e7)) = (
            i32::try_from(lat * E7_PER_UNIT),
            i32::try_from(lng * E7_PER_UNIT),
        ) else {
            return Err(InvalidPolyline);
        };
        points.push(Coordinate::from_e7(lat_e7, lng_e7).map_err(|_| InvalidPolyline)?);
        if points.len() > MAX_POINTS {
            return Err(InvalidPolyline);
        }
    }
    if points.len() < 2 {
        Err(InvalidPolyline)
    } else {
        Ok(points)
    }
}

/// Encodes a way; coordinates are rounded to 1e-6 degree. What would become the null island is put a
/// unit beside it, 11 cm to the north, where it can be decoded.
pub fn encode(points: impl IntoIterator<Item = Coordinate>) -> String {
    let mut text = String::new();
    let (mut lat, mut lng) = (0_i64, 0_i64);
    for point in points {
        let (next_lat, next_lng) = match (to_unit(point.lat_e7()), to_unit(point.lng_e7())) {
            (0, 0) => (1, 0),
            units => units,
        };
        encode_number(&mut text, next_lat - lat);
        encode_number(&mut text, next_lng - lng);
        (lat, lng) = (next_lat, next_lng);
    }
    text
}

/// Rounds to the nearest unit of the format, halves away from zero.
fn to_unit(e7: i32) -> i64 {
    let e7 = i64::from(e7);
    (e7 + e7.signum() * E7_PER_UNIT / 2) / E7_PER_UNIT
}

/// Takes one zigzag number of 5-bit groups, lowest first, each offset by 63.
fn decode_number(rest: &mut &[u8]) -> Result<i64, InvalidPolyline> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(5) {
        let (&byte, tail) = rest.split_first().ok_or(InvalidPolyline)?;
        *rest = tail;
        let group = byte
            .checked_sub(63)
            .filter(|group| *group < 64)
            .ok_or(InvalidPolyline)?;
        value |= u64::from(group & 31) << shift;
        if group < 32 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(InvalidPolyline)
}

fn encode_number(text: &mut String, number: i64) {
    let mut value = ((number << 1) ^ (number >> 63)) as u64;
    while value >= 32 {
        text.push(char::from(((value & 31) | 32) as u8 + 63));
        value >>= 5;
    }
    text.push(char::from(value as u8 + 63));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(lat: f64, lng: f64) -> Coordinate {
        Coordinate::from_degrees(lat, lng).unwrap()
    }

    #[test]
    fn the_example_of_the_format_reads_with_a_tenth_of_its_degrees() {
        // Google's example is of precision 5; read with precision 6 its degrees are a tenth.
        let points = decode("_p~iF~ps|U_ulLnnqC_mqNvxq`@").unwrap();
        assert_eq!(
            points,
            [
                point(3.85, -12.02),
                point(4.07, -12.095),
                point(4.3252, -12.6453)
            ]
        );
        assert_eq!(encode(points), "_p~iF~ps|U_ulLnnqC_mqNvxq`@");
    }

    #[test]
    fn torn_and_foreign_texts_are_refused() {
        for text in [
            "",
            "_p~iF",
            "_p~iF~ps|U",
            "_p~iF~ps|U_ulL",
            "\u{7f}\u{7f}",
            "~~~~~~~~~~~~",
            "é",
        ] {
            assert_eq!(decode(text), Err(InvalidPolyline), "{text}");
        }
    }

    #[test]
    fn a_way_beside_the_null_island_decodes() {
        let beside = [(0, 3), (-4, 4), (0, 5)].map(|(lat, lng)| Coordinate::from_e7(lat, lng));
        let decoded = decode(&encode(beside.map(Result::unwrap))).unwrap();
        let decoded: Vec<_> = decoded
            .iter()
            .map(|at| (at.lat_e7(), at.lng_e7()))
            .collect();
        assert_eq!(decoded, [(10, 0), (10, 0), (0, 10)]);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_nearest_unit(
            ways in proptest::collection::vec((1_000_i32..899_999_990, -1_799_999_990_i32..1_799_999_990), 2..50),
        ) {
            let points: Vec<_> =
                ways.iter().filter_map(|(lat, lng)| Coordinate::from_e7(*lat, *lng).ok()).collect();
            prop_assume!(points.len() >= 2);
            let decoded = decode(&encode(points.iter().copied())).unwrap();
            prop_assert_eq!(decoded.len(), points.len());
            for (decoded, point) in decoded.iter().zip(&points) {
                // A unit is ten of 1e-7 degree.
                prop_assert!((decoded.lat_e7() - point.lat_e7()).abs() <= 5);
                prop_assert!((decoded.lng_e7() - point.lng_e7()).abs() <= 5);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = decode(&text);
        }
    }
}
