//! Tags of objects: what they held when they were read. A tag orders nothing.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Says which bytes an object held, for [`crate::Objects::put_if_unchanged`]. Other bytes have
/// another tag; the same bytes, put again, may have the same. It means something only to the storage
/// that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(Arc<str>);

impl Tag {
    /// A tag by the storage's own word.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The tag of these bytes where the storage has no word of its own: their SHA-256.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = Bytes::copy_from_slice(&Sha256::digest(bytes));
        Self::new(&format!("{digest:x}"))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
