//! Object storage: whole objects under keys, as S3 has them and nothing that S3 has not: no
//! rename, no append, no locks. What the objects mean is their owners' business.
//!
//! Which backend does it is decided once, from a URL, in [`open`].

#![cfg_attr(
    fuzzing,
    allow(dead_code, reason = "fuzzing leaves out storage of other machines")
)]

mod chain;
mod key;

pub mod conformance;
#[cfg(test)]
mod laws;
pub mod local;
pub mod memory;
mod metrics;
#[cfg(not(fuzzing))]
pub mod s3;
mod tag;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

pub use chain::Chain;
pub use key::{InvalidKey, Key};
pub use tag::Tag;

/// At most this many keys come with one page of a list (S3's limit).
pub const MAX_KEYS: usize = 1_000;

/// Whole objects under keys. What is put is durable and seen by every later read once the call
/// returns. After an error it is open whether a put, swap or delete happened. Put and delete may be
/// repeated; who repeats a conditional put and is told that an object exists compares the bytes, and
/// who repeats a swap reads again what is there.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Where the object is, or would be, as others name it: `s3://bucket/prefix/key`,
    /// `file:///path/to/dir/key`, or `memory:key`, which nobody else can open.
    fn uri(&self, key: &Key) -> String;

    /// Puts an object, in place of what was there. Readers see the old or the new, never a mix.
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError>;

    /// Puts an object only where there is none. Of several at once, one is told [`Put::Created`].
    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError>;

    /// Puts an object only in place of the one that `tag` was read with, in one step before or
    /// after any other call's. Of several at once with one tag, one is told [`Swap::Done`], unless
    /// what it put is what was there.
    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError>;

    /// Begins an object that is put piece by piece.
    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError>;

    /// Reads a whole object; None where there is none.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError>;

    /// Reads a whole object, with the tag that stands for it; None where there is none, and
    /// [`Objects::put_if_absent`] is the swap.
    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError>;

    /// Reads the bytes in `range`, cut to the object's end; None where there is none.
    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError>;

    /// Lists keys that begin with `prefix`, in byte order, strictly after `after`: at most
    /// [`MAX_KEYS`]. An empty page is the end.
    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError>;

    /// Deletes an object; none there is no error.
    async fn delete(&self, key: &Key) -> Result<(), ObjectError>;
}

/// An object that is being put piece by piece, in memory that its length does not change (but for
/// `memory:`; of `s3:`, see [`s3`]). Nobody sees it before it is finished, and one that is dropped
/// leaves nothing.
#[async_trait]
pub trait Upload: Send {
    /// Adds bytes behind those before: any number. After an error, or where it was not waited for,
    /// the upload fails from then on.
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError>;

    /// Puts what was written as the object, as [`Objects::put`] does: in one step, in place of what
    /// was there, durable once it returns. After an error it is open whether it happened.
    async fn finish(self: Box<Self>) -> Result<(), ObjectError>;
}

/// What became of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    /// The object is there, by this call.
    Done,
    /// There is another than the one that was read, or none; this call changed nothing.
    Changed,
}

/// What became of a conditional put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// The object is there, by this call.
    Created,
    /// An object was there before; it is untouched.
    Exists,
}

/// Why an operation has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ObjectError {
    /// The URL names no storage that can be opened.
    #[error("object storage url {url}: {reason}")]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage cannot do it now; the same may succeed later.
    #[error("object storage is unavailable: {key}: {reason}")]
    Unavailable {
        /// The key, or the prefix, that was worked on.
        key: String,
        /// What the storage said.
        reason: String,
    },
    /// The storage will never do it: the key or the rights forbid it.
    #[error("object storage refuses: {key}: {reason}")]
    Refused {
        /// The key, or the prefix, that was worked on.
        key: String,
        /// What the storage said.
        reason: String,
    },
}

/// The key of the object of this storage that `uri` names, as [`Objects::uri`] writes it; None where it
/// names none.
pub fn key_at(objects: &dyn Objects, uri: &str) -> Option<Key> {
    let any = Key::new("any").ok()?;
    let root = objects.uri(&any);
    let key = uri.strip_prefix(root.strip_suffix(any.as_str())?)?;
    Key::new(key).ok()
}

/// Opens the storage that `url` names: `memory:`, `file:///path/to/dir` or `s3://bucket/prefix`.
///
/// # Errors
/// [`ObjectError`] for a URL that is not understood, and for a directory that cannot be made.
pub async fn open(url: &str) -> Result<Arc<dyn Objects>, ObjectError> {
    open_for(url, Use::All).await
}

/// The same for who only reads: a directory must be there and may be read-only, nothing is made in it,
/// and what would be written to it is refused. What may be done to a bucket, its rights say.
///
/// # Errors
/// [`ObjectError`] for a URL that is not understood, and for a directory that is not there.
pub async fn open_to_read(url: &str) -> Result<Arc<dyn Objects>, ObjectError> {
    open_for(url, Use::Read).await
}

/// What a storage is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    All,
    Read,
}

async fn open_for(url: &str, what_for: Use) -> Result<Arc<dyn Objects>, ObjectError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(memory::MemoryObjects::default())),
        // On the heap: the state of this one takes 36 KB, and whoever waits for it holds it.
        #[cfg(not(fuzzing))]
        Some(("s3", _)) => Ok(Arc::new(Box::pin(s3::S3Objects::open(url)).await?)),
        Some(("file", _)) => Ok(Arc::new(
            local::LocalObjects::open_for(url, what_for).await?,
        )),
        _ => Err(ObjectError::Url {
            url: url.to_owned(),
            reason: "is neither memory: nor file:///path/to/dir nor s3://bucket/prefix".to_owned(),
        }),
    }
}
