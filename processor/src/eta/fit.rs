//! Fits a predictor to a memory: most drives grow the trees, every sixteenth tells how far they are off.
//! The same drives give the same predictor, bit by bit. When it is time to fit is not said here.

use serde::{Deserialize, Serialize};

use super::{
    City, Memory,
    along::Along,
    features::{Bins, Features},
    forest::Forest,
    grow::{FULL_WEIGHT, Row, grow},
    interval::{Intervals, Miss, Offsets},
    model::View,
};

/// Trees at most. The checks say after how many it does not get better.
const TREES: usize = 128;
/// One drive of so many checks.
const CHECKS: u64 = 16;
/// Moments that bins are made of, at most.
const BIN_SAMPLES: usize = 100_000;
/// The middle of what the formula lacks is believed by half after so many moments.
const HALF_BELIEVED: f32 = 300.0;
/// No drive is learned, and no plan believed, to last shorter, s.
pub(super) const SHORTEST_S: f32 = 5.0;

/// What was learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    bins: Bins,
    /// What the formula lacks in the middle.
    bias: f32,
    forest: Forest,
    intervals: Intervals,
    along: Along,
}

/// A drive's moment that checks.
struct Check {
    row: Row,
    prior: f32,
    quick: f32,
}

impl Fitted {
    /// What a memory teaches.
    pub(crate) fn to(memory: &Memory, city: &City) -> Self {
        let edges = Bins::of(&samples(memory, city));
        let (mut rows, mut checks) = rows(memory, city, &edges);
        let bias = middle(&rows);
        let all = rows
            .iter_mut()
            .chain(checks.iter_mut().map(|check| &mut check.row));
        all.for_each(|row| row.lacks -= bias);
        let forest = boost(&mut rows, &checks);
        let misses = checks.iter().map(|check| {
            let value = bias + forest.value(&check.row.binned());
            Miss {
                predicted: check.prior + value,
                lacked: check.row.lacks + bias - value,
                quick: check.quick,
                weight: check.row.weight,
            }
        });
        Self {
            bins: edges,
            bias,
            intervals: Intervals::of(misses.collect()),
            forest,
            along: Along::of(memory.weighted()),
        }
    }

    /// How long it still takes, as logarithms of seconds by shares.
    pub(crate) fn predict(&self, view: &View, city: &City) -> Offsets {
        let left = match view.goal.route {
            Some(route) => self.along.straightened(route.length),
            None => view.here.position.distance(view.goal.place),
        };
        let predicted = self.expect(&Features::of(view, left, city));
        match view.goal.route.and_then(|route| route.planned) {
            Some(planned) => self.along.heed(predicted, planned),
            None => predicted,
        }
    }

    /// The same of what the trees look at.
    fn expect(&self, features: &Features) -> Offsets {
        let value = self.forest.value(&self.bins.place(features));
        let predicted = features.prior() + self.bias + value;
        let offsets = self.intervals.offsets(predicted, features.quick());
        offsets.map(|offset| predicted + offset)
    }

    /// Whether its parts fit together: what was stored may be damaged.
    pub(crate) fn is_whole(&self) -> bool {
        self.bins.is_whole() && self.forest.is_whole()
    }
}

/// Some moments of all drives, evenly.
fn samples(memory: &Memory, city: &City) -> Vec<Features> {
    let every = memory.glimpses().div_ceil(BIN_SAMPLES).max(1);
    let moments = memory
        .weighted()
        .flat_map(|(lesson, _)| lesson.glimpses.iter().map(move |glimpse| (lesson, glimpse)));
    let some = moments.step_by(every);
    some.filter_map(|(lesson, glimpse)| Features::at(lesson, glimpse, city))
        .collect()
}

fn rows(memory: &Memory, city: &City, bins: &Bins) -> (Vec<Row>, Vec<Check>) {
    let mut rows = Vec::with_capacity(memory.glimpses());
    let mut checks = Vec::new();
    for (lesson, share) in memory.weighted() {
        let is_check = (lesson.name >> 32).is_multiple_of(CHECKS);
        let weight = (share * f64::from(FULL_WEIGHT)).round().max(1.0) as u8;
        let took_s = lesson.ended.seconds_since(lesson.began) as f32;
        for glimpse in &lesson.glimpses {
            let Some(features) = Features::at(lesson, glimpse, city) else {
                continue;
            };
            let left_s = (took_s - f32::from(glimpse.after_s)).max(SHORTEST_S);
            let prior = features.prior();
            let row = Row::new(&bins.place(&features), left_s.ln() - prior, weight);
            if is_check {
                let quick = features.quick();
                checks.push(Check { row, prior, quick });
            } else {
                rows.push(row);
            }
        }
    }
    (rows, checks)
}

/// The middle of what all lack.
fn middle(rows: &[Row]) -> f32 {
    let mut lacks: Vec<f32> = rows.iter().map(|row| row.lacks).collect();
    if lacks.is_empty() {
        return 0.0;
    }
    let middle = lacks.len() / 2;
    let (_, median, _) = lacks.select_nth_unstable_by(middle, f32::total_cmp);
    let known = rows.len() as f32;
    *median * known / (known + HALF_BELIEVED)
}

/// Grows trees, as long as the checks come nearer.
fn boost(rows: &mut [Row], checks: &[Check]) -> Forest {
    let mut forest = Forest::default();
    let mut checks: Vec<Row> = checks.iter().map(|check| check.row).collect();
    let mut best = (0, miss(&checks));
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    for _ in 0..TREES {
        let tree = grow(rows, &mut order);
        for row in &mut checks {
            row.lacks -= tree.value(&row.bins);
        }
        forest.push(&tree);
        let missed = miss(&checks);
        if missed < best.1 {
            best = (forest.len(), missed);
        }
    }
    forest.truncate(best.0);
    forest
}

fn miss(checks: &[Row]) -> f64 {
    let misses = checks
        .iter()
        .map(|row| f64::from(row.lacks.abs()) * f64::from(row.weight));
    misses.sum()
}
