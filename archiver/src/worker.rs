//! One shard's way from the stream into the archive: read, cut, commit, and then checkpoint.
//! What a commit holds is decided in `draft`; who owns a number in `ledger`.

mod gathering;
mod permits;

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, ensure};
use service::Drain;
use tokio::{
    task,
    time::{self, Instant},
};
use tracing::{error, info, warn};
use transport::{Position, Read, Shard};

use crate::{
    budget::Share,
    commit::Intent,
    cut::{Buffered, Cut, Limits, Turn, encoded_ratio, should_cut},
    draft::{Draft, Progress, Sealed},
    ledger::{Hold, Ledger, State},
    metrics::{self, WindowGauges},
};
use gathering::Gathering;
pub(crate) use permits::Permits;

/// Encoded bytes per byte of rows in memory, before a first commit has shown it: generous, as a file
/// that is too small does less harm than one too large.
pub(crate) const FIRST_RATIO: f64 = 0.25;

/// So many tries to tell the stream that a shard is done, before it is dropped and got again.
const FINISH_TRIES: u32 = 5;
/// Waits between two of them.
const FINISH_WAIT: Duration = Duration::from_millis(500);

/// Archives one shard.
pub(crate) struct Worker {
    pub(crate) shard: Box<dyn Shard>,
    pub(crate) ledger: Ledger,
    pub(crate) share: Share,
    pub(crate) limits: Limits,
    /// Encoded bytes per byte of rows in memory, as the last commit of some size has shown it.
    pub(crate) encoded_ratio: f64,
    pub(crate) permits: Permits,
    /// The time of day, Unix ms UTC: it says how old a record is, and nothing that is archived.
    pub(crate) now_ms: fn() -> i64,
    pub(crate) window: WindowGauges,
    pub(crate) drain: Drain,
}

/// Why archiving a shard came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It is another's from here on, or all is archived: drop it.
    Done,
    /// Somebody else has committed: look again where the chain stands.
    Displaced,
}

impl Ended {
    /// Another has committed first, when a range was cut for this reason. Whoever is told to let go
    /// is not told again.
    fn displaced(cut: Cut) -> Self {
        match cut {
            Cut::Revoked => Self::Done,
            Cut::Size | Cut::Age | Cut::Memory | Cut::End | Cut::Closed => Self::Displaced,
        }
    }
}

/// What a worker waited for.
enum Event {
    Read(Read),
    /// The worker is to end, and all that it is to read is read.
    ReadOut,
    /// A deadline, a turn or a drain: look again.
    Woken,
}

impl Worker {
    /// Archives until the shard is revoked or drained.
    ///
    /// # Errors
    /// An error from a stream or a storage that does not get better by waiting.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let shard = self.shard.id().clone();
        info!(%shard, "archiving");
        while self
            .archive()
            .await
            .with_context(|| format!("archive shard {shard}"))?
            == Ended::Displaced
        {
            warn!(%shard, "another worker has committed, starting after its commit");
            metrics::displaced();
        }
        info!(%shard, "done archiving");
        Ok(())
    }

    async fn archive(&mut self) -> anyhow::Result<Ended> {
        self.share.hold(0);
        let (mut draft, open) = match self.ledger.load(self.shard.lineage()).await? {
            State::Open { draft, open } => (draft, open),
            State::Closed(end) => {
                // The last commit may have no checkpoint yet, and nobody may have heard of the end.
                self.shard.seek(Some(end));
                self.checkpoint(Some(end)).await;
                self.finish().await;
                return Ok(Ended::Done);
            }
        };
        self.window.set(draft.window_size());
        // The last commit may have no checkpoint yet, or be older than the checkpoint.
        self.checkpoint(draft.position()).await;
        self.shard.seek(draft.position());
        if let Some(intent) = open {
            draft = match self.redo(draft, &intent).await? {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(ended) => return Ok(ended),
            };
        }
        loop {
            let cut = self.fill(&mut draft).await?;
            if let Some(intent) = draft.intent() {
                if self.ledger.open(&intent).await? == Hold::Lost {
                    return Ok(Ended::displaced(cut));
                }
                metrics::cut(cut);
                let Some(next) = self.commit(draft).await? else {
                    return Ok(Ended::displaced(cut));
                };
                draft = next;
            }
            match cut {
                Cut::Size | Cut::Age | Cut::Memory => {}
                Cut::End | Cut::Revoked => return Ok(Ended::Done),
                Cut::Closed => {
                    self.finish().await;
                    return Ok(Ended::Done);
                }
            }
        }
    }

    /// Reads on until it is time to cut.
    async fn fill(&mut self, draft: &mut Draft) -> anyhow::Result<Cut> {
        let mut gathering: Option<Gathering> = None;
        loop {
            self.share.hold(draft.bytes());
            let buffered = Buffered {
                file_bytes: (draft.row_bytes() as f64 * self.encoded_ratio) as u64,
                age: gathering.map(Gathering::age),
                memory: self.share.turn(),
            };
            if let Some(cut) = should_cut(buffered, self.limits) {
                return Ok(cut);
            }
            let deadline = gathering.and_then(|gathering| gathering.end(self.limits.age));
            match self.next(buffered.memory, deadline).await? {
                Event::Read(Read::Records(records)) => {
                    let _all = draft.take(&records, None)?;
                }
                Event::Read(Read::Gap(through)) => {
                    let _all = draft.skip(through, None);
                }
                Event::Read(Read::Ended(end)) => {
                    draft.pass(end);
                    draft.close();
                    return Ok(Cut::Closed);
                }
                Event::Read(Read::Revoked) => return Ok(Cut::Revoked),
                Event::ReadOut => return Ok(Cut::End),
                Event::Woken => continue,
            }
            gathering.get_or_insert_with(|| self.gathering(draft.oldest_ms()));
        }
    }

    /// Begins to gather a range whose first record is of `oldest_ms`.
    fn gathering(&self, oldest_ms: Option<i64>) -> Gathering {
        let age_ms = oldest_ms.map_or(0, |oldest_ms| (self.now_ms)().saturating_sub(oldest_ms));
        Gathering::begin(age_ms, self.limits)
    }

    /// Waits for records, or for anything else that a cut may depend on.
    async fn next(&mut self, turn: Turn, deadline: Option<Instant>) -> anyhow::Result<Event> {
        if turn == Turn::Another {
            self.share.changed_or(deadline).await;
            return Ok(Event::Woken);
        }
        if self.drain.is_requested() {
            let read = match self.drain {
                Drain::ReadOut(_) => self.shard.read_if_any().await?,
                Drain::HandOver(_) => None,
            };
            return Ok(read.map_or(Event::ReadOut, Event::Read));
        }
        tokio::select! {
            read = self.shard.read() => Ok(Event::Read(read?)),
            () = self.share.changed_or(deadline) => Ok(Event::Woken),
            () = self.drain.requested() => Ok(Event::Woken),
        }
    }

    /// Does again what an intent that was left open has fixed, one shard of the process at a time.
    async fn redo(
        &mut self,
        mut draft: Draft,
        intent: &Intent,
    ) -> anyhow::Result<ControlFlow<Ended, Draft>> {
        let redo = Arc::clone(&self.permits.redo);
        let _permit = redo.acquire().await?;
        if self.reread(&mut draft, intent).await? == Progress::Before {
            return Ok(ControlFlow::Break(Ended::Done));
        }
        // Whoever redoes late must not write over what is committed: the stream may by now have
        // lost a part of the range.
        if self.ledger.is_committed(intent.n).await? {
            return Ok(ControlFlow::Break(Ended::Displaced));
        }
        let Some(next) = self.commit(draft).await? else {
            return Ok(ControlFlow::Break(Ended::Displaced));
        };
        if intent.closes {
            self.finish().await;
            return Ok(ControlFlow::Break(Ended::Done));
        }
        self.shard.seek(next.position());
        Ok(ControlFlow::Continue(next))
    }

    /// Reads the range of an intent that was left open, that and no more.
    async fn reread(&mut self, draft: &mut Draft, intent: &Intent) -> anyhow::Result<Progress> {
        let until: Position = intent.range.to.parse().context("end of an open intent")?;
        if intent.closes {
            draft.close();
        }
        info!(
            shard = intent.shard,
            n = intent.n,
            "redoing an intent that was left open"
        );
        loop {
            let progress = match self.next(Turn::Nobody, None).await? {
                Event::Read(Read::Records(records)) => draft.take(&records, Some(until))?,
                Event::Read(Read::Gap(through)) => draft.skip(through, Some(until)),
                Event::Read(Read::Ended(end)) => {
                    ensure!(
                        until <= end,
                        "an open intent goes on behind the shard's end"
                    );
                    draft.pass(until);
                    Progress::Reached
                }
                Event::Read(Read::Revoked) | Event::ReadOut => return Ok(Progress::Before),
                Event::Woken => Progress::Before,
            };
            self.share.hold(draft.bytes());
            if progress == Progress::Reached {
                return Ok(progress);
            }
        }
    }

    /// Writes what an intent has fixed, and returns the draft that comes next; None if another has
    /// committed something else under this number. Every step may be done twice.
    async fn commit(&mut self, draft: Draft) -> anyhow::Result<Option<Draft>> {
        let row_bytes = draft.row_bytes();
        let (sealed, next) = self.seal(draft).await?;
        let objects = sealed.objects.iter();
        self.share.hold(objects.map(|(_, bytes)| bytes.len()).sum());
        self.ledger.write(&sealed.objects).await?;
        let hold = self.ledger.close(&sealed.commit).await?;
        if hold == Hold::Lost {
            return Ok(None);
        }
        self.share.hold(0);
        let encoded = sealed.commit.files.iter().map(|file| file.object.bytes);
        if let Some(ratio) = encoded_ratio(row_bytes, encoded.sum()) {
            self.encoded_ratio = ratio;
        }
        self.window.set(sealed.window_size);
        // Of two workers that have put the same commit, one counts it.
        if hold == Hold::Kept {
            report(&sealed, (self.now_ms)());
        }
        self.ledger.publish(&sealed.commit).await?;
        self.checkpoint(next.position()).await;
        self.ledger.prune(sealed.commit.n).await?;
        Ok(Some(next))
    }

    /// Tells the stream how far the archive is.
    async fn checkpoint(&mut self, position: Option<Position>) {
        if let Some(position) = position
            && let Err(error) = self.shard.checkpoint(position).await
        {
            metrics::checkpoint_failed();
            warn!(%error, "checkpoint is not stored, the next one will be");
        }
    }

    /// Tells the stream that the shard is done. If it does not hear, the group gets the shard again,
    /// and whoever has it then finds a closed chain and has only this to do.
    async fn finish(&mut self) {
        for tries in 1..=FINISH_TRIES {
            let Err(error) = self.shard.finish().await else {
                return;
            };
            metrics::finish_failed();
            warn!(shard = %self.shard.id(), %error, tries, "the stream does not take that the shard is done");
            if tries < FINISH_TRIES {
                time::sleep(FINISH_WAIT).await;
            }
        }
    }

    /// Encodes away from the threads that wait for the network, and one draft at a time, which
    /// bounds the memory that encoders take.
    async fn seal(&mut self, draft: Draft) -> anyhow::Result<(Sealed, Draft)> {
        let _permit = self.permits.encode.acquire().await?;
        task::spawn_blocking(move || draft.seal())
            .await
            .context("encode")?
            .context("encode")
    }
}

/// Counts what is now in the archive, and says what is lost.
fn report(sealed: &Sealed, now_ms: i64) {
    let Sealed { commit, .. } = sealed;
    metrics::committed(sealed, now_ms);
    for gap in &commit.gaps {
        error!(
            shard = commit.shard,
            from = gap.from,
            to = gap.to,
            "the stream dropped records before they were archived"
        );
    }
    if commit.counts.dead_letters > 0 {
        warn!(
            shard = commit.shard,
            count = commit.counts.dead_letters,
            key = commit.dead_letters.as_ref().map(|object| &object.key),
            "records that cannot be rows are among the dead letters"
        );
    }
}

/// The time of day, Unix ms UTC.
pub(crate) fn unix_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |elapsed| elapsed.as_millis() as i64)
}

#[cfg(test)]
mod tests;
