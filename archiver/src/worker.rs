//! One shard's way from the stream into the archive: read, cut, commit, and then checkpoint.
//! What a commit holds is decided in `draft`; who owns a number in `ledger`.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use service::Shutdown;
use tokio::{
    sync::Semaphore,
    task,
    time::{self, Instant},
};
use tracing::{error, info, warn};
use transport::{Read, Shard};

use crate::{
    budget::Share,
    commit::Intent,
    cut::{Buffered, Cut, Limits, Turn, should_cut},
    draft::{Draft, Progress, Sealed},
    ledger::{Hold, Ledger, State},
    metrics,
};

/// A stream that has had nothing new for so long, while nobody appends any more, is read out.
pub(crate) const QUIET: Duration = Duration::from_millis(200);

/// Encoded bytes per byte of memory, before a first commit has shown it: generous, as a file that
/// is too small does less harm than one too large.
pub(crate) const FIRST_RATIO: f64 = 0.25;

/// Archives one shard.
pub(crate) struct Worker {
    pub(crate) shard: Box<dyn Shard>,
    pub(crate) ledger: Ledger,
    pub(crate) share: Share,
    pub(crate) limits: Limits,
    /// Encoded bytes per byte of memory, as commits have shown it so far.
    pub(crate) encoded_ratio: f64,
    /// A permit for each draft that may be encoded at the same time.
    pub(crate) encoders: Arc<Semaphore>,
    pub(crate) drain: Shutdown,
}

/// Why archiving a shard came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It is another's, or all is archived: drop it.
    Done,
    /// Somebody else has committed: look again where the chain stands.
    Displaced,
}

/// What a worker waited for.
enum Event {
    Read(Read),
    /// The stream is read out.
    Quiet,
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
        let State { mut draft, open } = self.ledger.load().await?;
        self.shard.seek(draft.position());
        if let Some(intent) = open {
            if self.reread(&mut draft, &intent).await? == Progress::Before {
                return Ok(Ended::Done);
            }
            // Whoever redoes late must not write over what is committed: the stream may by now
            // have lost a part of the range.
            if self.ledger.is_committed(intent.n).await? {
                return Ok(Ended::Displaced);
            }
            let Some(next) = self.commit(draft).await? else {
                return Ok(Ended::Displaced);
            };
            draft = next;
            self.shard.seek(draft.position());
        }
        loop {
            let cut = self.fill(&mut draft).await?;
            if let Some(intent) = draft.intent() {
                if self.ledger.open(&intent).await? == Hold::Lost {
                    return Ok(Ended::Displaced);
                }
                metrics::cut(cut);
                let Some(next) = self.commit(draft).await? else {
                    return Ok(Ended::Displaced);
                };
                draft = next;
            }
            if cut == Cut::End {
                return Ok(Ended::Done);
            }
        }
    }

    /// Reads on until it is time to cut.
    async fn fill(&mut self, draft: &mut Draft) -> anyhow::Result<Cut> {
        let mut began = None;
        loop {
            self.share.hold(draft.bytes());
            let buffered = Buffered {
                file_bytes: (draft.bytes() as f64 * self.encoded_ratio) as u64,
                age: began.map(|began: Instant| began.elapsed()),
                memory: self.share.turn(),
            };
            if let Some(cut) = should_cut(buffered, self.limits) {
                return Ok(cut);
            }
            let deadline = began.map(|began| began + self.limits.age);
            match self.next(buffered.memory, deadline).await? {
                Event::Read(Read::Records(records)) => {
                    let _all = draft.take(&records, None)?;
                    began.get_or_insert_with(Instant::now);
                }
                Event::Read(Read::Gap(through)) => {
                    let _all = draft.skip(through, None);
                    began.get_or_insert_with(Instant::now);
                }
                Event::Read(Read::Revoked) | Event::Quiet => return Ok(Cut::End),
                Event::Woken => {}
            }
        }
    }

    /// Waits for records, or for anything else that a cut may depend on.
    async fn next(&mut self, turn: Turn, deadline: Option<Instant>) -> anyhow::Result<Event> {
        if turn == Turn::Another {
            self.share.changed_or(deadline).await;
            return Ok(Event::Woken);
        }
        if self.drain.is_requested() {
            let read = time::timeout(QUIET, self.shard.read()).await;
            return read.map_or(Ok(Event::Quiet), |read| Ok(Event::Read(read?)));
        }
        tokio::select! {
            read = self.shard.read() => Ok(Event::Read(read?)),
            () = self.share.changed_or(deadline) => Ok(Event::Woken),
            () = self.drain.requested() => Ok(Event::Woken),
        }
    }

    /// Reads the range of an intent that was left open, that and no more.
    async fn reread(&mut self, draft: &mut Draft, intent: &Intent) -> anyhow::Result<Progress> {
        let until = intent.range.to.parse().context("end of an open intent")?;
        info!(
            shard = intent.shard,
            n = intent.n,
            "redoing an intent that was left open"
        );
        loop {
            let progress = match self.next(Turn::Nobody, None).await? {
                Event::Read(Read::Records(records)) => draft.take(&records, Some(until))?,
                Event::Read(Read::Gap(through)) => draft.skip(through, Some(until)),
                Event::Read(Read::Revoked) | Event::Quiet => return Ok(Progress::Before),
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
        let memory = draft.bytes();
        let (sealed, next) = self.seal(draft).await?;
        let encoded = sealed.objects.iter().map(|(_, bytes)| bytes.len()).sum();
        self.share.hold(encoded);
        self.ledger.write(&sealed.objects).await?;
        if self.ledger.close(&sealed.commit).await? == Hold::Lost {
            return Ok(None);
        }
        self.share.hold(0);
        // A file much larger than the last ones does more harm than one a little too small.
        self.encoded_ratio = self
            .encoded_ratio
            .max(encoded as f64 / memory.max(1) as f64);
        report(&sealed);
        if let Some(position) = next.position()
            && let Err(error) = self.shard.checkpoint(position).await
        {
            metrics::checkpoint_failed();
            warn!(%error, "checkpoint is not stored, the next one will be");
        }
        self.ledger.prune(sealed.commit.n).await?;
        Ok(Some(next))
    }

    /// Encodes away from the threads that wait for the network, and one draft at a time, which
    /// bounds the memory that encoders take.
    async fn seal(&mut self, draft: Draft) -> anyhow::Result<(Sealed, Draft)> {
        let _permit = self.encoders.acquire().await?;
        task::spawn_blocking(move || draft.seal())
            .await
            .context("encode")?
            .context("encode")
    }
}

/// Counts what is now in the archive, and says what is lost.
fn report(sealed: &Sealed) {
    let Sealed { commit, .. } = sealed;
    metrics::committed(sealed, unix_ms());
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

fn unix_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |elapsed| elapsed.as_millis() as i64)
}

#[cfg(test)]
mod tests;
