//! Where a key lies among shards that split and merge: each has a range of hash keys.
//! Which shards there are is told elsewhere.

use std::ops::RangeInclusive;

use md5::{Digest as _, Md5};

/// A hash key: the MD5 of a partition key, as an integer of 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HashKey(pub(crate) u128);

impl HashKey {
    /// The hash key of a partition key.
    pub(crate) fn of(partition_key: &[u8]) -> Self {
        Self(u128::from_be_bytes(Md5::digest(partition_key).into()))
    }

    /// Reads the decimal form that the API uses.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self).ok()
    }
}

/// The hash keys of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HashRange(RangeInclusive<u128>);

impl HashRange {
    /// From the first to the last hash key, both within.
    pub(crate) fn new(first: HashKey, last: HashKey) -> Self {
        Self(first.0..=last.0)
    }

    /// Whether the hash key lies within.
    pub(crate) fn contains(&self, hash: HashKey) -> bool {
        self.0.contains(&hash.0)
    }

    /// The first hash key.
    pub(crate) fn first(&self) -> HashKey {
        HashKey(*self.0.start())
    }

    /// The last hash key.
    pub(crate) fn last(&self) -> HashKey {
        HashKey(*self.0.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hashes_as_the_service_does_it() {
        // MD5("") and MD5("a") of RFC 1321.
        assert_eq!(
            HashKey::of(b"").0,
            0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e
        );
        assert_eq!(
            HashKey::of(b"a").0,
            0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661
        );
    }

    #[test]
    fn both_ends_of_a_range_are_within() {
        let range = HashRange::new(HashKey(5), HashKey(9));
        let within: Vec<_> = (4..=10)
            .filter(|hash| range.contains(HashKey(*hash)))
            .collect();
        assert_eq!(within, [5, 6, 7, 8, 9]);
        assert_eq!(
            HashKey::parse("340282366920938463463374607431768211455"),
            Some(HashKey(u128::MAX))
        );
        assert_eq!(
            HashKey::parse("340282366920938463463374607431768211456"),
            None
        );
    }
}
