//! The dead letters of a commit: whether they are there as they were written, and how many of which
//! reason the stream took in the period. What is wrong with a record is told where it was buried.

use anyhow::{Context as _, ensure};
use objects::Key;
use serde::Deserialize;

use super::Audit;
use crate::{commit::Commit, draft::sha256};

/// What is read of a dead letter's line.
#[derive(Deserialize)]
struct Line {
    appended_ms: i64,
    reason: String,
}

impl Audit {
    /// Reads the dead letters of a commit, if it has any.
    pub(super) async fn read_letters(&mut self, commit: &Commit) -> anyhow::Result<()> {
        let Some(object) = &commit.dead_letters else {
            return Ok(());
        };
        let key = Key::new(&object.key)?;
        let bytes = self.books.storage.get(&key).await?;
        let bytes = bytes.with_context(|| format!("the dead letters {key} are gone"))?;
        ensure!(
            sha256(&bytes) == object.sha256,
            "the dead letters {key} are not what was written"
        );
        let (mut all, mut of_period) = (0, false);
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let line: Line = serde_json::from_slice(line).with_context(|| key.to_string())?;
            all += 1;
            if self.settings.period.has_moment(line.appended_ms) {
                of_period = true;
                *self.findings.dead_letters.entry(line.reason).or_default() += 1;
            }
        }
        if of_period {
            self.findings.dead_letter_objects.push(key.to_string());
        }
        ensure!(
            all == commit.counts.dead_letters,
            "{key} has {all} dead letters, and its commit counts {}",
            commit.counts.dead_letters
        );
        Ok(())
    }
}
