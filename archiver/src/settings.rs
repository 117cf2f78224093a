//! The settings of the archiver, as command-line flags. The doc comments are the help.

use std::time::Duration;

use clap::{Args, builder::RangedU64ValueParser};
use service::parse_duration;

/// The least memory for rows: some thousand pings for each of a few shards.
const LEAST_MEMORY: u64 = 8 << 20;

/// How much is gathered for a file of the archive.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Archiver")]
#[group(skip)]
pub struct Settings {
    /// Cut a file at about this size, encoded. That takes about eight times as much of
    /// --archive-memory: 1 GiB for 128 MB. With less, files are as large as it allows.
    #[arg(long, value_name = "BYTES", default_value_t = 128_000_000)]
    pub archive_max_file_bytes: u64,

    /// Cut a file when its oldest record is as old as this: rows are in the archive by then. What a
    /// stop or an outage has made older is gathered for a sixteenth of it.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration)]
    pub archive_max_age: Duration,

    /// Memory for rows on their way to a file, over all shards and partitions, 8 MiB at least. When
    /// it is full, the shards cut, one at a time; then files are smaller than they may be: 8 MB of
    /// pings by default. Encoding takes as much again, for a moment. A ping takes 56 bytes.
    ///
    /// What each shard remembers to recognise repeats comes on top: 80 bytes a vehicle, and 24 for
    /// each hole in a vehicle's sequence numbers, or for each of the latest 1,024 pings of one that
    /// sends none; 80 MB a shard at most. Beyond that the longest memories are cut short first.
    #[arg(
        long, value_name = "BYTES", default_value_t = 64 << 20,
        value_parser = RangedU64ValueParser::<usize>::new().range(LEAST_MEMORY..)
    )]
    pub archive_memory: usize,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn check(memory: &str, expected: Option<usize>) {
        let line = Line::try_parse_from(["archiver", "--archive-memory", memory]);
        let read = line.ok().map(|line| line.settings.archive_memory);
        assert_eq!(read, expected, "{memory}");
    }

    #[test]
    fn memory_for_less_than_some_thousand_pings_is_refused() {
        check("0", None);
        check("8388607", None);
        check("8388608", Some(8 << 20));
    }
}
