//! Exports for regulators: what is written for them, and how anyone can prove that it is whole.
//! An export is of one profile, one jurisdiction and one period, and is never changed: what was
//! wrong is said anew, in a revision that names what it supersedes.
//!
//! Under the URL that exports are put to:
//!
//! ```text
//! <profile>/<jurisdiction>/<period>/r001/<files>
//! <profile>/<jurisdiction>/<period>/r001/manifest.json
//! <profile>/<jurisdiction>/_chain/00000000000000000001
//! ```
//!
//! The `manifest` names the files with their digests; the link in the `chain` is the manifest, put
//! last, under a `signature` by one of the `keys`. `verify` needs nothing but all this and the
//! public key.

pub(crate) mod chain;
mod exceptions;
mod format;
pub(crate) mod inputs;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod package;
pub(crate) mod place;
pub(crate) mod render;
mod rows;
mod signature;
pub(crate) mod sources;
mod store;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod verify;

pub(crate) use format::Frame;
pub(crate) use store::Store;
