//! The metrics of HTTP listeners, one function each.

use metrics::{counter, gauge};

/// Tells that connections were accepted, or ended where `by` is negative.
pub(crate) fn connections_changed(by: f64) {
    gauge!("hansom_service_connections").increment(by);
}

/// Counts a wait for a place among the connections.
pub(crate) fn connections_full() {
    counter!("hansom_service_connections_full_total").increment(1);
}
