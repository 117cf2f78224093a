//! Integers of a small unit, written as decimals: 377 e2 is `3.77`. Exact, and without a float.

/// Appends an integer.
pub(super) fn write_integer(number: i64, text: &mut Vec<u8>) {
    if number < 0 {
        text.push(b'-');
    }
    write_digits(number.unsigned_abs(), 1, text);
}

/// Appends an unsigned integer.
pub(super) fn write_unsigned(number: u64, text: &mut Vec<u8>) {
    write_digits(number, 1, text);
}

/// Appends `number / 10^places`; `places` is at most 9.
pub(super) fn write_decimal(number: i64, places: u32, text: &mut Vec<u8>) {
    if number < 0 {
        text.push(b'-');
    }
    let unit = 10_u64.pow(places);
    let number = number.unsigned_abs();
    write_digits(number / unit, 1, text);
    text.push(b'.');
    write_digits(number % unit, places as usize, text);
}

/// Appends the digits of `number`, with leading zeros up to `width`.
fn write_digits(mut number: u64, width: usize, text: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text.extend_from_slice(&digits[first.min(digits.len() - width)..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(number: i64, places: u32, expected: &str) {
        let mut text = Vec::new();
        write_decimal(number, places, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn decimals_keep_their_zeros_and_their_sign() {
        check(0, 1, "0.0");
        check(-5, 2, "-0.05");
        check(377_749_295, 7, "37.7749295");
        check(-1_224_000_001, 7, "-122.4000001");
    }

    proptest! {
        #[test]
        fn a_decimal_reads_back_as_its_number(number in any::<i32>(), places in 1_u32..8) {
            let mut text = Vec::new();
            write_decimal(i64::from(number), places, &mut text);
            let read: f64 = std::str::from_utf8(&text).unwrap().parse().unwrap();
            prop_assert_eq!((read * 10_f64.powi(places as i32)).round() as i64, i64::from(number));
        }

        #[test]
        fn an_integer_reads_back_as_itself(number in any::<i64>()) {
            let mut text = Vec::new();
            write_integer(number, &mut text);
            prop_assert_eq!(std::str::from_utf8(&text).unwrap().parse::<i64>().unwrap(), number);
        }
    }
}
