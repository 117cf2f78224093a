//! The settings of the processor: what an operator may choose. Addresses and backends are chosen
//! by who runs it.

use std::{num::NonZeroU64, time::Duration};

use clap::Args;
use service::parse_duration;

/// How often the state of a shard is stored, and how many may watch.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Processor")]
pub struct Settings {
    /// Time between two snapshots of a shard's state; what came since the last one is read again
    /// after a crash.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub snapshot_interval: Duration,
    /// Records between two snapshots of a shard's state at most.
    #[arg(long, value_name = "N", default_value = "1000000")]
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
