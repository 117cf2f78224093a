//! The settings of the load generator; the doc comments are its manual.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use schemas::Timestamp;
use service::parse_duration;

use crate::client::{self, Format, Pace};

/// At full speed without a number of pings, simulated time begins so far back: within the seven
/// days that ingest takes, and long enough for a run of hours.
const HEAD_START: Duration = Duration::from_hours(6 * 24);

/// The demonstration's fleet: enough for a lively town, little enough for any machine.
const DEMO_VEHICLES: NonZeroU32 = NonZeroU32::new(200).unwrap();
const DEMO_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const DEMO_BATCH: NonZeroUsize = NonZeroUsize::new(500).unwrap();
/// Before anybody looks, the cabs have driven so long: some have riders on board.
const DEMO_HEAD_START: Duration = Duration::from_mins(10);
/// It runs as long as its server; what breaks down there is not the demonstration's to say.
const DEMO_PATIENCE: Duration = Duration::from_hours(24);

/// Simulates a fleet of cabs and sends what its devices send.
///
/// The cabs drive the streets of a synthetic town laid over San Francisco, from ride to ride.
/// What they send is a function of the seed, the start, and the numbers given here: the same
/// settings send the same again. Ends with a table, and with an error if something was answered
/// otherwise than it had to be. Interrupted, it first cancels the rides under way.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment here would replace the command's own"
    )]
    pub sending: client::Settings,
    /// Cabs in the fleet.
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    pub vehicles: NonZeroU32,
    /// Pings per second and cab, in real time; 0 sends as fast as the server takes them.
    #[arg(long, value_name = "PER_SECOND", default_value = "1")]
    pub rate: f64,
    /// Simulated time between two pings of a cab, if sent as fast as possible.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub interval: Duration,
    /// How long to send; without it and without --pings, until interrupted, or, at full speed, until
    /// simulated time has come to the present.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "pings")]
    pub duration: Option<Duration>,
    /// How many fixes the whole fleet takes; faults add some and lose some.
    #[arg(long, value_name = "TOTAL")]
    pub pings: Option<u64>,
    /// Lets things go wrong: gaps, repeats, disorder, jumps, clocks that are off, devices that
    /// start anew, invalid pings, lost answers.
    #[arg(long)]
    pub faults: bool,
    /// How long the fleet has driven already when real time begins; that is sent at once.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub head_start: Duration,
    /// Decides about everything that is left to chance.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub seed: u64,
    /// When the fleet's clock starts, Unix ms. By default now, less the head start; at full speed such
    /// that --pings end now, or, without --pings, 6 days ago.
    #[arg(long, value_name = "TIME_MS")]
    pub start: Option<i64>,
}

/// How a run is laid out in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub start: Timestamp,
    pub interval_ms: i64,
    /// Fixes of the whole fleet; None for no end.
    pub fixes: Option<u64>,
    /// As many of them as the run is meant to reach.
    pub announced: Option<u64>,
    pub pace: Pace,
    /// Wall-clock time after which nothing more is begun.
    pub at_most: Option<Duration>,
}

impl Settings {
    /// The fleet of a demonstration: as many cabs as a map still shows, a ping a second, for ever.
    ///
    /// # Errors
    /// An error for an address that no URL can name: one with a scope.
    pub fn demo(ingest: SocketAddr, now: Timestamp) -> anyhow::Result<Self> {
        let to = format!("http://{ingest}")
            .parse()
            .with_context(|| format!("{ingest} in a URL"))?;
        Ok(Self {
            sending: client::Settings {
                to,
                key: None,
                fleet: None,
                connections: DEMO_CONNECTIONS,
                batch: DEMO_BATCH,
                format: Format::Ndjson,
                patience: DEMO_PATIENCE,
                acked: None,
            },
            vehicles: DEMO_VEHICLES,
            rate: 1.0,
            interval: Duration::from_secs(1),
            duration: None,
            pings: None,
            faults: false,
            head_start: DEMO_HEAD_START,
            seed: 1,
            start: Some(now.0 - DEMO_HEAD_START.as_millis() as i64),
        })
    }

    /// Lays a run out that begins now.
    pub(super) fn timing(&self, now: Timestamp) -> anyhow::Result<Timing> {
        ensure!(
            self.rate == 0.0 || (1e-4..=1e3).contains(&self.rate),
            "--rate is 0, or between 0.0001 and 1000 pings per second and cab"
        );
        ensure!(
            !self.interval.is_zero(),
            "--interval is longer than nothing"
        );
        Ok(if self.rate > 0.0 {
            self.timed(now)
        } else {
            self.as_fast_as_possible(now)
        })
    }

    fn timed(&self, now: Timestamp) -> Timing {
        let interval_ms = (1e3 / self.rate).round() as i64;
        let head_start_ms = self.head_start.as_millis() as i64;
        let start = Timestamp(self.start.unwrap_or(now.0 - head_start_ms));
        let in_duration = |duration| self.fixes_in(self.head_start + duration, interval_ms);
        let fixes = self.pings.or(self.duration.map(in_duration));
        Timing {
            start,
            interval_ms,
            fixes,
            announced: fixes,
            pace: Pace::Timed {
                start: Timestamp(start.0 + head_start_ms),
                speed: 1.0,
            },
            at_most: None,
        }
    }

    fn as_fast_as_possible(&self, now: Timestamp) -> Timing {
        let interval_ms = self.interval.as_millis() as i64;
        // Without a number of pings the fleet's clock stops when it has come to the present.
        let fixes = self.pings.unwrap_or(self.fixes_in(HEAD_START, interval_ms));
        let head_start_ms = fixes.div_ceil(u64::from(self.vehicles.get())) as i64 * interval_ms;
        Timing {
            start: Timestamp(self.start.unwrap_or(now.0 - head_start_ms)),
            interval_ms,
            fixes: Some(fixes),
            announced: self.pings,
            pace: Pace::AsFastAsPossible,
            at_most: self.duration,
        }
    }

    /// Fixes of the whole fleet in this time.
    fn fixes_in(&self, duration: Duration, interval_ms: i64) -> u64 {
        duration.as_millis() as u64 / interval_ms as u64 * u64::from(self.vehicles.get())
    }
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

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn timing(flags: &str) -> anyhow::Result<Timing> {
        let words = std::iter::once("simulate").chain(flags.split_whitespace());
        Line::try_parse_from(words)?.settings.timing(NOW)
    }

    #[test]
    fn a_paced_run_has_as_many_fixes_as_its_duration_and_starts_now() {
        let timing = timing("--vehicles 10 --rate 2 --duration 1m").unwrap();
        assert_eq!((timing.start, timing.interval_ms), (NOW, 500));
        assert_eq!(timing.fixes, Some(1_200));
    }

    #[test]
    fn a_head_start_is_due_at_once_and_leads_up_to_now() {
        let timing = timing("--vehicles 10 --duration 1m --head-start 10m").unwrap();
        assert_eq!(timing.start, Timestamp(NOW.0 - 600_000));
        assert_eq!(timing.fixes, Some(10 * 660));
        assert!(matches!(timing.pace, Pace::Timed { start: NOW, .. }));
    }

    #[test]
    fn an_address_with_a_scope_is_refused_by_the_demonstration() {
        assert!(Settings::demo("[fe80::1%2]:8080".parse().unwrap(), NOW).is_err());
        let demo = Settings::demo("[::1]:8080".parse().unwrap(), NOW).unwrap();
        let timing = demo.timing(NOW).unwrap();
        assert!(matches!(timing.pace, Pace::Timed { start: NOW, .. }));
    }

    #[test]
    fn a_run_at_full_speed_ends_now() {
        let timing = timing("--vehicles 10 --rate 0 --pings 1001 --interval 2s").unwrap();
        assert_eq!(timing.start, Timestamp(NOW.0 - 101 * 2_000));
    }

    #[test]
    fn without_an_end_a_run_at_full_speed_never_gets_ahead_of_the_clock() {
        let timing = timing("--vehicles 10 --rate 0").unwrap();
        let ticks = timing.fixes.unwrap() as i64 / 10;
        assert!(timing.start.0 + ticks * timing.interval_ms <= NOW.0);
    }

    #[test]
    fn rates_that_make_no_sense_are_refused() {
        for rate in ["-1", "NaN", "inf", "1e9"] {
            assert!(timing(&format!("--rate={rate}")).is_err(), "{rate}");
        }
        assert!(timing("--interval 0s --rate 0").is_err());
    }
}
