//! How large the parts of an object are whose length nobody knows yet: small at first, so that they
//! cost little memory, and larger behind, so that no more are needed than S3 takes.

use super::large::{PART_BYTES, PARTS_AT_ONCE};

/// S3 takes so many parts.
const MAX_PARTS: usize = 10_000;
/// After so many parts their size doubles: to 128 MiB at last, and 484 GiB (520 GB) together.
const PARTS_OF_A_SIZE: usize = 2_000;

/// The bytes of part `number`, which counts from 1; None for one that S3 does not take.
pub(super) fn bytes_of(number: usize) -> Option<usize> {
    (1..=MAX_PARTS)
        .contains(&number)
        .then(|| PART_BYTES << ((number - 1) / PARTS_OF_A_SIZE))
}

/// How many parts of such a size are under way at once: together no more bytes than of the first
/// parts, but for those of which one alone has more.
pub(super) fn at_once(part_bytes: usize) -> usize {
    (PARTS_AT_ONCE * PART_BYTES / part_bytes.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_together_have_500_gigabytes() {
        let sizes: Vec<usize> = (1..).map_while(bytes_of).collect();
        assert_eq!(sizes.len(), MAX_PARTS);
        assert_eq!(sizes[0], 8 << 20);
        assert_eq!(sizes.last(), Some(&(128 << 20)));
        assert!(sizes.is_sorted());
        let together: usize = sizes.iter().sum();
        assert_eq!(together, 496_000 << 20);
        assert!(together > 500_000_000_000);
        assert_eq!(bytes_of(0), None);
    }

    #[test]
    fn parts_under_way_have_32_mebibytes_or_are_one() {
        for (mebibytes, expected) in [(8, 4), (16, 2), (32, 1), (64, 1), (128, 1)] {
            assert_eq!(at_once(mebibytes << 20), expected, "{mebibytes} MiB");
        }
    }
}
