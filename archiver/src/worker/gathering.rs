//! How old the range is that a worker gathers. When it is old enough is `cut`'s to say.

use std::time::Duration;

use tokio::time::Instant;

use crate::cut::Limits;

/// Since when a range is gathered, and how old its first record was then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathering {
    since: Instant,
    head_start: Duration,
}

impl Gathering {
    /// Begins with a record of this age.
    pub(super) fn begin(age_ms: i64, limits: Limits) -> Self {
        let age = Duration::from_millis(age_ms.max(0) as u64);
        Self {
            since: Instant::now(),
            head_start: limits.head_start(age),
        }
    }

    /// How old the range is.
    pub(super) fn age(self) -> Duration {
        self.head_start + self.since.elapsed()
    }

    /// When the range is as old as `age`; None for an age beyond all times.
    pub(super) fn end(self, age: Duration) -> Option<Instant> {
        self.since.checked_add(age.saturating_sub(self.head_start))
    }
}
