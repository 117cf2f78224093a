//! The settings of ingest, as command-line flags. The doc comments are the help.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use service::parse_duration;

/// What ingest takes, and how much of it at once.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ingest")]
#[group(skip)]
pub struct Settings {
    /// Reject pings and ride events whose time is further ahead than this.
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = parse_duration)]
    pub max_ahead: Duration,

    /// Reject pings and ride events whose time is further back than this. A vehicle's repeats are
    /// recognised until 8 days after its last record, whatever the time of the fix, within the
    /// bounds of the archiver's dedupe window.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_duration)]
    pub max_behind: Duration,

    /// Pings a second that one fleet may send, with bursts of ten seconds' worth; 0 is no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub fleet_rate: u32,

    /// Bytes of accepted pings that may wait for the stream; beyond them, requests get 503.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub queue_bytes: u32,

    /// Bytes of request bodies that may be held at once; beyond them, requests get 503.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub body_bytes: u32,

    /// Largest NDJSON body, decompressed; beyond it, 413.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    pub max_ndjson_bytes: u64,

    /// Largest JSON or Protobuf body, decompressed; beyond it, 413.
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
    pub max_body_bytes: u32,

    /// How long a request waits for the stream before it is answered with 503.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub stream_timeout: Duration,

    /// How long a request may pause in its body before it is answered with 408.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub body_timeout: Duration,

    /// How long a JSON or Protobuf body may take in all before it is answered with 408.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub whole_body_timeout: Duration,

    /// How long to go on taking requests after SIGTERM, while /ready says no: as long as the load
    /// balancer in front needs to notice. It counts against --grace.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub drain_delay: Duration,
}

/// An append is at least this large when it goes: a full batch and the item that filled it.
const LEAST_QUEUE_BYTES: u32 = 1 << 20;

impl Settings {
    /// Says all that cannot work together.
    ///
    /// # Errors
    /// All mistakes, by their flags.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut mistakes = Vec::new();
        if self.queue_bytes < LEAST_QUEUE_BYTES {
            mistakes.push(format!(
                "--queue-bytes must be at least {LEAST_QUEUE_BYTES}"
            ));
        }
        if self.body_bytes < self.max_body_bytes {
            mistakes.push("--body-bytes must be at least --max-body-bytes".to_owned());
        }
        ensure!(mistakes.is_empty(), mistakes.join("; "));
        Ok(())
    }
}
