//! The dead letters that have an id in them. What they say nobody knows, so that they are counted only.

use anyhow::Context as _;
use objects::Key;

use super::Erasure;
use crate::{dead_letters::Hex, storage::persist};

impl Erasure {
    /// Counts the dead letters that have the id's bytes in them. Nobody knows what they say.
    pub(super) async fn count_dead_letters(&mut self) -> anyhow::Result<()> {
        let id = self.sought.party.subject.id().as_bytes();
        let id = Hex(id).to_string();
        let (objects, drain) = (&self.books.storage.objects, &self.books.storage.drain);
        let mut after: Option<Key> = None;
        loop {
            let page = persist(drain, || objects.list("_dead_letters/", after.as_ref())).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            for key in &page {
                let letters = persist(drain, || objects.get(key))
                    .await?
                    .unwrap_or_default();
                let letters = str::from_utf8(&letters).with_context(|| key.to_string())?;
                let found = letters.lines().filter(|line| line.contains(&id)).count();
                self.counts.dead_letters += found as u64;
            }
            after = Some(last.clone());
        }
    }
}
