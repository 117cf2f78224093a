//! How far predictions are off: shares of drives by how much longer or shorter they took, of drives
//! that the trees have not seen. It corrects the middle too; what is predicted is the forest's.

use serde::{Deserialize, Serialize};

use super::{Share, formula};

/// Offsets of a logarithm by [`Share::ALL`].
pub(crate) type Offsets = [f32; Share::ALL.len()];

/// Drives by how long is predicted: in so many parts at most, of so many moments at least.
const MAX_KNOTS: usize = 12;
const LEAST_MOMENTS: usize = 500;
/// Below so many moments nobody knows better than the formula.
const LEAST_KNOWN: usize = 100;
/// Where speeds part, m/s: it stands or crawls, it is in traffic, it flows.
const PACES: [f32; 2] = [1.5, 6.0];
/// A pace of a part is believed by half if it has so many moments.
const HALF_BELIEVED: f32 = 100.0;
/// How far predictions are off, by what is predicted and how fast the vehicle is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intervals(Vec<Knot>);

/// Predictions of about this long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Knot {
    /// A logarithm of seconds.
    predicted: f32,
    by_pace: [Offsets; PACES.len() + 1],
}

/// A moment of a drive that the trees have not seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Miss {
    /// A logarithm of seconds, as is what it lacked.
    pub(crate) predicted: f32,
    pub(crate) lacked: f32,
    /// m/s.
    pub(crate) quick: f32,
    pub(crate) weight: u8,
}

impl Intervals {
    /// How far these were off.
    pub(crate) fn of(mut misses: Vec<Miss>) -> Self {
        if misses.len() < LEAST_KNOWN {
            return Self::default();
        }
        misses.sort_unstable_by(|one, other| one.predicted.total_cmp(&other.predicted));
        let knots = (misses.len() / LEAST_MOMENTS).clamp(1, MAX_KNOTS);
        let size = misses.len().div_ceil(knots);
        Self(misses.chunks_mut(size).map(Knot::of).collect())
    }

    /// By how much a logarithm of seconds is to be moved for each share.
    pub(crate) fn offsets(&self, predicted: f32, quick: f32) -> Offsets {
        let pace = pace(quick);
        let after = self.0.partition_point(|knot| knot.predicted < predicted);
        let before = after.checked_sub(1).and_then(|before| self.0.get(before));
        match (before, self.0.get(after)) {
            (None, None) => formula::SPREAD.map(f32::ln),
            (Some(only), None) | (None, Some(only)) => only.by_pace[pace],
            (Some(before), Some(after)) => {
                let share = (predicted - before.predicted) / (after.predicted - before.predicted);
                blend(&before.by_pace[pace], &after.by_pace[pace], share)
            }
        }
    }
}

impl Knot {
    fn of(misses: &mut [Miss]) -> Self {
        let predicted: f64 = misses.iter().map(|miss| f64::from(miss.predicted)).sum();
        let mean = (predicted / misses.len() as f64) as f32;
        misses.sort_unstable_by(|one, other| one.lacked.total_cmp(&other.lacked));
        let all = quantiles(misses.iter());
        let by_pace = std::array::from_fn(|which| {
            let of_pace = || misses.iter().filter(|miss| pace(miss.quick) == which);
            let known = of_pace().count() as f32;
            blend(&all, &quantiles(of_pace()), known / (known + HALF_BELIEVED))
        });
        Self {
            predicted: mean,
            by_pace,
        }
    }
}

fn pace(quick: f32) -> usize {
    PACES.iter().filter(|edge| quick >= **edge).count()
}

fn blend(one: &Offsets, other: &Offsets, share: f32) -> Offsets {
    std::array::from_fn(|at| one[at] + share * (other[at] - one[at]))
}

/// The least value that this share of the weight does not exceed; 0 of none.
pub(crate) fn weighted_quantile(values: &mut [(f64, f64)], share: f64) -> f64 {
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    quantile(values.iter().copied(), share).unwrap_or_default()
}

/// The same of values that rise; None of none.
fn quantile<Value: Copy>(
    rising: impl Iterator<Item = (Value, f64)> + Clone,
    share: f64,
) -> Option<Value> {
    let goal = share * rising.clone().map(|(_, weight)| weight).sum::<f64>();
    let (mut below, mut last) = (0.0, None);
    for (value, weight) in rising {
        below += weight;
        last = Some(value);
        if below >= goal {
            break;
        }
    }
    last
}

/// What the misses lacked by shares of their weight, of misses in the order of that.
fn quantiles<'misses>(misses: impl Iterator<Item = &'misses Miss> + Clone) -> Offsets {
    let lacked = misses.map(|miss| (miss.lacked, f64::from(miss.weight)));
    Share::ALL.map(|share| quantile(lacked.clone(), share.number()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn miss(predicted: f32, lacked: f32, quick: f32) -> Miss {
        Miss {
            predicted,
            lacked,
            quick,
            weight: 64,
        }
    }

    #[test]
    fn shares_are_those_of_what_was_missed_by_length_and_pace() {
        let misses = (0..20_000_u16).map(|at| {
            let far = f32::from(at % 2);
            let spread = f32::from(at / 2 % 1_000) / 1_000.0;
            let quick = f32::from(at / 2_000);
            let jitter = f32::from(at.wrapping_mul(7_919) % 1_000) / 1e5;
            miss(5.0 + far + jitter, spread * (1.0 + far), quick)
        });
        let intervals = Intervals::of(misses.collect());
        let near = intervals.offsets(5.0, 3.0);
        let far = intervals.offsets(6.0, 3.0);
        for (at, share) in Share::ALL.map(Share::number).iter().enumerate() {
            assert!((f64::from(near[at]) - share).abs() < 0.01, "{near:?}");
            assert!((f64::from(far[at]) - 2.0 * share).abs() < 0.05, "{far:?}");
        }
    }

    #[test]
    fn who_knows_little_is_as_unsure_as_the_formula() {
        let few = vec![miss(5.0, 0.0, 1.0); LEAST_KNOWN - 1];
        assert_eq!(Intervals::of(few), Intervals::default());
    }

    proptest! {
        #[test]
        fn shares_grow_whatever_was_missed(
            misses in vec((0.0_f32..8.0, -2.0_f32..2.0, 0.0_f32..20.0), 0..2_000),
            predicted in -1.0_f32..9.0, quick in 0.0_f32..30.0,
        ) {
            let misses = misses.into_iter().map(|(predicted, lacked, quick)| miss(predicted, lacked, quick));
            let offsets = Intervals::of(misses.collect()).offsets(predicted, quick);
            prop_assert!(offsets.is_sorted_by(|one, other| *one <= other + 1e-4), "{:?}", offsets);
        }
    }
}
