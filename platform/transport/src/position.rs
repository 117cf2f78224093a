//! Where a record stands in its shard, and the shard's name.
//! Both are opaque to readers: they compare and store them, and do no arithmetic.

use std::{fmt, str::FromStr, sync::Arc};

/// Where a record stands in its shard. Later records have greater positions.
///
/// Its text form is stable and is what readers store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    pub(crate) fn from_offset(offset: u64) -> Self {
        Self(offset)
    }

    pub(crate) fn offset(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Says that a text is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no stream position")]
pub struct InvalidPosition(String);

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        text.parse()
            .map(Self)
            .map_err(|_| InvalidPosition(text.to_owned()))
    }
}

/// The name of a shard: letters, digits and dashes, so that it may stand in file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(Arc<str>);

impl ShardId {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
