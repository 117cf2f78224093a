//! The stream's clock: wall time that never goes back, also where the machine's clock does.
//! Readers take it for time itself, so that reading again gives the same times again.

use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock, Unix ms UTC.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// The latest time given out, Unix ms UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamClock(i64);

impl StreamClock {
    /// Goes on after the latest time that is on the stream already.
    pub(crate) fn after(latest_ms: i64) -> Self {
        Self(latest_ms)
    }

    /// The time for what is appended when the machine's clock shows `wall_ms`.
    pub(crate) fn at(&mut self, wall_ms: i64) -> i64 {
        self.0 = self.0.max(wall_ms);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_clock_stands_still_while_the_machine_clock_goes_back() {
        let mut clock = StreamClock::after(100);
        assert_eq!(
            [90, 120, 110, 121].map(|wall| clock.at(wall)),
            [100, 120, 120, 121]
        );
    }
}
