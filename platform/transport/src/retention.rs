//! What may be deleted: never what a known group has not passed.
//! It decides; the backends delete.

use std::time::Duration;

use crate::{block::BlockHead, progress::Progress};

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// What is older goes, once every group has passed it.
    pub(crate) age: Duration,
    /// Where more is held, what every group has passed goes, however young, oldest first.
    pub(crate) max_bytes: u64,
}

/// How full the log is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    /// Bytes that blocks take.
    pub(crate) held: u64,
    /// Bytes that are about to be appended.
    pub(crate) incoming: u64,
}

impl Retention {
    /// Which block goes next, of the oldest of every shard, if any may. Times are the stream's.
    pub(crate) fn next_to_go(
        &self,
        oldest: impl Iterator<Item = (u32, BlockHead)>,
        progress: &Progress,
        fill: Fill,
        now_ms: i64,
    ) -> Option<(u32, BlockHead)> {
        let (shard, head) = oldest
            .filter(|(shard, head)| head.end <= progress.passed(*shard))
            .min_by_key(|(_, head)| head.appended_ms)?;
        let age = u128::try_from(now_ms.saturating_sub(head.appended_ms)).unwrap_or(0);
        let goes = self.is_over(fill) || age > self.age.as_millis();
        goes.then_some((shard, head))
    }

    /// Whether the log would hold more than it may.
    pub(crate) fn is_over(&self, fill: Fill) -> bool {
        fill.held.saturating_add(fill.incoming) > self.max_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: Retention = Retention {
        age: Duration::from_millis(100),
        max_bytes: 1_000,
    };

    /// Two shards whose oldest blocks end at 10, appended at 50 and 40; `passed` by one group.
    fn check(passed: [u64; 2], held: u64, now_ms: i64, expected: Option<u32>) {
        let block = |appended_ms| BlockHead {
            first: 0,
            end: 10,
            appended_ms,
            footprint: 4_096,
        };
        let mut progress = Progress::new(2);
        progress.register("group");
        for (shard, next) in (0..).zip(passed) {
            progress.set("group", shard, next);
        }
        let oldest = [(0, block(50)), (1, block(40))].into_iter();
        let fill = Fill { held, incoming: 1 };
        let next = RETENTION.next_to_go(oldest, &progress, fill, now_ms);
        assert_eq!(next.map(|(shard, _)| shard), expected);
    }

    #[test]
    fn what_is_old_and_passed_goes() {
        check([10, 10], 0, 141, Some(1));
        check([10, 9], 0, 151, Some(0));
    }

    #[test]
    fn what_is_young_stays_while_there_is_room() {
        check([10, 10], 999, 140, None);
        check([10, 10], 1_000, 140, Some(1));
    }

    #[test]
    fn what_a_group_has_not_passed_stays_whatever_happens() {
        check([9, 9], 1_000_000, 1_000_000, None);
    }
}
