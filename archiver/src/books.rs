//! What the archive's books say: which shards there are, what was committed, what is known of a data
//! file by its commit or by the replacement that made it, and whether the file is that. The rows in it
//! are not looked at.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use objects::{Key, Objects};
use service::Shutdown;
use sha2::{Digest as _, Sha256};

use crate::{
    commit::{Commit, File},
    dead_letters::Hex,
    layout::FileName,
    ledger::commits_of,
    lists::Replaced,
    storage::{Storage, persist},
};

/// Bytes that are read of a file at once to compare it.
const CHUNK_BYTES: u64 = 8 << 20;

/// What the archive's books say of files.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) storage: Storage,
}

impl Books {
    /// The books of the archive in `objects`; storage that is away is waited for until `drain`.
    pub(crate) fn new(objects: Arc<dyn Objects>, drain: Shutdown) -> Self {
        Self {
            storage: Storage { objects, drain },
        }
    }

    /// The shards that have committed anything, in order.
    pub(crate) async fn shards(&self) -> anyhow::Result<Vec<String>> {
        let mut shards = Vec::new();
        let mut after = None;
        loop {
            let page = self.storage.list("_commits/", after.as_ref());
            let page = page.await.context("list the shards")?;
            let Some(first) = page.first() else {
                return Ok(shards);
            };
            let name = first.as_str().strip_prefix("_commits/");
            let shard = name
                .and_then(|name| name.split_once('/'))
                .map(|(shard, _)| shard);
            let shard = shard.with_context(|| format!("{first} is no commit of a shard"))?;
            // Behind all its commits: their names are digits.
            after = Some(Key::new(format!("_commits/{shard}/z"))?);
            shards.push(shard.to_owned());
        }
    }

    /// What is known of the file under `key` of an hour with these replacements.
    ///
    /// # Errors
    /// An error for a file that neither a commit nor a replacement has made.
    pub(crate) async fn file(&self, key: &Key, records: &[Replaced]) -> anyhow::Result<File> {
        let named = |files: &[File]| {
            let mut files = files.iter();
            files.find(|file| file.object.key == key.as_str()).cloned()
        };
        match FileName::of(key.as_str()) {
            Some(FileName::Merged { n }) => {
                let record = n
                    .checked_sub(1)
                    .and_then(|before| records.get(before as usize));
                record
                    .and_then(|record| named(&record.outputs))
                    .with_context(|| format!("no replacement has made {key}"))
            }
            Some(FileName::Commit { shard, n }) => {
                let commit = self.commit(&shard, n).await?;
                commit
                    .and_then(|commit| named(&commit.files))
                    .with_context(|| format!("commit {n} of shard {shard} knows no {key}"))
            }
            None => anyhow::bail!("{key} is a stranger's: no commit or replacement names files so"),
        }
    }

    /// A commit; None where there is none.
    pub(crate) async fn commit(&self, shard: &str, n: u64) -> anyhow::Result<Option<Commit>> {
        let chain = commits_of(&self.storage.objects, shard);
        let bytes = persist(&self.storage.drain, || chain.get(n)).await?;
        bytes
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()
            .with_context(|| format!("commit {n} of shard {shard}"))
    }

    /// Reads all of a file, a piece at a time, and compares it with what is known of it.
    ///
    /// # Errors
    /// An error that says how the file differs, or that it is gone.
    pub(crate) async fn compare(&self, file: &File) -> anyhow::Result<()> {
        let key = Key::new(&file.object.key)?;
        let mut digest = Sha256::new();
        let mut read = 0;
        loop {
            let range = read..read + CHUNK_BYTES;
            let bytes = self
                .storage
                .get_range(&key, range.clone())
                .await?
                .with_context(|| format!("{key} is gone"))?;
            read += bytes.len() as u64;
            digest.update(&bytes);
            if (bytes.len() as u64) < CHUNK_BYTES || read > file.object.bytes {
                break;
            }
        }
        ensure!(
            read == file.object.bytes,
            "{key} has {}{read} bytes, and {} when it was written",
            if read > file.object.bytes {
                "at least "
            } else {
                ""
            },
            file.object.bytes
        );
        let digest = Hex(&digest.finalize()).to_string();
        ensure!(
            digest == file.object.sha256,
            "{key} is not what was written: its SHA-256 is {digest}, and was {}",
            file.object.sha256
        );
        Ok(())
    }
}
