//! Grows a tree that brings predictions nearer: each split parts rows of which more lie too low from
//! rows of which more lie too high, and each leaf moves by the median of what its rows lack. All
//! sums are of whole numbers, so that the order of the rows changes nothing.
//!
//! It is gradient boosting of the absolute error (Friedman 2001, "Greedy function approximation: a
//! gradient boosting machine", algorithm 3), on bins.

use super::{
    features::{BINS, Binned, FEATURES},
    forest::{DEPTH, LEAVES, Split, Tree},
};

/// A leaf needs rows of so much weight.
const LEAST_LEAF: u32 = 100 * FULL_WEIGHT as u32;
/// What a row weighs that counts in full.
pub(crate) const FULL_WEIGHT: u8 = 64;
/// A leaf moves predictions by this share of what its rows lack.
const STEP: f32 = 0.2;
/// Where to split is decided by so many rows of a node, or fewer than twice as many: more would move
/// the split by less than the next tree mends.
const SPLIT_ROWS: usize = 8_192;
/// The median of a leaf is that of so many rows, likewise.
const LEAF_ROWS: usize = 512;

/// A moment of a drive to learn from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) bins: [u8; FEATURES],
    /// What its prediction lacks so far, as a logarithm.
    pub(crate) lacks: f32,
    /// 1 to [`FULL_WEIGHT`].
    pub(crate) weight: u8,
}

impl Row {
    pub(crate) fn new(binned: &Binned, lacks: f32, weight: u8) -> Self {
        let mut bins = [0; FEATURES];
        bins.copy_from_slice(&binned[..FEATURES]);
        Self {
            bins,
            lacks,
            weight,
        }
    }

    pub(crate) fn binned(&self) -> Binned {
        let mut binned = Binned::default();
        binned[..FEATURES].copy_from_slice(&self.bins);
        binned
    }
}

/// For each bin of each feature: the weight of the rows that lie too low less that of those that lie
/// too high in the upper half, the weight of all in the lower.
type Histogram = [u64];

/// Grows one tree on the rows that `order` names, which it reorders, and moves them by it.
pub(crate) fn grow(rows: &mut [Row], order: &mut [u32]) -> Tree {
    let mut grower = Grower {
        rows,
        tree: Tree::new(),
        room: Vec::new(),
    };
    let histogram = grower.count(order);
    grower.split(Tree::ROOT, 0, order, Some(histogram));
    grower.tree
}

struct Grower<'rows> {
    rows: &'rows mut [Row],
    tree: Tree,
    room: Vec<(f32, u8)>,
}

impl Grower<'_> {
    /// Splits a node's rows as far as that helps.
    fn split(
        &mut self,
        node: usize,
        depth: usize,
        order: &mut [u32],
        counted: Option<Box<Histogram>>,
    ) {
        let is_counted_whole = order.len() < 2 * SPLIT_ROWS;
        let Some((split, histogram)) =
            counted.and_then(|histogram| Some((best_split(&histogram)?, histogram)))
        else {
            self.fill_leaf(node, depth, order);
            return;
        };
        self.tree.splits[node] = split;
        let left = self.part(split, order);
        let (left, right) = order.split_at_mut(left);
        let (mut left_counted, mut right_counted) = (None, None);
        if depth + 1 == DEPTH {
            // Leaves come next.
        } else if is_counted_whole {
            // The larger side is what the smaller leaves: only that is counted.
            let mut rest = histogram;
            if left.len() < right.len() {
                let counted = self.count(left);
                subtract(&mut rest, &counted);
                (left_counted, right_counted) = (Some(counted), Some(rest));
            } else {
                let counted = self.count(right);
                subtract(&mut rest, &counted);
                (left_counted, right_counted) = (Some(rest), Some(counted));
            }
        } else {
            (left_counted, right_counted) = (Some(self.count(left)), Some(self.count(right)));
        }
        self.split(2 * node, depth + 1, left, left_counted);
        self.split(2 * node + 1, depth + 1, right, right_counted);
    }

    fn count(&self, order: &[u32]) -> Box<Histogram> {
        let mut histogram = vec![0_u64; FEATURES * BINS].into_boxed_slice();
        for at in some(order, SPLIT_ROWS) {
            let row = &self.rows[*at as usize];
            let weight = i64::from(row.weight);
            let low = if row.lacks > 0.0 { weight } else { -weight };
            let packed = ((low << 32) + weight) as u64;
            for (feature, bin) in row.bins.iter().enumerate() {
                let cell = &mut histogram[feature * BINS + usize::from(*bin)];
                *cell = cell.wrapping_add(packed);
            }
        }
        histogram
    }

    /// Puts the rows that do not lie behind the split first; says how many they are.
    fn part(&self, split: Split, order: &mut [u32]) -> usize {
        let mut left = 0;
        for at in 0..order.len() {
            let bin = self.rows[order[at] as usize].bins[usize::from(split.feature)];
            if bin <= split.bin {
                order.swap(left, at);
                left += 1;
            }
        }
        left
    }

    /// Every path from a node that is not split ends in its leftmost leaf.
    fn fill_leaf(&mut self, node: usize, depth: usize, order: &[u32]) {
        let leaf = (node << (DEPTH - depth)) % LEAVES;
        self.room.clear();
        for at in some(order, LEAF_ROWS) {
            let row = &self.rows[*at as usize];
            self.room.push((row.lacks, row.weight));
        }
        let moved = STEP * weighted_median(&mut self.room);
        self.tree.leaves[leaf] = moved;
        for at in order {
            self.rows[*at as usize].lacks -= moved;
        }
    }
}

/// The split that parts low from high best; None if none leaves enough on both sides.
fn best_split(histogram: &Histogram) -> Option<Split> {
    let (all_low, all_weight) = unpack(sum(&histogram[..BINS]));
    let score = |low: i32, weight: u32| f64::from(low).powi(2) / f64::from(weight);
    let mut best = None;
    let mut most = score(all_low, all_weight.max(1));
    for (feature, cells) in histogram.chunks_exact(BINS).enumerate() {
        let mut packed = 0_u64;
        for (bin, cell) in cells.iter().enumerate().take(BINS - 1) {
            if *cell == 0 {
                continue;
            }
            packed = packed.wrapping_add(*cell);
            let (low, weight) = unpack(packed);
            if weight < LEAST_LEAF {
                continue;
            }
            if all_weight - weight < LEAST_LEAF {
                break;
            }
            let gained = score(low, weight) + score(all_low - low, all_weight - weight);
            if gained > most {
                most = gained;
                best = Some(Split {
                    feature: feature as u8,
                    bin: bin as u8,
                });
            }
        }
    }
    best
}

/// So many of the rows, evenly, or fewer than twice as many.
fn some(order: &[u32], rows: usize) -> impl Iterator<Item = &u32> {
    order.iter().step_by((order.len() / rows).max(1))
}

fn sum(cells: &[u64]) -> u64 {
    cells.iter().fold(0, |sum, cell| sum.wrapping_add(*cell))
}

/// The weight of low less that of high rows, and the weight of all.
fn unpack(packed: u64) -> (i32, u32) {
    ((packed.cast_signed() >> 32) as i32, packed as u32)
}

fn subtract(from: &mut Histogram, part: &Histogram) {
    for (cell, part) in from.iter_mut().zip(part) {
        *cell = cell.wrapping_sub(*part);
    }
}

/// The least value that at least half of the weight does not exceed; 0 of none.
fn weighted_median(values: &mut [(f32, u8)]) -> f32 {
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let half = values
        .iter()
        .map(|(_, weight)| u64::from(*weight))
        .sum::<u64>()
        / 2;
    let mut below = 0;
    for (value, weight) in values.iter() {
        below += u64::from(*weight);
        if below > half {
            return *value;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn row(bin: u8, other: u8, lacks: f32, weight: u8) -> Row {
        let mut binned = Binned::default();
        (binned[3], binned[7]) = (bin, other);
        Row::new(&binned, lacks, weight)
    }

    fn grown(rows: &mut [Row]) -> Tree {
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        grow(rows, &mut order)
    }

    #[test]
    fn it_splits_where_low_parts_from_high_and_moves_by_the_median() {
        let mut rows: Vec<_> = (0..1_000_u32)
            .map(|at| {
                let bin = (at % 100) as u8;
                let lacks = if bin < 40 { -0.5 } else { 1.0 };
                row(bin, (at % 7) as u8, lacks, FULL_WEIGHT)
            })
            .collect();
        let tree = grown(&mut rows);
        let split = Split {
            feature: 3,
            bin: 39,
        };
        assert_eq!(tree.splits[Tree::ROOT], split);
        assert!((tree.value(&rows[0].bins) + 0.5 * STEP).abs() < 1e-6);
        assert!((tree.value(&rows[40].bins) - STEP).abs() < 1e-6);
        // Its rows have moved by what it says.
        assert!((rows[0].lacks + 0.5 * (1.0 - STEP)).abs() < 1e-6);
    }

    #[test]
    fn a_few_rows_are_not_parted_from_the_rest() {
        let mut rows: Vec<_> = (0..1_000_u32)
            .map(|at| row(u8::from(at < 99), 0, f32::from(at < 99), FULL_WEIGHT))
            .collect();
        assert_eq!(grown(&mut rows).splits[Tree::ROOT], Split::NONE);
    }

    #[test]
    fn a_row_of_half_the_weight_counts_half() {
        let mut values = vec![(1.0, 64), (2.0, 32), (3.0, 32), (4.0, 32)];
        assert!((weighted_median(&mut values) - 2.0).abs() < 1e-6);
        assert!(weighted_median(&mut []).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn the_order_of_few_rows_changes_nothing(
            (rows, shuffled) in vec((0_u8..20, 0_u8..20, -1.0_f32..1.0, 1_u8..=FULL_WEIGHT), 0..1_000)
                .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            let tree = |rows: Vec<(u8, u8, f32, u8)>| {
                let rows = rows.into_iter();
                let mut rows: Vec<_> = rows.map(|(bin, other, lacks, weight)| row(bin, other, lacks, weight)).collect();
                grown(&mut rows)
            };
            prop_assert_eq!(tree(rows), tree(shuffled));
        }
    }
}
