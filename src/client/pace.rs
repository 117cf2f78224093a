//! When a source's time has come, by the wall clock.

use std::time::Duration;

use schemas::Timestamp;
use tokio::time::Instant;

/// How a source's time runs against the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Everything is due at once.
    AsFastAsPossible,
    /// The source's `start` is now; then its time runs `speed` times as fast as the clock.
    Timed {
        /// Where the source begins.
        start: Timestamp,
        /// Seconds of the source per second of the clock.
        speed: f64,
    },
}

/// A pace with its origin on the wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pace: Pace,
    origin: Instant,
}

impl Schedule {
    pub(super) fn start(pace: Pace, now: Instant) -> Self {
        Self { pace, origin: now }
    }

    /// The moment when what has this time is due.
    pub(super) fn moment(&self, time: Timestamp) -> Instant {
        match self.pace {
            Pace::AsFastAsPossible => self.origin,
            Pace::Timed { start, speed } => {
                let after = time.seconds_since(start).max(0.0) / speed;
                // Beyond what a Duration holds is never: a year stands for it.
                let after =
                    Duration::try_from_secs_f64(after).unwrap_or(Duration::from_hours(24 * 365));
                self.origin + after
            }
        }
    }
}
