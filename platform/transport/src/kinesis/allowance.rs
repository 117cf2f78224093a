//! What one shard takes a second: bytes and records, shared with producers nobody here knows of.
//! So it learns: a refusal lowers what is asked, and time without one raises it again.

use std::time::{Duration, Instant};

/// A shard takes 1 MiB a second (a Kinesis limit).
const BYTES_A_SECOND: f64 = 1_048_576.0;
/// A shard takes 1,000 records a second (a Kinesis limit).
const RECORDS_A_SECOND: f64 = 1_000.0;
/// A shard forgives a burst of about a second.
const BURST: Duration = Duration::from_secs(1);
/// A refusal takes off so much of what is asked.
const AFTER_REFUSAL: f64 = 0.7;
/// No number of refusals takes off more.
const LEAST: f64 = 0.05;
/// A second without a refusal gives back so much of the whole.
const RECOVERY_A_SECOND: f64 = 0.05;

/// How much may go to one shard now.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    bytes: f64,
    records: f64,
    /// The part of the shard's limits that is asked for.
    part: f64,
    at: Instant,
}

impl Allowance {
    /// A whole burst, from `now` on.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            bytes: BYTES_A_SECOND * BURST.as_secs_f64(),
            records: RECORDS_A_SECOND * BURST.as_secs_f64(),
            part: 1.0,
            at: now,
        }
    }

    /// Takes a record of so many bytes out, or says when to ask again. A large record may go where
    /// there is a burst left, and is paid back by those that follow.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> Result<(), Instant> {
        self.refill(now);
        let needed = (bytes as f64).min(BYTES_A_SECOND * BURST.as_secs_f64());
        let missing = [
            (needed - self.bytes) / (BYTES_A_SECOND * self.part),
            (1.0 - self.records) / (RECORDS_A_SECOND * self.part),
        ];
        let wait = missing.into_iter().fold(0.0, f64::max);
        if wait > 0.0 {
            return Err(now + Duration::from_secs_f64(wait));
        }
        self.bytes -= bytes as f64;
        self.records -= 1.0;
        Ok(())
    }

    /// Notes that the shard refused for want of room.
    pub(crate) fn refused(&mut self, now: Instant) {
        self.refill(now);
        self.part = (self.part * AFTER_REFUSAL).max(LEAST);
        self.bytes = self.bytes.min(0.0);
        self.records = self.records.min(0.0);
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        let burst = BURST.as_secs_f64();
        self.bytes =
            (self.bytes + seconds * BYTES_A_SECOND * self.part).min(BYTES_A_SECOND * burst);
        self.records =
            (self.records + seconds * RECORDS_A_SECOND * self.part).min(RECORDS_A_SECOND * burst);
        self.part = (self.part + seconds * RECOVERY_A_SECOND).min(1.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes records of `bytes` for so many seconds, waiting as told; returns how many were taken.
    fn taken(allowance: &mut Allowance, bytes: usize, from: Instant, seconds: u64) -> usize {
        let end = from + Duration::from_secs(seconds);
        let mut now = from;
        let mut count = 0;
        while now < end {
            match allowance.take(bytes, now) {
                Ok(()) => count += 1,
                Err(later) => now = later.max(now + Duration::from_micros(1)),
            }
        }
        count
    }

    proptest! {
        #[test]
        fn no_more_is_taken_than_the_shard_takes_and_hardly_less(bytes in 1_usize..1_048_576) {
            let now = Instant::now();
            let mut allowance = Allowance::new(now);
            let count = taken(&mut allowance, bytes, now, 20) as f64;
            let most = (BYTES_A_SECOND / bytes as f64).min(RECORDS_A_SECOND);
            prop_assert!(count <= most * 21.0 + 1.0, "{} of {}", count, most * 21.0);
            prop_assert!(count >= most * 20.0 - 1.0, "{} of {}", count, most * 20.0);
        }
    }

    #[test]
    fn a_refusal_lowers_what_is_asked_and_time_raises_it_again() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        for _ in 0..3 {
            allowance.refused(now);
        }
        let lowered = taken(&mut allowance, 10_000, now, 1);
        assert!(lowered < 40, "{lowered}");
        let later = now + Duration::from_mins(1);
        allowance.take(1, later).unwrap();
        assert!(taken(&mut allowance, 10_000, later, 1) > 100);
    }
}
