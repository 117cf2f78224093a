//! The settings of the archiver, as command-line flags. The doc comments are the help.

use std::time::Duration;

use clap::Args;
use service::parse_duration;

/// How much is gathered for a file of the archive.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Archiver")]
#[group(skip)]
pub struct Settings {
    /// Cut a file at about this size, encoded.
    #[arg(long, value_name = "BYTES", default_value_t = 128_000_000)]
    pub archive_max_file_bytes: u64,

    /// Cut a file when its oldest record is as old as this: rows are in the archive by then.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration)]
    pub archive_max_age: Duration,

    /// Memory for rows on their way to a file, over all shards and partitions. When it is full, the
    /// shards cut, one at a time; then files are smaller than they may be. Encoding takes as much
    /// again, for a moment. A ping takes 56 bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub archive_memory: usize,
}
