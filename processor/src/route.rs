//! A planned way on a local plane, and where on it lies what is nearest to a place.
//! Which part of it is searched, and what follows from it, is `follow`'s.

use std::ops::Range;

use schemas::{Coordinate, Meters, Parallel};
use serde::{Deserialize, Serialize};

/// Points are so far apart at least, in metres along the way, unless the shape needs them nearer:
/// a vehicle on a way of many small steps is then searched over as much of it as on another.
const MIN_SPACING_M: f32 = 12.0;
/// The most by which leaving out a point may bend the way, in metres: less than a lane.
const MAX_BEND_M: f32 = 2.0;
/// Points left out in a row at most, as each is looked at again for every further one.
const MAX_LEFT_OUT: usize = 32;

/// A planned way: at least two points, with the length up to each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Route {
    origin: Coordinate,
    parallel: Parallel,
    points: Vec<Point>,
}

/// A point of a route, in metres east and north of its first.
///
/// One plane serves the whole route: what it bends, it bends for the pings beside it alike.
/// Lengths are not measured on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Point {
    place: Place,
    along_m: f32,
}

/// A place on a route's plane.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    east_m: f32,
    north_m: f32,
}

/// The point of a route that is nearest to a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Snap {
    pub(crate) along: Meters,
    /// From the place to the route.
    pub(crate) distance: Meters,
}

impl Route {
    /// Measures a way; None for fewer than two points.
    pub(crate) fn new(way: &[Coordinate]) -> Option<Self> {
        let &[origin, _, ..] = way else { return None };
        let parallel = origin.parallel();
        let mut along = 0.0;
        let mut before = origin;
        let mut thinning = Thinning::default();
        for &point in way {
            along += before.distance(point).0;
            before = point;
            thinning.push(Point {
                place: Place::of(point, origin, parallel),
                along_m: along as f32,
            });
        }
        Some(Self {
            origin,
            parallel,
            points: thinning.finish(),
        })
    }

    /// Its whole length.
    pub(crate) fn length(&self) -> Meters {
        Meters(
            self.points
                .last()
                .map_or(0.0, |last| f64::from(last.along_m)),
        )
    }

    /// Where it begins.
    pub(crate) fn begin(&self) -> Coordinate {
        self.origin
    }

    /// Where a coordinate lies on the route's plane.
    pub(crate) fn place(&self, position: Coordinate) -> Place {
        Place::of(position, self.origin, self.parallel)
    }

    /// The segments that lie, at least in part, between two lengths.
    pub(crate) fn segments(&self, from: Meters, to: Meters) -> Range<usize> {
        let segments = self.points.len() - 1;
        let first = self
            .points
            .partition_point(|point| f64::from(point.along_m) < from.0);
        let end = self
            .points
            .partition_point(|point| f64::from(point.along_m) <= to.0);
        let first = first.saturating_sub(1).min(segments - 1);
        first..end.clamp(first + 1, segments)
    }

    /// The nearest point on these segments; of equals the first. None for no segment.
    pub(crate) fn nearest(&self, place: Place, segments: Range<usize>) -> Option<Snap> {
        let mut best: Option<(f32, f32)> = None;
        for pair in self.points.get(segments.start..=segments.end)?.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (share, square) = place.to_segment(from.place, to.place);
            if best.is_none_or(|(least, _)| square < least) {
                best = Some((square, from.along_m + share * (to.along_m - from.along_m)));
            }
        }
        best.map(|(square, along_m)| Snap {
            along: Meters(f64::from(along_m)),
            distance: Meters(f64::from(square.sqrt())),
        })
    }
}

/// Leaves out points that are near the one before, where the way's shape does not need them.
/// Lengths stay those of the whole way.
#[derive(Default)]
struct Thinning {
    kept: Vec<Point>,
    /// Since the last one kept.
    left_out: Vec<Point>,
}

impl Thinning {
    fn push(&mut self, point: Point) {
        if let (Some(kept), Some(before)) = (self.kept.last(), self.left_out.last())
            && self.bends(*kept, point)
        {
            self.keep(*before);
        }
        let is_near = |kept: &Point| point.along_m - kept.along_m < MIN_SPACING_M;
        if self.kept.last().is_some_and(is_near) && self.left_out.len() < MAX_LEFT_OUT {
            self.left_out.push(point);
        } else {
            self.keep(point);
        }
    }

    /// Whether what was left out lies beside the straight way between two points.
    fn bends(&self, from: Point, to: Point) -> bool {
        let offset = |point: &Point| point.place.to_segment(from.place, to.place).1;
        let mut left_out = self.left_out.iter();
        left_out.any(|point| offset(point) > MAX_BEND_M * MAX_BEND_M)
    }

    fn keep(&mut self, point: Point) {
        self.kept.push(point);
        self.left_out.clear();
    }

    /// The points kept, the last of all among them.
    fn finish(mut self) -> Vec<Point> {
        if let Some(last) = self.left_out.last() {
            self.keep(*last);
        }
        self.kept.shrink_to_fit();
        self.kept
    }
}

impl Place {
    fn of(position: Coordinate, origin: Coordinate, parallel: Parallel) -> Self {
        let (east, north) = origin.offset_along(position, parallel);
        Self {
            east_m: east.0 as f32,
            north_m: north.0 as f32,
        }
    }

    /// The share of the segment at which its nearest point lies, and the distance squared.
    fn to_segment(self, from: Self, to: Self) -> (f32, f32) {
        let (east, north) = (to.east_m - from.east_m, to.north_m - from.north_m);
        let (dx, dy) = (self.east_m - from.east_m, self.north_m - from.north_m);
        let square = east * east + north * north;
        let share = if square > 0.0 {
            ((dx * east + dy * north) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let (off_east, off_north) = (dx - share * east, dy - share * north);
        (share, off_east * off_east + off_north * off_north)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::place;

    fn bend() -> Route {
        Route::new(&[place(0.0, 0.0), place(1_000.0, 0.0), place(1_000.0, 500.0)]).unwrap()
    }

    /// Checks where on the bend, of 1,500 m, a place is snapped to.
    fn check(east_m: f64, north_m: f64, expected_along: f64, expected_distance: f64) {
        let route = bend();
        let snap = route
            .nearest(route.place(place(east_m, north_m)), 0..2)
            .unwrap();
        assert!((snap.along.0 - expected_along).abs() < 0.2, "{snap:?}");
        assert!(
            (snap.distance.0 - expected_distance).abs() < 0.2,
            "{snap:?}"
        );
    }

    #[test]
    fn the_nearest_point_lies_on_a_segment_or_at_its_ends() {
        check(300.0, 20.0, 300.0, 20.0);
        check(-30.0, 40.0, 0.0, 50.0);
        check(1_010.0, 200.0, 1_200.0, 10.0);
        check(1_000.0, 700.0, 1_500.0, 200.0);
    }

    #[test]
    fn a_window_holds_the_segments_that_it_touches_and_at_least_one() {
        let route = bend();
        let window = |from, to| route.segments(Meters(from), Meters(to));
        assert_eq!(window(0.0, 100.0), 0..1);
        assert_eq!(window(900.0, 1_100.0), 0..2);
        assert_eq!(window(1_100.0, 9_000.0), 1..2);
        assert_eq!(window(-100.0, -50.0), 0..1);
        assert_eq!(window(7_000.0, 9_000.0), 1..2);
    }

    #[test]
    fn a_route_of_small_steps_is_thinned() {
        let way: Vec<_> = (0..=1_000)
            .map(|step| place(f64::from(step) * 2.0, 0.0))
            .collect();
        let route = Route::new(&way).unwrap();
        assert!(route.points.len() <= 2_000 / 12 + 2);
        assert!((route.length().0 - 2_000.0).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn a_thinned_route_keeps_its_shape_and_its_end(
            steps in proptest::collection::vec((0.0..20.0_f64, -1.5..1.5_f64), 1..300),
        ) {
            let mut at = (0.0, 0.0);
            let mut way = vec![place(0.0, 0.0)];
            for (step, heading) in steps {
                at = (at.0 + step * heading.cos(), at.1 + step * heading.sin());
                way.push(place(at.0, at.1));
            }
            let route = Route::new(&way).unwrap();
            let segments = route.points.len() - 1;
            for point in &way {
                let snap = route.nearest(route.place(*point), 0..segments).unwrap();
                prop_assert!(snap.distance.0 <= 2.01, "{snap:?}");
            }
            let end = route.nearest(route.place(way[way.len() - 1]), segments - 1..segments);
            prop_assert!(end.unwrap().distance.0 < 0.01);
        }
    }

    #[test]
    fn a_route_of_one_place_twice_has_no_length_and_no_nan() {
        let route = Route::new(&[place(0.0, 0.0), place(0.0, 0.0)]).unwrap();
        assert_eq!(route.length(), Meters(0.0));
        let snap = route.nearest(route.place(place(3.0, 4.0)), 0..1).unwrap();
        assert!((snap.distance.0 - 5.0).abs() < 0.1);
        assert_eq!(Route::new(&[place(0.0, 0.0)]), None);
    }
}
