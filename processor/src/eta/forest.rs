//! A forest: trees that each move a prediction a little, grown one after the other. How they grow is
//! `grow`'s; this is how they are asked.

use serde::{Deserialize, Serialize};

use super::features::Binned;

/// Questions from root to leaf.
pub(crate) const DEPTH: usize = 8;
/// Leaves of a tree; one fewer are its splits.
pub(crate) const LEAVES: usize = 1 << DEPTH;
/// Trees that are walked side by side, so that they wait for memory together.
const ABREAST: usize = 8;

/// Trees whose leaves add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    /// [`LEAVES`] of each tree: of its splits, from the root on, of which the last is unused.
    splits: Vec<Split>,
    /// [`LEAVES`] of each tree.
    leaves: Vec<f32>,
}

/// A question: whether a number is in a bin behind this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Split {
    pub(crate) feature: u8,
    pub(crate) bin: u8,
}

/// One tree: where all go left whose split is [`Split::NONE`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) splits: [Split; LEAVES],
    pub(crate) leaves: [f32; LEAVES],
}

impl Split {
    /// No bin lies behind it.
    pub(crate) const NONE: Self = Self {
        feature: 0,
        bin: u8::MAX,
    };

    fn is_behind<const N: usize>(self, bins: &[u8; N]) -> bool {
        bins[usize::from(self.feature) % N] > self.bin
    }
}

impl Tree {
    /// A tree that moves nothing.
    pub(crate) fn new() -> Self {
        Self {
            splits: [Split::NONE; LEAVES],
            leaves: [0.0; LEAVES],
        }
    }

    /// What it adds.
    pub(crate) fn value<const N: usize>(&self, bins: &[u8; N]) -> f32 {
        let mut node = 0;
        for _ in 0..DEPTH {
            node = below(node, self.splits[node % LEAVES].is_behind(bins));
        }
        self.leaves[(node + 1) % LEAVES]
    }
}

impl Forest {
    /// Adds a tree.
    pub(crate) fn push(&mut self, tree: &Tree) {
        self.splits.extend(tree.splits);
        self.leaves.extend(tree.leaves);
    }

    /// Number of trees.
    pub(crate) fn len(&self) -> usize {
        self.leaves.len() / LEAVES
    }

    /// Leaves only the first so many.
    pub(crate) fn truncate(&mut self, trees: usize) {
        self.splits.truncate(trees * LEAVES);
        self.leaves.truncate(trees * LEAVES);
    }

    /// What all trees add up to.
    pub(crate) fn value(&self, binned: &Binned) -> f32 {
        let splits = self.splits.chunks(LEAVES * ABREAST);
        let leaves = self.leaves.chunks(LEAVES * ABREAST);
        let mut sum = 0.0;
        for (splits, leaves) in splits.zip(leaves) {
            let mut nodes = [0; ABREAST];
            let trees = leaves.len() / LEAVES;
            for _ in 0..DEPTH {
                for (node, splits) in nodes.iter_mut().zip(splits.chunks_exact(LEAVES)) {
                    *node = below(*node, splits[*node % LEAVES].is_behind(binned));
                }
            }
            for (node, leaves) in nodes.iter().zip(leaves.chunks_exact(LEAVES)).take(trees) {
                sum += leaves[(*node + 1) % LEAVES];
            }
        }
        sum
    }

    /// Whether it is as long as it says: what was stored may be damaged.
    pub(crate) fn is_whole(&self) -> bool {
        self.splits.len() == self.leaves.len() && self.leaves.len().is_multiple_of(LEAVES)
    }
}

/// The node below, of a tree whose nodes are counted from the root on, level by level.
pub(crate) fn below(node: usize, is_behind: bool) -> usize {
    2 * node + 1 + usize::from(is_behind)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn tree(splits: &[(u8, u8)]) -> Tree {
        let mut tree = Tree::new();
        for (at, (feature, bin)) in splits.iter().enumerate() {
            tree.splits[at] = Split {
                feature: *feature,
                bin: *bin,
            };
        }
        for (at, leaf) in tree.leaves.iter_mut().enumerate() {
            *leaf = at as f32;
        }
        tree
    }

    #[test]
    fn a_tree_asks_from_its_root_to_a_leaf() {
        let tree = tree(&[(0, 9), (1, 4)]);
        let mut binned = Binned::default();
        assert_eq!(tree.value(&binned), 0.0);
        binned[1] = 5;
        assert_eq!(tree.value(&binned), 64.0);
        binned[0] = 10;
        assert_eq!(tree.value(&binned), 128.0);
    }

    proptest! {
        #[test]
        fn a_forest_is_the_sum_of_its_trees(
            trees in vec(vec((0_u8..21, any::<u8>()), LEAVES - 1), 0..20), binned: [u8; 32],
        ) {
            let trees: Vec<_> = trees.iter().map(|splits| tree(splits)).collect();
            let mut forest = Forest::default();
            trees.iter().for_each(|tree| forest.push(tree));
            prop_assert!(forest.is_whole() && forest.len() == trees.len());
            let sum: f32 = trees.iter().map(|tree| tree.value(&binned)).sum();
            prop_assert_eq!(forest.value(&binned), sum);
        }
    }
}
