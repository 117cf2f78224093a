//! How a run ended: a table for people, and whether all was as it had to be.

use std::{fmt, time::Duration};

use schemas::Rejection;

use super::tally::Tally;

/// How a run of the load generator or the replayer ended. Its `Display` is a table.
#[derive(Debug)]
pub(crate) struct Report {
    tally: Tally,
    elapsed: Duration,
}

impl Report {
    pub(super) fn new(tally: Tally, elapsed: Duration) -> Self {
        Self { tally, elapsed }
    }

    /// Says whether everything was answered, and as expected.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.tally.unexpected == 0 && self.tally.given_up == 0
    }

    /// Pings decided per second.
    pub(crate) fn pings_per_second(&self) -> f64 {
        self.decided() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn decided(&self) -> u64 {
        let rejected: u64 = self.tally.rejected.iter().sum();
        self.tally.accepted + self.tally.repeated + rejected
    }
}

/// What tests look at one by one.
#[cfg(test)]
impl Report {
    /// Pings that were accepted, each name once.
    pub(crate) fn accepted(&self) -> u64 {
        self.tally.accepted
    }

    /// Pings that were rejected for this reason.
    pub(crate) fn rejected(&self, reason: Rejection) -> u64 {
        let at = Rejection::ALL.iter().position(|known| *known == reason);
        at.map_or(0, |at| self.tally.rejected[at])
    }

    /// Ride events that were accepted.
    pub(crate) fn events_accepted(&self) -> u64 {
        self.tally.events_accepted
    }

    /// Requests that were sent again: refused for now, unreachable, or their answer lost.
    pub(crate) fn resent(&self) -> u64 {
        self.tally.attempts.total()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let mut row = |name: &str, count: u64| writeln!(f, "{name:<36}{count:>14}");
        row("pings sent", tally.sent)?;
        row("pings accepted", tally.accepted)?;
        row("repeats accepted", tally.repeated)?;
        for (reason, count) in Rejection::ALL.iter().zip(tally.rejected) {
            if count > 0 {
                row(&format!("rejected: {}", reason.code()), count)?;
            }
        }
        row("ride events sent", tally.events_sent)?;
        row("ride events accepted", tally.events_accepted)?;
        row("requests sent again", tally.attempts.total())?;
        row("  after 429", tally.attempts.too_many_requests)?;
        row("  after 408 or 5xx", tally.attempts.unavailable)?;
        row("  after no answer", tally.attempts.unreachable)?;
        row(
            "  after an answer lost on purpose",
            tally.attempts.lost_answers,
        )?;
        row("given up", tally.given_up)?;
        row("not as expected", tally.unexpected)?;
        for surprise in &tally.surprises {
            writeln!(f, "  {surprise}")?;
        }
        for (name, percentile) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("max", 100.0)] {
            let milliseconds = tally.latency.value_at_percentile(percentile) as f64 / 1e3;
            writeln!(
                f,
                "{:<36}{milliseconds:>11.1} ms",
                format!("latency {name}")
            )?;
        }
        writeln!(f, "{:<36}{:>12.1} s", "elapsed", self.elapsed.as_secs_f64())?;
        write!(
            f,
            "{:<36}{:>14.0}",
            "pings per second",
            self.pings_per_second()
        )
    }
}
