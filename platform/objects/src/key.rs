//! Keys of objects: checked once, so that no key can leave the root of a storage.
//! They are names; there are no directories.

use std::{borrow::Borrow, fmt, sync::Arc};

/// The key of an object: segments of `[A-Za-z0-9._=-]` between slashes, none empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// The longest key in bytes (S3's limit).
const MAX_KEY_BYTES: usize = 1_024;

/// Says that a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no object key")]
pub struct InvalidKey(String);

impl Key {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidKey`] if the text is empty, too long, or could name anything but an object.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidKey> {
        let text = text.as_ref();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._=-".contains(&byte);
        let is_segment =
            |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
        if text.len() <= MAX_KEY_BYTES && text.split('/').all(is_segment) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidKey(text.to_owned()))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Keys are ordered as their texts are: by bytes.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}
