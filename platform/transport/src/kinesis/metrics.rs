//! The metrics of a stream of Kinesis, one function each.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::{lanes::Failure, trouble::Trouble};

/// Kinesis bills puts in units of 25 KB.
const UNIT_BYTES: usize = 25 << 10;

/// Describes the metrics for `/metrics`.
pub(super) fn describe() {
    crate::metrics::describe_appended();
    describe_counter!("hansom_transport_put_calls_total", "Calls of PutRecords");
    describe_counter!(
        "hansom_transport_put_units_total",
        "PUT payload units of 25 KB that Kinesis bills"
    );
    describe_counter!(
        "hansom_transport_put_again_records_total",
        "Records sent again after a failure: whether or not they were stored"
    );
    describe_counter!(
        "hansom_transport_misdirected_records_total",
        "Records that came to another shard than predicted: the shards were split or merged"
    );
    describe_counter!(
        "hansom_transport_given_up_records_total",
        "Records that the service did not take in time"
    );
    describe_counter!(
        "hansom_transport_read_failures_total",
        "Calls for records that failed"
    );
    describe_counter!(
        "hansom_transport_foreign_records_total",
        "Records in aggregates that belong to another shard, where they come again"
    );
    describe_counter!(
        "hansom_transport_gaps_total",
        "Positions that retention had overtaken: records may be lost"
    );
    // An alert waits for it: of a counter that begins with its first gap nobody sees that it has grown.
    counter!("hansom_transport_gaps_total").increment(0);
    describe_counter!(
        "hansom_transport_fanout_fallbacks_total",
        "Times that a subscription did not work and calls took its place"
    );
    describe_gauge!(
        "hansom_transport_lag_seconds",
        "How far a group is behind the end of the shard in which it is furthest behind"
    );
}

/// Counts a call that puts.
pub(super) fn call() {
    counter!("hansom_transport_put_calls_total").increment(1);
}

/// Counts records that went as one.
pub(super) fn stored(records: usize, bytes: usize) {
    crate::metrics::appended(records as u64);
    counter!("hansom_transport_put_units_total").increment(bytes.div_ceil(UNIT_BYTES) as u64);
}

/// Counts records that are sent again.
pub(super) fn sent_again(failure: Failure, records: usize) {
    let reason = match failure {
        Failure::Refused => "refused",
        Failure::Failed => "failed",
    };
    counter!("hansom_transport_put_again_records_total", "reason" => reason)
        .increment(records as u64);
}

/// Counts records whose shard was another.
pub(super) fn misdirected(records: usize) {
    counter!("hansom_transport_misdirected_records_total").increment(records as u64);
}

/// Counts records that were not taken in time.
pub(super) fn given_up(records: usize) {
    counter!("hansom_transport_given_up_records_total").increment(records as u64);
}

/// Counts a call for records that failed.
pub(super) fn read_failed(trouble: &Trouble) {
    let reason = match trouble {
        Trouble::Throttled => "throttled",
        Trouble::Expired => "expired",
        Trouble::Invalid(_) => "invalid",
        Trouble::InUse(_) => "in_use",
        Trouble::Passing(_) => "other",
    };
    counter!("hansom_transport_read_failures_total", "reason" => reason).increment(1);
}

/// Counts records of another shard.
pub(super) fn foreign(records: usize) {
    counter!("hansom_transport_foreign_records_total").increment(records as u64);
}

/// Counts a gap.
pub(super) fn gap() {
    counter!("hansom_transport_gaps_total").increment(1);
}

/// Counts a subscription that calls took the place of.
pub(super) fn fell_back(reason: &'static str) {
    counter!("hansom_transport_fanout_fallbacks_total", "reason" => reason).increment(1);
}

/// Tells how far a group is behind.
pub(super) fn lag(group: &str, behind_ms: i64) {
    gauge!("hansom_transport_lag_seconds", "group" => group.to_owned()).set(behind_ms as f64 / 1e3);
}
