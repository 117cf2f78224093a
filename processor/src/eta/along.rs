//! What a planned route adds to a prediction: how much longer it is than the crow flies, and how long
//! it was planned to take. Where on the route a vehicle is, is `follow`'s.

use std::time::Duration;

use schemas::Meters;
use serde::{Deserialize, Serialize};

use super::{
    Lesson, Share,
    fit::SHORTEST_S,
    interval::{Offsets, weighted_quantile},
    lesson::crow,
};

/// Of a city about which nothing is known, streets are so much longer than the crow flies.
const USUAL_DETOUR: f64 = 1.3;
/// No city's streets are longer.
const MOST_DETOUR: f64 = 2.0;
/// Drives are by half believed what they say of plans if they are so many.
const HALF_BELIEVED: f64 = 30.0;
/// How far plans are off where nothing is known: a standard deviation of the logarithm.
const USUAL_SPREAD: f64 = 0.4;
/// Between the 10th and the 90th percentile lie so many standard deviations.
const DEVIATIONS_80: f64 = 2.563;
/// Of a drive of fewer glimpses nobody knows how it went.
const LEAST_GLIMPSES: usize = 4;

/// What drives taught of routes and plans.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Along {
    /// How many times the crow's way drives are.
    detour: f64,
    /// By which logarithm drives take longer than was planned, and how far that spreads.
    longer: f64,
    spread: f64,
}

impl Along {
    /// What these drives teach, each with its weight.
    pub(crate) fn of<'lessons>(lessons: impl Iterator<Item = (&'lessons Lesson, f64)>) -> Self {
        let (mut detours, mut longer) = (Vec::new(), Vec::new());
        for (lesson, weight) in lessons {
            detours.extend(detour(lesson).map(|detour| (detour, weight)));
            if let Some(planned_s) = lesson.planned_s.filter(|planned_s| *planned_s > 0) {
                let took_s = lesson.ended.seconds_since(lesson.began);
                longer.push(((took_s / f64::from(planned_s)).ln(), weight));
            }
        }
        let usual = Self::default();
        let known = |drives: usize| drives as f64 / (drives as f64 + HALF_BELIEVED);
        let blend = |drives: usize, usual: f64, seen: f64| usual + known(drives) * (seen - usual);
        let drives = longer.len();
        let share = |values: &mut [(f64, f64)], share| weighted_quantile(values, share);
        let spread = share(&mut longer, 0.9) - share(&mut longer, 0.1);
        let detour = blend(detours.len(), usual.detour, share(&mut detours, 0.5));
        Self {
            detour: detour.clamp(1.0, MOST_DETOUR),
            longer: blend(drives, usual.longer, share(&mut longer, 0.5)),
            spread: blend(drives, usual.spread, spread / DEVIATIONS_80).max(0.05),
        }
    }

    /// A way along a route as the crow would fly one that takes as long.
    pub(crate) fn straightened(&self, route: Meters) -> Meters {
        Meters(route.0 / self.detour)
    }

    /// A prediction, as logarithms of seconds, after a word of the plan: each counts by how sure it
    /// is. The interval stays as wide, since both may be wrong for the same reason.
    pub(crate) fn heed(&self, predicted: Offsets, planned: Duration) -> Offsets {
        let middle = f64::from(predicted[Share::P50 as usize]);
        let width = predicted[Share::P90 as usize] - predicted[Share::P10 as usize];
        let doubt = (f64::from(width) / DEVIATIONS_80).powi(2);
        let share = doubt / (doubt + self.spread.powi(2));
        let planned = f64::from(planned.as_secs_f32().max(SHORTEST_S)).ln() + self.longer;
        let moved = (share * (planned - middle)) as f32;
        predicted.map(|seconds| seconds + moved)
    }
}

impl Default for Along {
    fn default() -> Self {
        Self {
            detour: USUAL_DETOUR,
            longer: 0.0,
            spread: USUAL_SPREAD,
        }
    }
}

/// How many times the crow's way a drive was, from glimpse to glimpse.
fn detour(lesson: &Lesson) -> Option<f64> {
    if lesson.len() < LEAST_GLIMPSES {
        return None;
    }
    let offsets = || lesson.glimpses.iter().map(|glimpse| glimpse.to_goal());
    let (east, north) = offsets().next()?;
    let straight = crow(east, north).0;
    let end = (Meters(0.0), Meters(0.0));
    let legs = offsets().zip(offsets().skip(1).chain([end]));
    let driven: f64 = legs
        .map(|(from, to)| crow(Meters(to.0.0 - from.0.0), Meters(to.1.0 - from.1.0)).0)
        .sum();
    (straight > 0.0).then(|| driven / straight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::Timestamp;

    use super::*;
    use crate::eta::{
        Stage,
        lesson::{Glimpse, Pace, Point},
    };

    /// A drive 2 km to the east and 2 km to the north that takes 10 minutes.
    fn lesson(planned_s: Option<u32>) -> Lesson {
        let point = Point {
            lat_e7: 1,
            lng_e7: 1,
        };
        let glimpse = |after_s, east, north| Glimpse {
            after_s,
            east,
            north,
            motion: Pace::default(),
        };
        Lesson {
            ended: Timestamp(600_000),
            name: 1,
            stage: Stage::Trip,
            began: Timestamp(0),
            from: point,
            to: point,
            planned_s,
            glimpses: [
                glimpse(0, 1_000, 1_000),
                glimpse(100, 500, 1_000),
                glimpse(200, 0, 1_000),
                glimpse(300, 0, 500),
            ]
            .into(),
        }
    }

    fn of(lessons: &[Lesson]) -> Along {
        Along::of(lessons.iter().map(|lesson| (lesson, 1.0)))
    }

    #[test]
    fn round_the_corner_is_longer_than_the_crow_flies() {
        let along = of(&vec![lesson(None); 3_000]);
        let straight = along.straightened(Meters(4_000.0)).0;
        assert!((straight - 2_828.4).abs() < 10.0, "{straight}");
        assert_eq!(of(&[]), Along::default());
    }

    #[test]
    fn a_plan_that_is_always_too_short_by_a_fifth_is_heeded_for_what_it_means() {
        let along = of(&vec![lesson(Some(480)); 3_000]);
        let unsure = [-1.0, -0.8, -0.4, 0.0, 0.4, 0.8, 1.0].map(|offset| 5.0 + offset);
        let heeded = along.heed(unsure, Duration::from_mins(4));
        let middle = heeded[Share::P50 as usize].exp();
        assert!((295.0..301.0).contains(&middle), "{middle}");
        let (width, before) = (heeded[6] - heeded[0], unsure[6] - unsure[0]);
        assert!((width - before).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn what_is_heeded_lies_between_what_is_predicted_and_what_is_planned(
            predicted in 2.0_f32..9.0, planned_s in 5_u64..10_000, width in 0.01_f32..2.0,
        ) {
            let offsets = [-1.0, -0.8, -0.4, 0.0, 0.4, 0.8, 1.0];
            let before = offsets.map(|offset| predicted + offset * width);
            let after = Along::default().heed(before, Duration::from_secs(planned_s));
            let middle = after[Share::P50 as usize];
            let planned = (planned_s as f32).ln();
            let range = predicted.min(planned) - 1e-3..=predicted.max(planned) + 1e-3;
            prop_assert!(range.contains(&middle) && after.is_sorted());
        }
    }
}
