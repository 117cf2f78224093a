//! The chain of commits of one shard in object storage, with the intents and windows beside it.
//! Who puts a number first owns it; there are no locks. It does not read the stream.
//!
//! Intents and commits are kept for ever: an intent that was pruned could be put a second time. So
//! is the window of a commit that closes its chain: the shard's children begin with it.

mod inheritance;

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use objects::{Chain, Key, ObjectError, Objects, Put};
use service::Shutdown;
use tracing::warn;
use transport::{Lineage, Position};

use crate::{
    commit::{Commit, File, Intent, StoredObject, to_bytes},
    draft::{Draft, Sources, sha256},
    layout::{Link, Partition, windows_prefix},
    lists::Lists,
    metrics,
    storage::persist,
    window::Window,
};

/// Objects of a commit that are put at once: enough to hide the latency of many small ones.
const PUTS_AT_ONCE: usize = 8;

/// A window that others have taken away is looked for this often: each time a newer one is there.
const MAX_LOADS: usize = 8;

/// The chain of one shard.
pub(crate) struct Ledger {
    objects: Arc<dyn Objects>,
    commits: Chain,
    intents: Chain,
    lists: Lists,
    shard: String,
    drain: Shutdown,
}

/// Says whether the shard is still ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Hold {
    /// What was to be stored is stored, by this call.
    Kept,
    /// Another worker has stored just the same.
    Shared,
    /// Another worker has stored something else under this number.
    Lost,
}

/// Where a shard's chain stands.
#[expect(clippy::large_enum_variant, reason = "a worker has one at a time")]
pub(crate) enum State {
    /// It goes on.
    Open {
        /// The commit that comes next, empty.
        draft: Draft,
        /// The intent that somebody left open under its number.
        open: Option<Intent>,
    },
    /// All of the shard is archived, up to its end.
    Closed(Position),
}

impl Ledger {
    /// The chain of `shard`.
    pub(crate) fn new(objects: Arc<dyn Objects>, shard: &str, drain: Shutdown) -> Self {
        Self {
            commits: commits_of(&objects, shard),
            intents: Chain::new(Arc::clone(&objects), format!("_intents/{shard}")),
            lists: Lists::new(Arc::clone(&objects), drain.clone()),
            objects,
            shard: shard.to_owned(),
            drain,
        }
    }

    /// Reads where the chain of a shard of this lineage stands. Whoever put the last commit may have
    /// died before its files were part of their tables: they are then.
    pub(crate) async fn load(&self, lineage: &Lineage) -> anyhow::Result<State> {
        let Some((commit, window)) = self.last_commit(&self.shard).await? else {
            let open = self.intent(1).await?;
            let draft = self.begin(lineage, open.as_ref()).await?;
            return Ok(State::Open { draft, open });
        };
        self.publish(&commit).await?;
        let to: Position = commit.range.to.parse().context("end of the last commit")?;
        if commit.closes {
            return Ok(State::Closed(to));
        }
        let open = self.intent(commit.n + 1).await?;
        ensure!(
            open.as_ref()
                .is_none_or(|open| open.range.from.as_ref() == Some(&commit.range.to)),
            "intent {} of shard {} does not begin where the commit before it ends",
            commit.n + 1,
            self.shard,
        );
        let next = Link {
            shard: commit.shard,
            n: commit.n + 1,
        };
        let draft = Draft::new(next, Some(to), window, Sources::Last(commit.window));
        Ok(State::Open { draft, open })
    }

    /// Fixes a range, before anything of it is written.
    pub(crate) async fn open(&self, intent: &Intent) -> anyhow::Result<Hold> {
        self.put_link(&self.intents, intent.n, to_bytes(intent)?)
            .await
            .context("write an intent")
    }

    /// Says whether somebody has put commit `n`.
    pub(crate) async fn is_committed(&self, n: u64) -> anyhow::Result<bool> {
        let commit = persist(&self.drain, || self.commits.get(n))
            .await
            .context("read a commit")?;
        Ok(commit.is_some())
    }

    /// Puts the objects that a commit speaks of.
    pub(crate) async fn write(&self, objects: &[(Key, Bytes)]) -> anyhow::Result<()> {
        let puts: Vec<_> = objects
            .iter()
            .map(|(key, bytes)| self.put(key, bytes))
            .collect();
        stream::iter(puts)
            .buffer_unordered(PUTS_AT_ONCE)
            .try_collect::<()>()
            .await
            .context("write the objects of a commit")
    }

    /// Puts the commit, which makes the objects part of the archive.
    pub(crate) async fn close(&self, commit: &Commit) -> anyhow::Result<Hold> {
        self.put_link(&self.commits, commit.n, to_bytes(commit)?)
            .await
            .context("write a commit")
    }

    /// Makes a commit's files part of their tables. It comes before the next commit and before the
    /// checkpoint, so that it is missing for the last commit at most.
    pub(crate) async fn publish(&self, commit: &Commit) -> anyhow::Result<()> {
        publish(&self.lists, commit).await
    }

    /// Deletes the windows older than that before commit `n`: nobody resumes from them. Where one
    /// cannot be deleted, it stays until after the next commit.
    pub(crate) async fn prune(&self, n: u64) -> anyhow::Result<()> {
        let oldest_kept = Link {
            shard: self.shard.clone(),
            n: n.saturating_sub(1),
        };
        if let Err(error) = self.delete_windows_before(&oldest_kept.window_key()?).await {
            metrics::retried();
            warn!(%error, "an old dedupe window stays until after the next commit");
        }
        Ok(())
    }

    async fn delete_windows_before(&self, oldest_kept: &Key) -> Result<(), ObjectError> {
        // The oldest come first: one page is more than there ever are.
        let prefix = windows_prefix(&self.shard);
        for key in self.objects.list(&prefix, None).await? {
            if key >= *oldest_kept {
                break;
            }
            self.objects.delete(&key).await?;
        }
        Ok(())
    }

    async fn put(&self, key: &Key, bytes: &Bytes) -> Result<(), ObjectError> {
        persist(&self.drain, || self.objects.put(key, bytes.clone())).await
    }

    /// Puts a link. Where one is already, it may say the same: then it is from somebody who does
    /// just the same, or from an own attempt whose answer was lost.
    async fn put_link(&self, chain: &Chain, n: u64, bytes: Bytes) -> anyhow::Result<Hold> {
        let mut attempts = 0;
        let put = persist(&self.drain, || {
            attempts += 1;
            chain.put(n, bytes.clone())
        })
        .await?;
        if put == Put::Created {
            return Ok(Hold::Kept);
        }
        let there = persist(&self.drain, || chain.get(n)).await?;
        Ok(match there {
            Some(there) if there == bytes && attempts > 1 => Hold::Kept,
            Some(there) if there == bytes => Hold::Shared,
            Some(_) | None => Hold::Lost,
        })
    }

    /// The last commit of a shard's chain and the window after it; None for an empty chain.
    async fn last_commit(&self, shard: &str) -> anyhow::Result<Option<(Commit, Window)>> {
        let commits = commits_of(&self.objects, shard);
        for _ in 0..MAX_LOADS {
            let last = persist(&self.drain, || commits.last())
                .await
                .context("read the commits")?;
            let Some((n, bytes)) = last else {
                return Ok(None);
            };
            let commit: Commit = serde_json::from_slice(&bytes)
                .with_context(|| format!("commit {n} of shard {shard}"))?;
            if let Some(window) = self.load_window(&commit.window).await? {
                return Ok(Some((commit, window)));
            }
        }
        bail!("the dedupe window of the last commit of shard {shard} is missing")
    }

    async fn intent(&self, n: u64) -> anyhow::Result<Option<Intent>> {
        let intent = persist(&self.drain, || self.intents.get(n))
            .await
            .context("read an intent")?;
        let read = |bytes: Bytes| serde_json::from_slice(&bytes);
        intent
            .map(read)
            .transpose()
            .with_context(|| format!("intent {n} of shard {}", self.shard))
    }

    async fn load_window(&self, object: &StoredObject) -> anyhow::Result<Option<Window>> {
        let key = Key::new(&object.key).context("key of a dedupe window")?;
        let read = persist(&self.drain, || self.objects.get(&key)).await;
        let Some(bytes) = read.context("read a dedupe window")? else {
            return Ok(None);
        };
        ensure!(
            sha256(&bytes) == object.sha256,
            "the dedupe window {key} is not what its commit says"
        );
        Ok(Some(
            Window::decode(&bytes).with_context(|| format!("dedupe window {key}"))?,
        ))
    }
}

/// Makes a commit's files part of their tables. May be done twice, and late.
pub(crate) async fn publish(lists: &Lists, commit: &Commit) -> anyhow::Result<()> {
    let add = async |file: &File| {
        let key = Key::new(&file.object.key).context("key of a file")?;
        let partition = Partition::of(key.as_str())
            .with_context(|| format!("{key} lies in no hour of a table"))?;
        lists.add(partition, &[key]).await
    };
    // A commit has one file of a table's hour.
    stream::iter(commit.files.iter().map(add))
        .buffer_unordered(PUTS_AT_ONCE)
        .try_collect::<()>()
        .await
        .with_context(|| format!("publish commit {} of shard {}", commit.n, commit.shard))
}

pub(crate) fn commits_of(objects: &Arc<dyn Objects>, shard: &str) -> Chain {
    Chain::new(Arc::clone(objects), format!("_commits/{shard}"))
}
