//! The settings of the replayer; the doc comments are its manual.

use std::{path::PathBuf, str::FromStr};

use clap::Args;
use schemas::Timestamp;

use super::columns::Columns;
use crate::client;

/// Sends the pings of a Parquet or CSV file as if they came live.
///
/// All vehicles play together in the order of time. Where a column says that a passenger is on
/// board, rides are made of it: 0 to 1 is an assignment and a pickup there, 1 to 0 a drop-off.
/// Pings are numbered per vehicle, and the earliest time is their epoch: a file that is played again
/// is recognised as the same, unless --shift-to-now gives it other times. A server takes old pings
/// only if its limit is lifted.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The file: `.parquet`, `.csv` or `.csv.gz`, its rows in any order.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Seconds of the file per second, or `max` for as fast as the server takes them.
    #[arg(long, value_name = "X|max", default_value = "max")]
    pub speed: Speed,
    /// Plays the first so many pings only.
    #[arg(long, value_name = "PINGS")]
    pub limit: Option<usize>,
    /// Shifts all times so that the last ping is sent at its time; else times are kept.
    #[arg(long)]
    pub shift_to_now: bool,
    /// Which columns hold what.
    #[command(flatten)]
    pub columns: Columns,
    /// Where to send, and how.
    #[command(flatten)]
    pub sending: client::Settings,
}

/// How fast a file is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as the server takes it.
    Max,
    /// So many seconds of the file per second.
    Times(f64),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(times) if times > 0.0 && f64::is_finite(times) => Ok(Self::Times(times)),
            Ok(_) | Err(_) => Err("the speed is max, or a number above 0".to_owned()),
        }
    }
}

impl Speed {
    /// How far times must be shifted for the last ping to be sent at its own time.
    pub(super) fn shift_ms(self, first: Timestamp, last: Timestamp, now: Timestamp) -> i64 {
        let plays_ms = match self {
            Self::Max => 0,
            Self::Times(times) => ((last.0 - first.0) as f64 / times) as i64,
        };
        now.0 + plays_ms - last.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ping_is_sent_before_its_shifted_time() {
        let (first, last, now) = (Timestamp(1_000), Timestamp(61_000), Timestamp(1_000_000));
        for (speed, last_sent) in [("max", now.0), ("1", now.0 + 60_000), ("60", now.0 + 1_000)] {
            let speed: Speed = speed.parse().unwrap();
            assert_eq!(last.0 + speed.shift_ms(first, last, now), last_sent);
        }
    }

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn the_defaults_are_those_of_the_san_francisco_cabs() {
        let line: Line = clap::Parser::try_parse_from(["replay", "cabs.parquet"]).unwrap();
        let columns = line.settings.columns;
        let pings = &columns.pings;
        let names = [&pings.vehicle, &pings.time, &pings.lat, &pings.lng];
        assert_eq!(names, ["cab", "t", "lat_e5", "lon_e5"]);
        assert_eq!(
            (columns.rides(), pings.to_e7(3_771_234.0).unwrap()),
            (Some("occ"), 377_123_400)
        );
    }

    #[test]
    fn a_scale_that_makes_no_degrees_is_refused() {
        for scale in ["0", "-0", "inf", "NaN", "much"] {
            let flag = format!("--scale={scale}");
            let line: Result<Line, _> = clap::Parser::try_parse_from(["replay", &flag, "f.csv"]);
            assert!(line.is_err(), "{scale}");
        }
    }

    #[test]
    fn only_max_and_positive_numbers_are_speeds() {
        for text in ["0", "-1", "inf", "NaN", "fast", ""] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
