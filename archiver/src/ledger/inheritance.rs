//! The first commit of a shard that has parents: it begins with the windows that they left, so that
//! a repeat is recognised also across a split or a merge. What becomes of them is the window's.

use anyhow::Context as _;
use tracing::{error, info};
use transport::{Lineage, ShardId};

use super::Ledger;
use crate::{
    commit::{Intent, StoredObject},
    draft::{Draft, Sources},
    layout::Link,
    metrics::{self, ParentChain},
    window::Window,
};

/// A window that is stored.
type Left = (StoredObject, Window);

impl Ledger {
    /// The empty draft of commit 1. Where an intent is open, it begins with the windows that this
    /// names, and else with the last ones of the parents.
    pub(super) async fn begin(
        &self,
        lineage: &Lineage,
        open: Option<&Intent>,
    ) -> anyhow::Result<Draft> {
        let left = match open {
            Some(intent) => self.named(&intent.parents).await?,
            None => self.left_by(lineage.parents()).await?,
        };
        let (objects, windows) = left.into_iter().unzip();
        let window = Window::inherit(windows, |key| lineage.has(key));
        let first = Link {
            shard: self.shard.clone(),
            n: 1,
        };
        Ok(Draft::new(first, None, window, Sources::Parents(objects)))
    }

    async fn named(&self, objects: &[StoredObject]) -> anyhow::Result<Vec<Left>> {
        let mut left = Vec::new();
        for object in objects {
            let window = self.load_window(object).await?.with_context(|| {
                format!(
                    "the dedupe window {} that intent 1 of shard {} names is missing",
                    object.key, self.shard
                )
            })?;
            left.push((object.clone(), window));
        }
        Ok(left)
    }

    /// The last window of each parent that has one.
    async fn left_by(&self, parents: &[ShardId]) -> anyhow::Result<Vec<Left>> {
        let mut left = Vec::new();
        for parent in parents {
            let last = self.last_commit(parent.as_str()).await?;
            metrics::inherited(match &last {
                Some((commit, _)) if commit.closes => ParentChain::Closed,
                Some(_) => ParentChain::Open,
                None => ParentChain::Missing,
            });
            let shard = &self.shard;
            let Some((commit, window)) = last else {
                info!(shard, %parent, "nothing of the parent was archived, beginning without it");
                continue;
            };
            if !commit.closes {
                error!(
                    shard, %parent, from = commit.range.to,
                    "the parent's records after its last commit are lost: its chain is not closed"
                );
            }
            self.publish(&commit).await?;
            left.push((commit.window, window));
        }
        Ok(left)
    }
}
