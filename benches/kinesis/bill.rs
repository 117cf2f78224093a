//! What Amazon bills for what is in a stream, by the list prices of us-east-1. It counts; it measures
//! nothing.

use std::fmt;

/// Dollars for a shard and hour.
const SHARD_HOUR: f64 = 0.015;
/// Dollars for a million PUT payload units.
const MILLION_UNITS: f64 = 0.014;
/// A PUT payload unit.
const UNIT_BYTES: usize = 25 << 10;
/// What a shard takes in a second.
const SHARD_BYTES: f64 = 1_048_576.0;
const SHARD_RECORDS: f64 = 1_000.0;
/// So full is a shard in the long run whose load has peaks.
const FILL: f64 = 0.6;
/// Firehose counts each record in steps of so many bytes,
const FIREHOSE_BYTES: usize = 5 << 10;
/// and takes so many dollars for a GB of 2^30 bytes.
const FIREHOSE_GB: f64 = 0.029;

/// A stream's records, and the pings that they carry.
pub(crate) struct Bill {
    pub(crate) vehicles: u32,
    pub(crate) pings: usize,
    /// Bytes of each record of Kinesis, with its key.
    pub(crate) records: Vec<usize>,
}

impl Bill {
    pub(crate) const HEAD: &str = "\
For a million pings, at 60 % fill   | PUT units | shard-seconds |       $ | Firehose $
of this fleet, a ping a second each |           |               |         |";

    /// One record a ping, of the same bytes.
    fn plain(&self) -> Self {
        let bytes = self.records.iter().sum::<usize>() / self.pings;
        Self {
            vehicles: self.vehicles,
            pings: self.pings,
            records: vec![bytes; self.pings],
        }
    }

    /// Something for each record, summed, for a million pings.
    fn a_million(&self, of: impl Fn(usize) -> usize) -> f64 {
        let sum: usize = self.records.iter().map(|bytes| of(*bytes)).sum();
        sum as f64 * 1e6 / self.pings as f64
    }

    fn units(&self) -> f64 {
        self.a_million(|bytes| bytes.div_ceil(UNIT_BYTES))
    }

    /// By whichever of its two limits a shard is full first.
    fn shard_seconds(&self) -> f64 {
        let by_bytes = self.a_million(|bytes| bytes) / SHARD_BYTES;
        let by_records = self.a_million(|_| 1) / SHARD_RECORDS;
        by_bytes.max(by_records) / FILL
    }

    fn dollars(&self) -> f64 {
        self.shard_seconds() / 3_600.0 * SHARD_HOUR + self.units() / 1e6 * MILLION_UNITS
    }

    fn firehose_dollars(&self) -> f64 {
        let bytes = self.a_million(|bytes| bytes.next_multiple_of(FIREHOSE_BYTES));
        bytes / f64::from(1 << 30) * FIREHOSE_GB
    }

    fn row(&self, name: &str, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{name:<35} | {:>9.0} | {:>13.0} | {:>7.5} | {:>10.5}",
            self.units(),
            self.shard_seconds(),
            self.dollars(),
            self.firehose_dollars(),
        )
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.plain();
        self.row(&format!("{} vehicles", self.vehicles), to)?;
        writeln!(to)?;
        plain.row("  one record a ping", to)?;
        write!(
            to,
            "\n  {} pings in {} records of {} bytes a ping; {:.1} times fewer units",
            self.pings,
            self.records.len(),
            self.records.iter().sum::<usize>() / self.pings,
            plain.units() / self.units(),
        )
    }
}
