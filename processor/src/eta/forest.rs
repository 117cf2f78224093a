//! A forest: trees that each move a prediction a little, grown one after the other. How they grow is
//! `grow`'s; this is how they are asked.

use serde::{Deserialize, Serialize};

use super::features::Binned;

/// Questions from root to leaf.
pub(crate) const DEPTH: usize = 8;
/// Leaves of a tree; one fewer are its splits.
pub(crate) const LEAVES: usize = 1 << DEPTH;
/// Trees that are walked side by side, so that they wait for memory together.
const ABREAST: usize = 16;

/// Trees whose leaves add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    /// [`LEAVES`] of each tree, as its [`Tree::splits`].
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

/// One tree. Its root is node 1, and below node n are nodes 2n and 2n + 1, the last of which are
/// leaves 0, 1, and so on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    /// By node; the first is unused.
    pub(crate) splits: [Split; LEAVES],
    pub(crate) leaves: [f32; LEAVES],
}

impl Split {
    /// Nothing lies behind it.
    pub(crate) const NONE: Self = Self {
        feature: 0,
        bin: u8::MAX,
    };

    /// The node below one that asks this.
    fn below<const N: usize>(self, node: usize, bins: &[u8; N]) -> usize {
        let is_behind = bins[usize::from(self.feature) % N] > self.bin;
        2 * node + usize::from(is_behind)
    }
}

impl Tree {
    pub(crate) const ROOT: usize = 1;

    /// A tree that moves nothing.
    pub(crate) fn new() -> Self {
        Self {
            splits: [Split::NONE; LEAVES],
            leaves: [0.0; LEAVES],
        }
    }

    /// What it adds.
    pub(crate) fn value<const N: usize>(&self, bins: &[u8; N]) -> f32 {
        let mut node = Self::ROOT;
        for _ in 0..DEPTH {
            node = self.splits[node % LEAVES].below(node, bins);
        }
        self.leaves[node % LEAVES]
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
        let (splits, _) = self.splits.as_chunks::<LEAVES>();
        let (leaves, _) = self.leaves.as_chunks::<LEAVES>();
        let (splits, rest) = splits.as_chunks::<ABREAST>();
        let (leaves, rest_leaves) = leaves.as_chunks::<ABREAST>();
        let abreast = splits.iter().zip(leaves);
        let sum: f32 = abreast
            .map(|(splits, leaves)| walk(splits, leaves, binned))
            .sum();
        let rest = rest.iter().zip(rest_leaves);
        sum + rest
            .map(|(splits, leaves)| walk(&[*splits], &[*leaves], binned))
            .sum::<f32>()
    }

    /// Whether it is as long as it says: what was stored may be damaged.
    pub(crate) fn is_whole(&self) -> bool {
        self.splits.len() == self.leaves.len() && self.leaves.len().is_multiple_of(LEAVES)
    }
}

/// Walks through trees side by side.
fn walk<const TREES: usize>(
    splits: &[[Split; LEAVES]; TREES],
    leaves: &[[f32; LEAVES]; TREES],
    binned: &Binned,
) -> f32 {
    let mut nodes = [Tree::ROOT; TREES];
    for _ in 0..DEPTH {
        for (node, splits) in nodes.iter_mut().zip(splits) {
            *node = splits[*node % LEAVES].below(*node, binned);
        }
    }
    let nodes = nodes.iter().zip(leaves);
    nodes.map(|(node, leaves)| leaves[node % LEAVES]).sum()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn tree(splits: &[(u8, u8)]) -> Tree {
        let mut tree = Tree::new();
        for (at, (feature, bin)) in splits.iter().enumerate() {
            tree.splits[at + Tree::ROOT] = Split {
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
        assert!((tree.value(&binned) - 0.0).abs() < 1e-6);
        binned[1] = 5;
        assert!((tree.value(&binned) - 64.0).abs() < 1e-6);
        binned[0] = 10;
        assert!((tree.value(&binned) - 128.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn a_forest_is_the_sum_of_its_trees(
            trees in vec(vec((0_u8..21, any::<u8>()), LEAVES - 1), 0..20), binned: [u8; 32],
        ) {
            let trees: Vec<_> = trees.iter().map(|splits| tree(splits)).collect();
            let mut forest = Forest::default();
            for tree in &trees {
                forest.push(tree);
            }
            prop_assert!(forest.is_whole() && forest.len() == trees.len());
            let sum: f32 = trees.iter().map(|tree| tree.value(&binned)).sum();
            prop_assert!((forest.value(&binned) - sum).abs() <= 1e-3 * sum);
        }
    }
}
