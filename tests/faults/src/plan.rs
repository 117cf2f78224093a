//! How often what fails. It draws nothing itself.

use axum::http::{HeaderMap, Method, Uri};

use crate::{Fault, json};

/// How many shards AWS lists in one answer.
const SHARDS_A_PAGE: usize = 1_000;

/// Whether a request may change what a server keeps: for [`Plan::one_at_a_time`].
pub fn writes(method: &Method, _: &Uri, headers: &HeaderMap) -> bool {
    const READS: [&str; 8] = [
        "BatchGet",
        "Describe",
        "Get",
        "List",
        "Query",
        "Scan",
        "Subscribe",
        "TransactGet",
    ];
    match json::action(headers) {
        Some(action) => !READS.iter().any(|read| action.starts_with(read)),
        None => method != Method::GET && method != Method::HEAD,
    }
}

/// How often what fails: each a part of all requests, together at most 1.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Of [`Fault::ErrorBefore`].
    pub error_before: f64,
    /// Of [`Fault::SilenceBefore`].
    pub silence_before: f64,
    /// Of [`Fault::ErrorAfter`].
    pub error_after: f64,
    /// Of [`Fault::SilenceAfter`].
    pub silence_after: f64,
    /// Of [`Fault::Truncated`].
    pub truncated: f64,
    /// Of [`Fault::Slow`].
    pub slow: f64,
    /// Of [`Fault::Throttled`].
    pub throttled: f64,
    /// The one action whose requests fail, as in [`crate::Call`]; None: those of all.
    pub only: Option<&'static str>,
    /// What else fails in calls of Kinesis.
    pub kinesis: KinesisPlan,
    /// Which requests the server gets one at a time, with no other beside them.
    pub one_at_a_time: fn(&Method, &Uri, &HeaderMap) -> bool,
}

/// How often what fails that only Kinesis has: each a part of what it can happen to.
#[derive(Debug, Clone, Copy)]
pub struct KinesisPlan {
    /// Of [`Fault::ExpiredIterator`], in `GetRecords`; together with those of the [`Plan`] at most 1.
    pub expired_iterator: f64,
    /// Of [`Fault::BrokenOff`], in `SubscribeToShard`; together with those of the [`Plan`] at most 1.
    pub broken_off: f64,
    /// Of [`Fault::EntryThrottled`]; those of entries together at most 1.
    pub entry_throttled: f64,
    /// Of [`Fault::EntryFailed`].
    pub entry_failed: f64,
    /// Of [`Fault::EntryStoredButFailed`].
    pub entry_stored_but_failed: f64,
    /// How many shards one `ListShards` answers at most.
    pub shards_a_page: usize,
    /// Whether a position whose record is trimmed is refused with `InvalidArgumentException`. AWS
    /// does not say what it does; both were seen.
    pub refuse_trimmed: bool,
}

impl Plan {
    /// Nothing fails.
    pub const CALM: Self = Self {
        error_before: 0.0,
        silence_before: 0.0,
        error_after: 0.0,
        silence_after: 0.0,
        truncated: 0.0,
        slow: 0.0,
        throttled: 0.0,
        only: None,
        kinesis: KinesisPlan::CALM,
        one_at_a_time: |_, _, _| false,
    };

    /// Every fault of a network once in `one_in` requests.
    pub fn each(one_in: u32) -> Self {
        let part = 1.0 / f64::from(one_in);
        Self {
            error_before: part,
            silence_before: part,
            error_after: part,
            silence_after: part,
            truncated: part,
            slow: part,
            ..Self::CALM
        }
    }

    /// Every fault of a network and of AWS's services once in `one_in` of what it can happen to.
    pub fn each_of_aws(one_in: u32) -> Self {
        let part = 1.0 / f64::from(one_in);
        Self {
            throttled: part,
            kinesis: KinesisPlan {
                expired_iterator: part,
                broken_off: part,
                entry_throttled: part,
                entry_failed: part,
                entry_stored_but_failed: part,
                ..KinesisPlan::CALM
            },
            ..Self::each(one_in)
        }
    }

    /// The fault of a draw between 0 and 1, in a request for `action`.
    pub(crate) fn fault(&self, action: &str, draw: f64) -> Fault {
        if self.only.is_some_and(|only| only != action) {
            return Fault::None;
        }
        let of_action = match action {
            "GetRecords" => (self.kinesis.expired_iterator, Fault::ExpiredIterator),
            "SubscribeToShard" => (self.kinesis.broken_off, Fault::BrokenOff),
            _ => (0.0, Fault::None),
        };
        let parts = [
            (self.error_before, Fault::ErrorBefore),
            (self.silence_before, Fault::SilenceBefore),
            (self.error_after, Fault::ErrorAfter),
            (self.silence_after, Fault::SilenceAfter),
            (self.truncated, Fault::Truncated),
            (self.slow, Fault::Slow),
            (self.throttled, Fault::Throttled),
            of_action,
        ];
        drawn(&parts, draw)
    }
}

impl KinesisPlan {
    /// Nothing fails.
    pub const CALM: Self = Self {
        expired_iterator: 0.0,
        broken_off: 0.0,
        entry_throttled: 0.0,
        entry_failed: 0.0,
        entry_stored_but_failed: 0.0,
        shards_a_page: SHARDS_A_PAGE,
        refuse_trimmed: false,
    };

    /// The fault of a draw between 0 and 1, in one entry of a `PutRecords`.
    pub(crate) fn entry_fault(&self, draw: f64) -> Fault {
        let parts = [
            (self.entry_throttled, Fault::EntryThrottled),
            (self.entry_failed, Fault::EntryFailed),
            (self.entry_stored_but_failed, Fault::EntryStoredButFailed),
        ];
        drawn(&parts, draw)
    }
}

fn drawn(parts: &[(f64, Fault)], draw: f64) -> Fault {
    let mut below = 0.0;
    for (part, fault) in parts {
        below += part;
        if draw < below {
            return *fault;
        }
    }
    Fault::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_part_of_the_requests_it_can_happen_to() {
        let plan = Plan::each_of_aws(10);
        let of = |action: &str| {
            let drawn = (0..100).map(|draw| plan.fault(action, f64::from(draw) / 100.0));
            drawn.filter(|fault| *fault != Fault::None).count()
        };
        assert_eq!(of("GetRecords"), 80);
        assert_eq!(of("SubscribeToShard"), 80);
        assert_eq!(of("PutRecords"), 70);
        assert_eq!(plan.fault("GetRecords", 0.75), Fault::ExpiredIterator);
        assert_eq!(plan.fault("SubscribeToShard", 0.75), Fault::BrokenOff);
        assert_eq!(Plan::CALM.fault("GetRecords", 0.0), Fault::None);
    }

    #[test]
    fn others_do_not_fail_where_one_is_named() {
        let plan = Plan {
            only: Some("PutObject"),
            error_after: 1.0,
            ..Plan::CALM
        };
        assert_eq!(plan.fault("PutObject", 0.5), Fault::ErrorAfter);
        assert_eq!(plan.fault("GetObject", 0.5), Fault::None);
    }
}
