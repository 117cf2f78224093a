//! Which way to the stream an item takes: live ones come before those of a phone that was away, so that
//! a day's worth of the past delays nobody's present. It knows no stream.

use std::time::Duration;

use schemas::Timestamp;

/// What is older when it is received is backfill: nobody waits for it on a map.
const LIVE_FOR: Duration = Duration::from_mins(5);

/// One of two ways, each with an order of its own. Where old items of a vehicle wait in a spool, its
/// new ones go behind them; of an upload the old ones are appended first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What happens.
    Live,
    /// What happened.
    Backfill,
}

impl Lane {
    /// Both, in the order in which an upload's are appended, so that of one vehicle what is older comes
    /// first.
    pub(crate) const ALL: [Self; 2] = [Self::Backfill, Self::Live];

    /// The lane of an item by its time.
    pub(crate) fn of(time: Timestamp, received_at: Timestamp) -> Self {
        let age_ms = received_at.0.saturating_sub(time.0);
        if age_ms > LIVE_FOR.as_millis() as i64 {
            Self::Backfill
        } else {
            Self::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_when_it_comes_is_backfill() {
        let of =
            |age_ms: i64| Lane::of(Timestamp(1_000_000_000 - age_ms), Timestamp(1_000_000_000));
        assert_eq!([of(-1), of(0), of(300_000)], [Lane::Live; 3]);
        assert_eq!(of(300_001), Lane::Backfill);
        let odd = Lane::of(Timestamp(i64::MIN), Timestamp(i64::MAX));
        assert_eq!(odd, Lane::Backfill);
    }
}
