//! Differences in whole bytes: the `DELTA_BINARY_PACKED` encoding, laid out so that zstd sees bytes
//! that repeat. Whether that is smaller than the tightest packing is not decided here.
//!
//! The usual packing takes as few bits a difference as a block allows, and then zstd finds nothing
//! more. Numbers that come coarse (whole seconds in ms, five decimals of a degree in seven) have
//! few different differences, but far apart: whole bytes and one base for all of them show that.

/// Values in a block: its head takes little then.
const BLOCK: usize = 1_024;

/// Values that share a width: where none of them jumps, they take fewer bytes.
const MINI_BLOCK: usize = 128;

/// A whole number as Parquet stores it; differences wrap around.
pub(super) trait Number: Copy {
    /// The difference to an earlier number.
    fn since(self, earlier: Self) -> i64;
    /// How far a difference lies above the least one.
    fn above(difference: i64, least: i64) -> u64;
    fn widened(self) -> i64;
}

impl Number for i32 {
    fn since(self, earlier: Self) -> i64 {
        self.wrapping_sub(earlier).into()
    }

    fn above(difference: i64, least: i64) -> u64 {
        // Both are differences of 32 bits, and as such they wrap around.
        u64::from((difference as i32).wrapping_sub(least as i32) as u32)
    }

    fn widened(self) -> i64 {
        self.into()
    }
}

impl Number for i64 {
    fn since(self, earlier: Self) -> i64 {
        self.wrapping_sub(earlier)
    }

    fn above(difference: i64, least: i64) -> u64 {
        difference.wrapping_sub(least) as u64
    }

    fn widened(self) -> i64 {
        self
    }
}

/// The values of a page.
pub(super) fn encode<N: Number>(values: &[N]) -> Vec<u8> {
    let differences: Vec<i64> = values
        .windows(2)
        .map(|pair| pair[1].since(pair[0]))
        .collect();
    let least = differences.iter().copied().min().unwrap_or_default();
    let mut page = Vec::with_capacity(4 * values.len() + 64);
    put_varint(BLOCK as u64, &mut page);
    put_varint((BLOCK / MINI_BLOCK) as u64, &mut page);
    put_varint(values.len() as u64, &mut page);
    put_signed(values.first().map_or(0, |first| first.widened()), &mut page);
    for block in differences.chunks(BLOCK) {
        put_signed(least, &mut page);
        put_block::<N>(block, least, &mut page);
    }
    page
}

/// The widths of a block's mini-blocks, then these, the last one filled up with zeros.
fn put_block<N: Number>(block: &[i64], least: i64, page: &mut Vec<u8>) {
    let widths = page.len();
    page.resize(widths + BLOCK / MINI_BLOCK, 0);
    for (mini, differences) in block.chunks(MINI_BLOCK).enumerate() {
        let above = || differences.iter().map(|one| N::above(*one, least));
        let bits = u64::BITS - above().max().unwrap_or_default().leading_zeros();
        let bytes = bits.div_ceil(8) as usize;
        page[widths + mini] = 8 * bytes as u8;
        for one in above() {
            page.extend_from_slice(&one.to_le_bytes()[..bytes]);
        }
        page.resize(page.len() + (MINI_BLOCK - differences.len()) * bytes, 0);
    }
}

fn put_signed(value: i64, page: &mut Vec<u8>) {
    put_varint(((value << 1) ^ (value >> 63)) as u64, page);
}

fn put_varint(mut value: u64, page: &mut Vec<u8>) {
    while value >= 0x80 {
        page.push(value as u8 | 0x80);
        value >>= 7;
    }
    page.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_numbers_show_the_same_bytes_again() {
        let page = encode(&[0_i32, 1_000, 3_000, 4_000]);
        let head = [0x80, 0x08, 8, 4, 0];
        let block = [0xd0, 0x0f, 16, 0, 0, 0, 0, 0, 0, 0];
        let differences = [0, 0, 0xe8, 0x03, 0, 0];
        assert_eq!(page[..5], head);
        assert_eq!(page[5..15], block);
        assert_eq!(page[15..21], differences);
        assert!(page.len() == 15 + 2 * MINI_BLOCK && page[21..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_single_number_has_no_block() {
        assert_eq!(encode(&[-1_i64]), [0x80, 0x08, 8, 1, 1]);
    }
}
