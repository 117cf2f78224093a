//! The metrics of the embedded stream, one function each, and that which every durable stream has.
//! The embedded one's thread that writes calls them, once a commit.

use metrics::{counter, describe_counter, describe_gauge, gauge};

const APPENDED: &str = "hansom_transport_appended_records_total";

/// Describes the metrics for `/metrics`.
pub(crate) fn describe() {
    describe_appended();
    describe_counter!(
        "hansom_transport_commits_total",
        "Commits to the log's file, each one fsync"
    );
    describe_counter!(
        "hansom_transport_deleted_records_total",
        "Records deleted by retention, all of them passed by every group"
    );
    describe_counter!(
        "hansom_transport_full_total",
        "Commits refused because the log is full of what a group has not passed"
    );
    describe_counter!(
        "hansom_transport_failures_total",
        "Failures of the log's file; it is opened again after each"
    );
    describe_gauge!(
        "hansom_transport_clock_behind_seconds",
        "How far this machine's clock is behind the stream's, which then stands still"
    );
    describe_gauge!("hansom_transport_held_bytes", "Bytes that the log holds");
    describe_gauge!(
        "hansom_transport_lag_records",
        "Records that a group has not passed with its checkpoint"
    );
}

/// Describes what every stream counts that is durable.
pub(crate) fn describe_appended() {
    describe_counter!(APPENDED, "Records that became durable");
}

/// Counts records that became durable.
pub(crate) fn appended(records: u64) {
    counter!(APPENDED).increment(records);
}

/// Counts a commit.
pub(crate) fn committed(appended_records: u64, deleted: u64) {
    counter!("hansom_transport_commits_total").increment(1);
    appended(appended_records);
    counter!("hansom_transport_deleted_records_total").increment(deleted);
}

/// Counts a commit that found no room.
pub(crate) fn full() {
    counter!("hansom_transport_full_total").increment(1);
}

/// Counts a failure of the file.
pub(crate) fn failed() {
    counter!("hansom_transport_failures_total").increment(1);
}

/// Tells how much the log holds.
pub(crate) fn held(bytes: u64) {
    gauge!("hansom_transport_held_bytes").set(bytes as f64);
}

/// Tells how much a group has not passed.
pub(crate) fn lag(group: &str, records: u64) {
    gauge!("hansom_transport_lag_records", "group" => group.to_owned()).set(records as f64);
}

/// Tells how far the machine's clock is behind the stream's.
pub(crate) fn clock_behind(behind_ms: i64) {
    gauge!("hansom_transport_clock_behind_seconds").set(behind_ms as f64 / 1e3);
}
