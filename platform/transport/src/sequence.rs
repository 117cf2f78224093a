//! A sequence number: how far a shard has come, as an integer of up to 77 digits. Kinesis gives
//! them 56 digits today, which is more than any machine integer has. They are read, written and
//! compared; all that is computed is which number comes just before.

use std::{fmt, str::FromStr};

/// The largest power of ten in 64 bits, and its digits.
const CHUNK: u128 = 10_000_000_000_000_000_000;
const CHUNK_DIGITS: usize = 19;

/// A number of 256 bits, its most significant word first, so that the order of words is its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sequence([u64; 4]);

impl Sequence {
    /// The number as an offset; its lowest 64 bits.
    pub(crate) fn offset(self) -> u64 {
        self.0[3]
    }

    /// The number before; 0 has none and stays.
    pub(crate) fn before(self) -> Self {
        let mut words = self.0;
        for word in words.iter_mut().rev() {
            let (less, borrows) = word.overflowing_sub(1);
            *word = less;
            if !borrows {
                return Self(words);
            }
        }
        self
    }

    /// Multiplies by `factor` and adds `summand`; None beyond 256 bits.
    fn times_plus(self, factor: u128, summand: u64) -> Option<Self> {
        let mut words = self.0;
        let mut carry = u128::from(summand);
        for word in words.iter_mut().rev() {
            let product = u128::from(*word) * factor + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        (carry == 0).then_some(Self(words))
    }

    /// Divides by [`CHUNK`]; returns the remainder.
    fn take_chunk(&mut self) -> u64 {
        let mut remainder = 0_u128;
        for word in &mut self.0 {
            let dividend = remainder << 64 | u128::from(*word);
            *word = (dividend / CHUNK) as u64;
            remainder = dividend % CHUNK;
        }
        remainder as u64
    }
}

impl From<u64> for Sequence {
    fn from(offset: u64) -> Self {
        Self([0, 0, 0, offset])
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = *self;
        let mut chunks = Vec::with_capacity(5);
        loop {
            chunks.push(left.take_chunk());
            if left == Self::default() {
                break;
            }
        }
        let highest = chunks.pop().unwrap_or_default();
        write!(f, "{highest}")?;
        for chunk in chunks.iter().rev() {
            write!(f, "{chunk:0CHUNK_DIGITS$}")?;
        }
        Ok(())
    }
}

/// Says that a text is no sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidSequence;

impl FromStr for Sequence {
    type Err = InvalidSequence;

    fn from_str(text: &str) -> Result<Self, InvalidSequence> {
        let digits = text.as_bytes();
        let is_canonical = !digits.is_empty()
            && digits.iter().all(u8::is_ascii_digit)
            && (digits[0] != b'0' || digits.len() == 1);
        if !is_canonical {
            return Err(InvalidSequence);
        }
        let mut number = Self::default();
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let mut value = 0_u64;
            let mut factor = 1_u128;
            for digit in chunk {
                value = value * 10 + u64::from(digit - b'0');
                factor *= 10;
            }
            number = number.times_plus(factor, value).ok_or(InvalidSequence)?;
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OF_KINESIS: &str = "49590338271490256608559692538361571095921575989136588898";

    #[test]
    fn numbers_of_kinesis_come_back_as_they_went() {
        let number: Sequence = OF_KINESIS.parse().unwrap();
        assert_eq!(number.to_string(), OF_KINESIS);
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        let too_large = "9".repeat(78);
        for text in ["", "-1", "+1", "01", "1x", " 1", "TRIM_HORIZON", &too_large] {
            assert_eq!(text.parse::<Sequence>(), Err(InvalidSequence), "{text}");
        }
        assert!("9".repeat(77).parse::<Sequence>().is_ok());
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(one in "[1-9][0-9]{0,75}", other in "[1-9][0-9]{0,75}") {
            let numbers = (one.parse::<Sequence>().unwrap(), other.parse::<Sequence>().unwrap());
            prop_assert_eq!(numbers.0.to_string(), one.clone());
            let by_text = one.len().cmp(&other.len()).then_with(|| one.cmp(&other));
            prop_assert_eq!(numbers.0.cmp(&numbers.1), by_text);
        }

        #[test]
        fn nothing_lies_between_a_number_and_the_one_before(text in "[1-9][0-9]{0,75}") {
            let number: Sequence = text.parse().unwrap();
            prop_assert!(number.before() < number);
            prop_assert_eq!(number.before().times_plus(1, 1), Some(number));
        }

        #[test]
        fn offsets_are_numbers(offset: u64) {
            let number = Sequence::from(offset);
            prop_assert_eq!(number.to_string(), offset.to_string());
            prop_assert_eq!(number.offset(), offset);
        }
    }
}
