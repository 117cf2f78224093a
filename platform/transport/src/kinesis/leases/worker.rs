//! The name of a worker, by which all others know it.

use std::{fmt, sync::Arc};

/// The name of a worker: not empty, and never used by two workers, not even one after the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkerId(Arc<str>);

/// How the names of our workers begin.
const OURS: &str = "hansom-";

impl WorkerId {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// A name that nobody else has.
    pub(crate) fn random() -> Self {
        Self::new(&format!("{OURS}{:032x}", rand::random::<u128>()))
    }

    /// Whether it is one of ours, not one of the Kinesis Client Library.
    pub(crate) fn is_ours(&self) -> bool {
        self.0.starts_with(OURS)
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
