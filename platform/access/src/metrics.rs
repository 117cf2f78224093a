//! The metrics of access, one function each. Labels are small enums, never ids.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::{Refusal, source::Kind};

/// Describes the metrics for `/metrics`, and shows those that an alert waits for while they are zero.
pub(crate) fn describe() {
    describe_counter!(
        "hansom_access_refused_total",
        "Requests whose credential was missing or refused, by reason"
    );
    describe_gauge!(
        "hansom_access_is_open",
        "1 where anybody may write and read, as --insecure-demo has it"
    );
    describe_counter!(
        "hansom_access_source_failures_total",
        "Times that keys could not be read again, by what they are"
    );
    for refusal in Refusal::ALL {
        counter!("hansom_access_refused_total", "reason" => refusal.code()).increment(0);
    }
}

/// Counts a request that was refused.
pub(crate) fn refused(refusal: Refusal) {
    counter!("hansom_access_refused_total", "reason" => refusal.code()).increment(1);
}

/// Tells whether anybody may do everything.
pub(crate) fn is_open(is_open: bool) {
    gauge!("hansom_access_is_open").set(f64::from(u8::from(is_open)));
}

/// Counts keys that could not be read again.
pub(crate) fn source_failed(kind: Kind) {
    counter!("hansom_access_source_failures_total", "source" => kind.as_str()).increment(1);
}
