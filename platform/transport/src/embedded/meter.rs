//! Whose log it is, for metrics: a stream's, or a lane's of the spool before another stream, which must
//! not be taken for records on a stream. It measures nothing itself.

use crate::{metrics, spool};

/// Under which names a log is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meter {
    /// The log is the stream.
    Stream,
    /// The log is a lane's of the spool.
    Spool(spool::LaneName),
}

impl Meter {
    /// Describes the metrics.
    pub(super) fn describe(self) {
        match self {
            Self::Stream => metrics::describe(),
            Self::Spool(_) => spool::metrics::describe(),
        }
    }

    /// Counts a commit.
    pub(super) fn committed(self, appended: u64, deleted: u64) {
        match self {
            Self::Stream => metrics::committed(appended, deleted),
            Self::Spool(lane) => spool::metrics::spooled(lane, appended),
        }
    }

    /// Counts a commit that found no room. A spool counts the records that it refuses.
    pub(super) fn full(self) {
        match self {
            Self::Stream => metrics::full(),
            Self::Spool(_) => {}
        }
    }

    /// Tells how much the log holds.
    pub(super) fn held(self, bytes: u64) {
        match self {
            Self::Stream => metrics::held(bytes),
            Self::Spool(lane) => spool::metrics::held(lane, bytes),
        }
    }

    /// Tells how much a group has not passed.
    pub(super) fn lag(self, group: &str, records: u64) {
        match self {
            Self::Stream => metrics::lag(group, records),
            Self::Spool(lane) => spool::metrics::waiting(lane, records),
        }
    }

    /// Tells how far the machine's clock is behind the log's.
    pub(super) fn clock_behind(self, behind_ms: i64) {
        match self {
            Self::Stream => metrics::clock_behind(behind_ms),
            // Times of a spool are for its metrics alone.
            Self::Spool(_) => {}
        }
    }
}
