//! What an archive keeps of its erasures: a chain of links that say what was asked and what was done,
//! without the id of whom it was. Nothing here erases.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{hold::Hold, subject::Subject};
use crate::dead_letters::Hex;

/// The chain.
pub(super) const CHAIN: &str = "_erasures";

/// Bytes that a key has at least: what nobody guesses.
pub(super) const LEAST_KEY_BYTES: usize = 32;

/// A link of the chain: an erasure that was begun, or one that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// It was asked for. The records of the files that it replaces name this link's number.
    Begun {
        n: u64,
        /// When, RFC 3339.
        at: String,
        /// `driver` or `ride`.
        kind: String,
        /// The keyed hash of the id.
        subject: String,
        reason: String,
        /// The holds in force.
        holds: Vec<HeldEntry>,
    },
    /// It came to its end.
    Done {
        n: u64,
        at: String,
        /// The number of the link that it was begun with.
        of: u64,
        counts: ErasureCounts,
        /// The hours of tables that files were replaced in, with the number of the record that has the
        /// digests before and after.
        replaced: Vec<(String, u64)>,
    },
}

/// A hold in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldEntry {
    pub(crate) kind: String,
    /// The keyed hash of the id.
    pub(crate) subject: String,
    pub(crate) until: Option<String>,
    pub(crate) authority: String,
}

/// What an erasure came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErasureCounts {
    /// Files that were replaced.
    pub(crate) files: u64,
    /// Rows that are gone.
    pub(crate) erased: u64,
    /// Rows that do not name the driver any more.
    pub(crate) altered: u64,
    /// Rows that are held by law, and stay.
    pub(crate) held: u64,
    /// Old files that were deleted.
    pub(crate) deleted: u64,
    /// Dead letters that have the id in them, and stay.
    pub(crate) dead_letters: u64,
}

/// The keyed hash of a subject: HMAC-SHA-256 of its kind and id, in lower-case hexadecimal. Who has the
/// key can tell whether somebody was erased, and nobody else can.
pub(super) fn keyed_hash(key: &[u8], subject: &Subject) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(format!("{} {subject}", subject.kind()).as_bytes());
    Ok(Hex(&mac.finalize().into_bytes()).to_string())
}

impl HeldEntry {
    pub(super) fn new(key: &[u8], hold: &Hold) -> anyhow::Result<Self> {
        Ok(Self {
            kind: hold.subject.kind().to_owned(),
            subject: keyed_hash(key, &hold.subject)?,
            until: hold.until.clone(),
            authority: hold.authority.clone(),
        })
    }
}
