//! The metrics of a stream of Kafka, one function each.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use rdkafka::error::RDKafkaErrorCode;

/// Describes the metrics for `/metrics`.
pub(super) fn describe() {
    crate::metrics::describe_appended();
    describe_counter!("hansom_transport_put_calls_total", "Produce requests sent");
    describe_counter!(
        "hansom_transport_put_again_calls_total",
        "Produce requests sent again after a failure: whether or not their records were stored"
    );
    describe_counter!(
        "hansom_transport_given_up_records_total",
        "Records that the brokers did not take in time"
    );
    describe_counter!(
        "hansom_transport_producer_restarts_total",
        "Times that the producer had to begin anew after an error that it cannot recover from"
    );
    describe_counter!(
        "hansom_transport_read_failures_total",
        "Answers to a call for records that were errors"
    );
    describe_counter!(
        "hansom_transport_gaps_total",
        "Positions that retention had overtaken: records may be lost"
    );
    // An alert waits for it: of a counter that begins with its first count nobody sees that it grew.
    counter!("hansom_transport_gaps_total").increment(0);
    describe_counter!(
        "hansom_transport_rebalances_total",
        "Times that a member got partitions, had to give some back, or lost some"
    );
    describe_gauge!(
        "hansom_transport_lag_records",
        "Records that a member has not read in the partitions that it reads"
    );
    describe_gauge!(
        "hansom_transport_lag_seconds",
        "How far a group is behind the end of the shard in which it is furthest behind"
    );
}

/// Counts produce requests.
pub(super) fn called(calls: u64, again: u64) {
    counter!("hansom_transport_put_calls_total").increment(calls);
    counter!("hansom_transport_put_again_calls_total").increment(again);
}

/// Counts a record that was not taken in time.
pub(super) fn given_up() {
    counter!("hansom_transport_given_up_records_total").increment(1);
}

/// Counts a new beginning of the producer.
pub(super) fn restarted() {
    counter!("hansom_transport_producer_restarts_total").increment(1);
}

/// Counts an error in place of records.
pub(super) fn read_failed(code: RDKafkaErrorCode) {
    let reason = match code {
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => "out_of_range",
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownPartition => "unknown",
        RDKafkaErrorCode::TopicAuthorizationFailed => "unauthorized",
        _ => "other",
    };
    counter!("hansom_transport_read_failures_total", "reason" => reason).increment(1);
}

/// Counts a gap.
pub(super) fn gap() {
    counter!("hansom_transport_gaps_total").increment(1);
}

/// What the group says to a member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rebalance {
    Assigned,
    Revoked,
    Lost,
}

/// Counts what the group says.
pub(super) fn rebalanced(rebalance: Rebalance) {
    let what = match rebalance {
        Rebalance::Assigned => "assigned",
        Rebalance::Revoked => "revoked",
        Rebalance::Lost => "lost",
    };
    counter!("hansom_transport_rebalances_total", "what" => what).increment(1);
}

/// Tells how many records a member has not read.
pub(super) fn lag_records(group: &str, records: i64) {
    gauge!("hansom_transport_lag_records", "group" => group.to_owned()).set(records as f64);
}

/// Tells how far a group is behind.
pub(super) fn lag_seconds(group: &str, behind_ms: i64) {
    gauge!("hansom_transport_lag_seconds", "group" => group.to_owned()).set(behind_ms as f64 / 1e3);
}
