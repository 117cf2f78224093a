//! The open shards of a stream by their hash keys: which one a key goes to. It is as old as its last
//! listing; what the service answers to a put says whether it still holds.

use crate::ShardId;
use crate::hash_key::{HashKey, HashRange};

/// An open shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenShard {
    pub(crate) id: ShardId,
    pub(crate) range: HashRange,
}

/// The open shards in the order of their hash keys, which they cover without a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardMap(Vec<OpenShard>);

/// Says that a listing is no whole map: a reshard is under way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the open shards do not cover all hash keys")]
pub(crate) struct HolesInMap;

impl ShardMap {
    /// Makes a map of what is listed.
    ///
    /// # Errors
    /// [`HolesInMap`] unless every hash key has exactly one shard.
    pub(crate) fn new(mut shards: Vec<OpenShard>) -> Result<Self, HolesInMap> {
        shards.sort_by_key(|shard| shard.range.first());
        let mut next = Some(0_u128);
        for shard in &shards {
            if next != Some(shard.range.first().0) {
                return Err(HolesInMap);
            }
            next = shard.range.last().0.checked_add(1);
        }
        match next {
            None => Ok(Self(shards)),
            Some(_) => Err(HolesInMap),
        }
    }

    /// The place of the shard that a hash key goes to, among [`ShardMap::shards`].
    pub(crate) fn place_of(&self, hash: HashKey) -> usize {
        self.0.partition_point(|shard| shard.range.last() < hash)
    }

    /// The shards, in the order of their hash keys.
    pub(crate) fn shards(&self) -> &[OpenShard] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shards that begin at 0 and at each of `firsts`.
    fn shards(firsts: &[u128]) -> Vec<OpenShard> {
        let mut bounds: Vec<u128> = firsts.iter().copied().filter(|first| *first > 0).collect();
        bounds.push(0);
        bounds.sort_unstable();
        bounds.dedup();
        let lasts = bounds
            .iter()
            .skip(1)
            .map(|next| next - 1)
            .chain([u128::MAX]);
        (0..)
            .zip(bounds.iter().zip(lasts))
            .map(|(number, (first, last))| OpenShard {
                id: ShardId::new(&format!("shard-{number}")),
                range: HashRange::new(HashKey(*first), HashKey(last)),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_hash_key_goes_to_the_shard_whose_range_has_it(
            firsts in proptest::collection::vec(any::<u128>(), 0..9),
            hash: u128,
        ) {
            let mut listed = shards(&firsts);
            listed.reverse();
            let map = ShardMap::new(listed).unwrap();
            for hash in [hash, 0, u128::MAX].into_iter().chain(firsts) {
                let shard = &map.shards()[map.place_of(HashKey(hash))];
                prop_assert!(shard.range.contains(HashKey(hash)));
            }
        }

        #[test]
        fn a_listing_with_a_hole_or_an_overlap_is_no_map(
            firsts in proptest::collection::vec(1_u128.., 1..9), at in 0_usize..9,
        ) {
            let whole = shards(&firsts);
            let at = at % whole.len();
            let mut hole = whole.clone();
            hole.remove(at);
            prop_assert_eq!(ShardMap::new(hole), Err(HolesInMap));
            let mut overlap = whole.clone();
            overlap.push(whole[at].clone());
            prop_assert_eq!(ShardMap::new(overlap), Err(HolesInMap));
        }
    }
}
