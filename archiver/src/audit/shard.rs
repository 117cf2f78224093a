//! The chains of one shard, followed from their start: commits, intents, parents, and what the commits
//! have of the period. How a link is judged is `chain`'s.

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use objects::Key;

use super::{Audit, Committed, chain::ChainCheck};
use crate::{
    commit::{Commit, File, Intent, StoredObject},
    layout::{Partition, Table},
    ledger::commits_of,
    storage::persist,
};

/// Commits that are read at once: they are small, and there are many.
const READS_AT_ONCE: usize = 16;

/// Gaps of a chain, and where it has rows of the period.
#[expect(clippy::struct_field_names, reason = "a gap is what it is called")]
#[derive(Debug, Default)]
struct Gaps {
    first: Option<u64>,
    last: u64,
    /// Number of the commit, and what is lost.
    gaps: Vec<(u64, String)>,
}

impl Audit {
    /// Follows a shard's chains.
    pub(super) async fn follow(&mut self, shard: &str) -> anyhow::Result<()> {
        let mut chain = ChainCheck::default();
        let mut gaps = Gaps::default();
        let prefix = format!("_commits/{shard}/");
        let mut after: Option<Key> = None;
        loop {
            let page = self.books.storage.list(&prefix, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            let numbers = page.iter().map(number);
            let numbers: Vec<u64> = numbers.collect::<anyhow::Result<_>>()?;
            let books = self.books.clone();
            let reads = numbers.into_iter().map(|n| {
                let books = books.clone();
                async move { anyhow::Ok((n, books.commit(shard, n).await?)) }
            });
            let mut commits = stream::iter(reads).buffered(READS_AT_ONCE);
            while let Some((n, commit)) = commits.try_next().await? {
                let commit =
                    commit.with_context(|| format!("commit {n} of shard {shard} is gone"))?;
                for fault in chain.take(n, shard, &commit) {
                    self.findings.faults.push(fault);
                }
                self.take(&commit, &mut gaps).await?;
            }
        }
        self.findings.shards += 1;
        self.findings.commits += chain.n;
        self.tell_gaps(&gaps);
        self.intents(shard, &chain).await
    }

    /// Takes from a commit what is of the period.
    async fn take(&mut self, commit: &Commit, gaps: &mut Gaps) -> anyhow::Result<()> {
        let of = format!("commit {} of shard {}", commit.n, commit.shard);
        let mut is_of_period = false;
        for file in &commit.files {
            let partition = Partition::of(&file.object.key);
            let partition = partition.filter(|one| self.settings.period.has(one.hour));
            let Some(partition) = partition else { continue };
            is_of_period = true;
            match self.committed(commit.n, file) {
                Ok(committed) => self.committed.entry(partition).or_default().push(committed),
                Err(error) => self.findings.faults.push(format!("{of}: {error:#}")),
            }
        }
        if is_of_period {
            gaps.first.get_or_insert(commit.n);
            gaps.last = commit.n;
            let (all, counts) = (&mut self.findings.records, &commit.counts);
            all.records += counts.records;
            all.dead_letters += counts.dead_letters;
            for table in Table::ALL {
                all.rows += counts.of(table).rows;
                all.duplicates += counts.of(table).duplicates;
            }
        }
        for gap in &commit.gaps {
            let from = gap.from.as_deref().unwrap_or("the start");
            let text = format!(
                "{of}: the stream had lost its records after {from} up to {}",
                gap.to
            );
            gaps.gaps.push((commit.n, text));
        }
        if let Err(error) = self.read_letters(commit).await {
            self.findings.faults.push(format!("{of}: {error:#}"));
        }
        for parent in &commit.parents {
            if let Err(error) = self.parent(parent).await {
                self.findings.faults.push(format!("{of}: {error:#}"));
            }
        }
        Ok(())
    }

    fn committed(&self, n: u64, file: &File) -> anyhow::Result<Committed> {
        let mut sha256 = [0; 32];
        let hex = file.object.sha256.as_bytes();
        ensure!(
            hex.len() == 64,
            "the SHA-256 of {} is none",
            file.object.key
        );
        for (byte, pair) in sha256.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = u8::from_str_radix(str::from_utf8(pair)?, 16)?;
        }
        Ok(Committed {
            shard: self.shards.len() as u32 - 1,
            n,
            rows: file.rows,
            bytes: file.object.bytes,
            sha256,
            min_ms: file.min_ms,
            max_ms: file.max_ms,
        })
    }

    /// Makes sure that the shard which left a window was archived to its end.
    async fn parent(&self, window: &StoredObject) -> anyhow::Result<()> {
        let name = window
            .key
            .strip_prefix("_windows/")
            .and_then(|name| name.strip_suffix(".zst"));
        let name = name.and_then(|name| name.split_once('/'));
        let (shard, n) = name.with_context(|| format!("{} is no window", window.key))?;
        let n: u64 = n
            .parse()
            .with_context(|| format!("{} is no window", window.key))?;
        let commit = self.books.commit(shard, n).await?;
        let commit =
            commit.with_context(|| format!("commit {n} of the parent {shard} is missing"))?;
        ensure!(
            commit.window == *window,
            "the parent {shard} has left another window than the one that was begun with"
        );
        ensure!(
            commit.closes,
            "the parent {shard} was not archived to its end: what came after {} is lost",
            commit.range.to
        );
        let last = persist(&self.books.storage.drain, || {
            let chain = commits_of(&self.books.storage.objects, shard);
            async move { chain.last_number().await }
        });
        ensure!(
            last.await? == Some(n),
            "the parent {shard} was archived after it had been closed"
        );
        Ok(())
    }

    /// A gap has no event time: one beside commits of the period may be of the period, and so may any
    /// where no commit is.
    fn tell_gaps(&mut self, gaps: &Gaps) {
        for (n, text) in &gaps.gaps {
            let may_be = gaps
                .first
                .is_none_or(|first| (first.saturating_sub(1)..=gaps.last + 1).contains(n));
            if may_be {
                self.findings.faults.push(text.clone());
            } else {
                self.findings.notes.push(text.clone());
            }
        }
    }

    /// Looks whether each commit has an intent, and no intent is without one but the last.
    async fn intents(&mut self, shard: &str, chain: &ChainCheck) -> anyhow::Result<()> {
        let prefix = format!("_intents/{shard}/");
        let (mut last, mut after): (u64, Option<Key>) = (0, None);
        loop {
            let page = self.books.storage.list(&prefix, after.as_ref()).await?;
            let Some(end) = page.last() else { break };
            for n in page.iter().map(number) {
                let n = n?;
                if n != last + 1 {
                    let text = format!(
                        "intents {} to {} of shard {shard} are missing",
                        last + 1,
                        n - 1
                    );
                    self.findings.faults.push(text);
                }
                last = n;
            }
            after = Some(end.clone());
        }
        if last < chain.n {
            let text = format!(
                "intents {} to {} of shard {shard} are missing",
                last + 1,
                chain.n
            );
            self.findings.faults.push(text);
        }
        if last > chain.n {
            let key = Key::new(format!("{prefix}{last:020}"))?;
            let bytes = self.books.storage.get(&key).await?;
            let intent: Intent = serde_json::from_slice(&bytes.unwrap_or_default())
                .with_context(|| key.to_string())?;
            match chain.intent(last, shard, &intent) {
                Some(fault) => self.findings.faults.push(fault),
                None => self.findings.notes.push(format!(
                    "commit {last} of shard {shard} is being made, or was left open: records up to {}",
                    intent.range.to
                )),
            }
        }
        Ok(())
    }
}

fn number(key: &Key) -> anyhow::Result<u64> {
    let name = key.as_str().rsplit_once('/').map_or("", |(_, name)| name);
    name.parse()
        .with_context(|| format!("{key} is no link of a chain"))
}
