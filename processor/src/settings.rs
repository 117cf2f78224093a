//! The settings of the processor: what an operator may choose. Addresses and backends are chosen
//! by who runs it.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    time::Duration,
};

use clap::Args;
use service::parse_duration;

use crate::{learner, shard_state::MAX_VEHICLES};

/// How much a shard may hold, and how often its state is stored.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Processor")]
pub struct Settings {
    /// Time between two snapshots of a shard's state; what came since the last one is read again
    /// after a crash.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_interval)]
    pub snapshot_interval: Duration,
    /// Time between two writes to the cache for each shard: a ride or vehicle that changes more often
    /// is written once, as it is then.
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub cache_flush: Duration,
    /// Records between two snapshots of a shard's state at most.
    #[arg(long, value_name = "N", default_value = "1000000")]
    pub snapshot_records: NonZeroU64,
    /// Vehicles of a shard at most, each some 250 bytes and its rides; pings and events of further
    /// ones are passed over and counted.
    #[arg(long, value_name = "N", default_value = "1000000")]
    pub vehicles_per_shard: NonZeroUsize,
    /// How times of arrival are learned.
    #[command(flatten)]
    pub learning: learner::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            snapshot_interval: Duration::from_secs(30),
            cache_flush: Duration::from_millis(100),
            snapshot_records: const { NonZeroU64::new(1_000_000).unwrap() },
            learning: learner::Settings::default(),
            vehicles_per_shard: const { NonZeroUsize::new(MAX_VEHICLES).unwrap() },
        }
    }
}

/// Reads a time between two snapshots.
fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("snapshots need some time between them: 1s is little".to_owned()),
        interval => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_between_snapshots_is_refused() {
        assert_eq!(parse_interval("30s"), Ok(Duration::from_secs(30)));
        assert!(parse_interval("0s").unwrap_err().contains("some time"));
    }
}
