//! The metrics of HTTP listeners, one function each.

use metrics::{counter, gauge};

use crate::connection::Trouble;

/// Tells that connections were accepted, or ended where `by` is negative.
pub(crate) fn connections_changed(by: f64) {
    gauge!("hansom_service_connections").increment(by);
}

/// Counts a wait for a place among the connections.
pub(crate) fn connections_full() {
    counter!("hansom_service_connections_full_total").increment(1);
}

/// Counts a connection that was closed because its address has too many.
pub(crate) fn address_full() {
    counter!("hansom_service_connections_refused_total").increment(1);
}

/// Counts a connection that was cut off for this reason.
pub(crate) fn connection_cut(trouble: Trouble) {
    counter!("hansom_service_connections_cut_total", "reason" => trouble.as_str()).increment(1);
}

/// Counts a request that found as many under way as may be.
pub(crate) fn requests_full() {
    counter!("hansom_service_requests_refused_total").increment(1);
}

/// Counts a request of an address that sends more of them than it may.
pub(crate) fn address_too_frequent() {
    counter!("hansom_service_requests_too_frequent_total").increment(1);
}

/// Counts certificates that were read again because they had changed.
pub(crate) fn certificates_changed() {
    counter!("hansom_service_certificates_changed_total").increment(1);
}

/// Counts a time at which certificates could not be read again.
pub(crate) fn certificates_failed() {
    counter!("hansom_service_certificates_failed_total").increment(1);
}
