//! What ingest answers to an upload, as far as the client reads it.

use schemas::Rejection;
use serde::Deserialize;

/// Counts and per-item errors of an upload that was decided, wholly or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Answer {
    pub accepted: u64,
    #[serde(default)]
    pub rejected: u64,
    #[serde(default)]
    pub errors: Vec<ItemError>,
    /// Rejected items beyond those that `errors` lists.
    #[serde(default)]
    pub errors_omitted: u64,
}

impl Answer {
    /// Says whether items were refused that may be sent again later.
    pub(super) fn has_too_frequent_items(&self) -> bool {
        let too_frequent = Rejection::TooFrequent.code();
        self.errors.iter().any(|error| error.code == too_frequent)
    }
}

/// Why one item was refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ItemError {
    pub index: u64,
    pub code: String,
}
