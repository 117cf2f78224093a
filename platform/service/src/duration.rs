//! Durations as people write them in settings: `500ms`, `90s`, `15m`, `24h`, `7d`.

use std::time::Duration;

/// Reads a duration: a whole number and one of ms, s, m, h, d.
///
/// # Errors
/// Words for the user, for anything else.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let milliseconds_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("write a duration as 500ms, 90s, 15m, 24h or 7d".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| format!("{number:?} is no whole number"))?;
    number
        .checked_mul(milliseconds_per_unit)
        .map(Duration::from_millis)
        .ok_or_else(|| "the duration is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, milliseconds: Option<u64>) {
        assert_eq!(
            parse_duration(text).ok(),
            milliseconds.map(Duration::from_millis),
            "{text}"
        );
    }

    #[test]
    fn numbers_need_a_known_unit() {
        check("500ms", Some(500));
        check("90s", Some(90_000));
        check("7d", Some(604_800_000));
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5h",
            "1w",
            "99999999999999999999d",
            "99999999999999999d",
        ] {
            check(text, None);
        }
    }
}
