//! How often a shard may be read: five calls and 2 MB a second, which all readers of the shard share
//! without knowing of each other. So it learns from refusals. It does not wait itself.

use std::time::{Duration, Instant};

/// Five calls a second (a Kinesis limit).
const SPACING: Duration = Duration::from_millis(200);
/// A reader that is refused again and again waits no longer than this between two calls.
const LONGEST_SPACING: Duration = Duration::from_secs(5);
/// A refusal makes the spacing so many times as long.
const AFTER_REFUSAL: f64 = 2.0;
/// An answer makes it so many times as long, down to the least.
const AFTER_ANSWER: f64 = 0.8;
/// Bytes a second (a Kinesis limit).
const BYTES_A_SECOND: f64 = 2_000_000.0;
/// One answer should have about as many bytes: a second's worth.
const ANSWER_BYTES: usize = 2 << 20;
/// A call asks for at least so many records, as an answer without any says nothing of their size.
const LEAST_LIMIT: usize = 100;
/// A call gives at most 10,000 records (a Kinesis limit).
const MAX_LIMIT: usize = 10_000;

/// The pace of one reader of one shard.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Between two calls where there is more to read.
    least_spacing: Duration,
    spacing: Duration,
    /// Between two calls where all is read.
    poll: Duration,
    not_before: Instant,
    limit: usize,
}

/// What an answer tells of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There is more to read.
    More,
    /// All is read.
    CaughtUp,
}

impl Pace {
    /// A reader that looks for more every `poll` where all is read.
    pub(super) fn new(poll: Duration, now: Instant) -> Self {
        let least_spacing = SPACING.min(poll);
        Self {
            least_spacing,
            spacing: least_spacing,
            poll,
            not_before: now,
            limit: LEAST_LIMIT,
        }
    }

    /// When to call next.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// How many records to ask for.
    pub(super) fn limit(&self) -> i32 {
        self.limit as i32
    }

    /// Notes an answer of so many bytes and records.
    pub(super) fn answered(&mut self, bytes: usize, records: usize, next: Next, now: Instant) {
        let spacing = self.spacing.mul_f64(AFTER_ANSWER);
        self.spacing = spacing.max(self.least_spacing);
        let calls = match next {
            Next::More => self.spacing,
            Next::CaughtUp => self.spacing.max(self.poll),
        };
        let bandwidth = Duration::from_secs_f64(bytes as f64 / BYTES_A_SECOND);
        self.not_before = now + calls.max(bandwidth);
        if let Some(size) = bytes.checked_div(records) {
            self.limit = (ANSWER_BYTES / size.max(1)).clamp(LEAST_LIMIT, MAX_LIMIT);
        }
    }

    /// Notes that the shard had more calls or bytes than it takes.
    pub(super) fn refused(&mut self, now: Instant) {
        self.spacing = self.spacing.mul_f64(AFTER_REFUSAL).min(LONGEST_SPACING);
        self.not_before = now + self.spacing;
    }

    /// Notes a failure after which to wait.
    pub(super) fn failed(&mut self, wait: Duration, now: Instant) {
        self.not_before = now + wait;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_millis(500);

    fn wait(pace: &Pace, now: Instant) -> Duration {
        pace.not_before() - now
    }

    #[test]
    fn a_reader_that_is_behind_reads_as_fast_as_it_may_and_no_faster() {
        let now = Instant::now();
        let mut pace = Pace::new(POLL, now);
        pace.answered(1_000, 10, Next::More, now);
        assert_eq!(wait(&pace, now), SPACING);
        pace.answered(10_000_000, 10, Next::More, now);
        assert_eq!(wait(&pace, now), Duration::from_secs(5));
        pace.answered(0, 0, Next::CaughtUp, now);
        assert_eq!(wait(&pace, now), POLL);
    }

    #[test]
    fn refusals_slow_a_reader_down_and_answers_make_it_faster_again() {
        let now = Instant::now();
        let mut pace = Pace::new(POLL, now);
        for _ in 0..20 {
            pace.refused(now);
        }
        assert_eq!(wait(&pace, now), LONGEST_SPACING);
        for _ in 0..20 {
            pace.answered(1, 1, Next::More, now);
        }
        assert_eq!(wait(&pace, now), SPACING);
    }

    #[test]
    fn small_records_are_asked_for_in_greater_numbers() {
        let now = Instant::now();
        let mut pace = Pace::new(POLL, now);
        pace.answered(60_000, 1_000, Next::More, now);
        assert_eq!(pace.limit(), 10_000);
        pace.answered(25_000 * 50, 50, Next::More, now);
        assert_eq!(pace.limit(), 100);
    }
}
