//! The settings of the processor: what an operator may choose. Addresses and backends are chosen
//! by who runs it.

use std::{num::NonZeroU64, time::Duration};

use clap::Args;

/// How often the state of a shard is stored, and how many may watch.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Settings {
    /// Time between two snapshots of a shard's state; what came since the last one is read again
    /// after a crash (as 500ms, 30s, 5m)
    #[arg(
        long = "snapshot-interval",
        env = "HANSOM_SNAPSHOT_INTERVAL",
        default_value = "30s",
        value_parser = parse_duration
    )]
    pub snapshot_interval: Duration,
    /// Records between two snapshots of a shard's state at most
    #[arg(
        long = "snapshot-records",
        env = "HANSOM_SNAPSHOT_RECORDS",
        default_value = "1000000"
    )]
    pub snapshot_records: NonZeroU64,
}

impl Default for Settings {
    fn default() -> Self {
        const MILLION: NonZeroU64 = NonZeroU64::new(1_000_000).unwrap();
        Self {
            snapshot_interval: Duration::from_secs(30),
            snapshot_records: MILLION,
        }
    }
}

/// Reads a time as `500ms`, `30s`, `5m` or `1h`; not zero.
fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const HELP: &str = "a time above zero with its unit: 500ms, 30s, 5m, 1h";
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(HELP)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| HELP)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(HELP),
    };
    match number.checked_mul(milliseconds) {
        Some(0) | None => Err(HELP),
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected_ms: Option<u64>) {
        assert_eq!(
            parse_duration(text).ok(),
            expected_ms.map(Duration::from_millis),
            "{text}"
        );
    }

    #[test]
    fn a_time_needs_a_number_above_zero_and_a_unit() {
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("2h", Some(7_200_000));
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "0s",
            "1d",
            "1.5s",
            "99999999999999999999s",
        ] {
            check(text, None);
        }
    }
}
