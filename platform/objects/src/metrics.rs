//! The metrics of object storages, one function each.

use metrics::counter;

/// Counts a request that is tried again.
pub(crate) fn retried(call: &'static str) {
    counter!("hansom_objects_retries_total", "call" => call).increment(1);
}
