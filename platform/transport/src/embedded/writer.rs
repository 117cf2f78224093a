//! The writer: the one thread that changes the log's file. It makes what is queued durable with
//! one commit after another, deletes what may go, and brings the file back after a failure.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tracing::{error, info, warn};

use super::{
    Reading,
    group::{answer_unavailable, gather, judge},
    queue::{Command, Waiting},
    store::{Change, Opened, ShardEnd, StoreError},
};
use crate::{
    StreamError,
    block::{Block, BlockHead},
    clock::{StreamClock, wall_ms},
    cut::Cut,
    lock::locked,
    metrics,
    progress::Progress,
    retention::{Fill, Retention},
    run::Run,
};

/// The newest blocks that all shards together keep in memory: some seconds for readers to follow.
const TAIL_BYTES: usize = 8 << 20;

/// Without appends, checkpoints become durable and old blocks go this often.
const IDLE_TURN: Duration = Duration::from_secs(1);

/// After a failure the file is opened again at most this often.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// A shard's oldest blocks are looked up this many at a time.
const TRIM_BLOCKS: usize = 64;

/// One commit deletes at most this many blocks a shard, and [`TRIM_BLOCKS`] of a few: more than it
/// usually adds, so that deleting keeps up with appending.
const TRIM_BLOCKS_PER_SHARD: usize = 2;

/// The machine's clock may be so far behind the stream's before somebody should look.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// All that the writer knows of the file.
#[derive(Debug)]
pub(super) struct Writer {
    reading: Arc<Reading>,
    retention: Retention,
    clock: StreamClock,
    ends: Vec<ShardEnd>,
    /// The oldest blocks of every shard, as far as looked up.
    oldest: Vec<VecDeque<BlockHead>>,
    /// The checkpoints in the file.
    stored: Progress,
    /// Whether the last append found no room.
    is_full: bool,
    /// Whether the machine's clock is far behind the stream's.
    clock_is_behind: bool,
    /// Since when the file is unusable, and by what.
    failed: Option<(Instant, String)>,
}

impl Writer {
    /// Goes on from what the file says.
    pub(super) fn new(reading: Arc<Reading>, opened: Opened, retention: Retention) -> Self {
        let latest_ms = opened
            .ends
            .iter()
            .map(|end| end.latest_ms)
            .max()
            .unwrap_or(0);
        reading.meter.describe();
        Self {
            reading,
            retention,
            clock: StreamClock::after(latest_ms),
            oldest: vec![VecDeque::new(); opened.ends.len()],
            ends: opened.ends,
            stored: opened.progress,
            is_full: false,
            clock_is_behind: false,
            failed: None,
        }
    }

    /// Serves the queue until it is closed or nobody holds it any more.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the thread owns its end of the queue"
    )]
    pub(super) fn run(mut self, commands: mpsc::Receiver<Command>) {
        let closes_readers = ClosesReaders(self.reading.clone());
        let mut closing = Vec::new();
        let mut disconnected = false;
        while closing.is_empty() && !disconnected {
            let first = commands.recv_timeout(IDLE_TURN);
            disconnected = matches!(first, Err(mpsc::RecvTimeoutError::Disconnected));
            let waiting = gather(first.ok(), &commands, &mut closing);
            self.turn(waiting);
        }
        // Whoever had room in the queue before it closed is still served.
        while let Ok(command) = commands.try_recv() {
            let waiting = gather(Some(command), &commands, &mut closing);
            self.turn(waiting);
        }
        let outcome = self.close();
        drop(closes_readers);
        for answer in closing {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(outcome.clone());
        }
    }

    /// One commit: appends what waits, deletes what may go, notes checkpoints.
    fn turn(&mut self, waiting: Vec<Waiting>) {
        if let Err(reason) = self.recover() {
            return answer_unavailable(waiting, &reason);
        }
        let bytes = waiting.iter().map(|waiting| waiting.batch.bytes()).sum();
        let mut cut = Cut::new(self.ends.len() as u32, bytes);
        let judged: Vec<_> = waiting
            .into_iter()
            .map(|waiting| judge(waiting, &mut cut))
            .collect();
        let now_ms = self.now();
        let blocks = cut
            .finish(|shard| self.ends[shard as usize].next, now_ms)
            .collect();
        let outcome = self
            .append(blocks, now_ms)
            .map_err(|refusal| match refusal {
                Refusal::Full => self.refuse_full(),
                Refusal::Failed(error) => self.fail(&error),
            });
        self.report();
        for judged in judged {
            judged.answer(outcome.as_ref().copied());
        }
    }

    /// The time for what is appended now.
    fn now(&mut self) -> i64 {
        let wall_ms = wall_ms();
        let now_ms = self.clock.at(wall_ms);
        let is_behind = now_ms - wall_ms > CLOCK_TOLERANCE_MS;
        if is_behind && !self.clock_is_behind {
            let behind_s = (now_ms - wall_ms) / 1_000;
            warn!(
                behind_s,
                "the machine's clock is behind the stream's: its time stands still"
            );
        }
        self.clock_is_behind = is_behind;
        self.reading.meter.clock_behind(now_ms - wall_ms);
        now_ms
    }

    fn append(&mut self, blocks: Vec<(u32, Block)>, now_ms: i64) -> Result<(), Refusal> {
        let incoming = blocks.iter().map(|(_, block)| block.head.footprint).sum();
        loop {
            let trimmed = self.plan_trim(incoming, now_ms)?;
            let freed: u64 = trimmed.iter().map(|(_, head)| head.footprint).sum();
            let fill = Fill {
                held: self.held().saturating_sub(freed),
                incoming,
            };
            let is_over = incoming > 0 && self.retention.is_over(fill);
            if !is_over {
                self.is_full &= incoming == 0;
                return Ok(self.commit(blocks, trimmed)?);
            }
            if trimmed.is_empty() {
                return Err(Refusal::Full);
            }
            self.commit(Vec::new(), trimmed)?;
        }
    }

    /// Which blocks go with the next commit.
    fn plan_trim(
        &mut self,
        incoming: u64,
        now_ms: i64,
    ) -> Result<Vec<(u32, BlockHead)>, StoreError> {
        let progress = locked(&self.reading.progress).clone();
        let mut left = self.held();
        let mut trimmed: Vec<(u32, BlockHead)> = Vec::new();
        let mut used = vec![0; self.ends.len()];
        for shard in 0..self.ends.len() {
            if self.oldest[shard].is_empty() && self.ends[shard].held > 0 {
                self.oldest[shard] = self.reading.store.oldest(shard as u32, TRIM_BLOCKS)?.into();
            }
        }
        let most = TRIM_BLOCKS.max(TRIM_BLOCKS_PER_SHARD * self.ends.len());
        while trimmed.len() < most {
            let oldest = (0..).zip(self.oldest.iter().zip(&used));
            let oldest =
                oldest.filter_map(|(shard, (heads, used))| Some((shard, *heads.get(*used)?)));
            let fill = Fill {
                held: left,
                incoming,
            };
            let Some((shard, head)) = self.retention.next_to_go(oldest, &progress, fill, now_ms)
            else {
                break;
            };
            left = left.saturating_sub(head.footprint);
            used[shard as usize] += 1;
            trimmed.push((shard, head));
        }
        Ok(trimmed)
    }

    /// Makes the change durable, and only then known: to this writer, and to readers.
    fn commit(
        &mut self,
        blocks: Vec<(u32, Block)>,
        trimmed: Vec<(u32, BlockHead)>,
    ) -> Result<(), StoreError> {
        let mut ends = self.ends.clone();
        for (shard, block) in &blocks {
            let end = &mut ends[*shard as usize];
            let BlockHead {
                end: next,
                appended_ms: latest_ms,
                footprint,
                ..
            } = block.head;
            *end = ShardEnd {
                next,
                held: end.held + footprint,
                latest_ms,
            };
        }
        for (shard, head) in &trimmed {
            let held = &mut ends[*shard as usize].held;
            *held = held.saturating_sub(head.footprint);
        }
        let touched = |shard: &u32| {
            blocks.iter().any(|(touched, _)| touched == shard)
                || trimmed.iter().any(|(touched, _)| touched == shard)
        };
        let changed = (0..ends.len() as u32).filter(touched);
        let changed = changed.map(|shard| (shard, ends[shard as usize])).collect();
        let progress = locked(&self.reading.progress).clone();
        let checkpoints = progress.since(&self.stored);
        let change = Change {
            blocks,
            trimmed,
            ends: changed,
            checkpoints,
        };
        if change.is_empty() {
            return Ok(());
        }
        self.reading.store.commit(&change)?;
        self.reading.meter.committed(
            records(change.blocks.iter().map(|(_, block)| block.head)),
            records(change.trimmed.iter().map(|(_, head)| *head)),
        );
        self.ends = ends;
        self.stored = progress;
        for (shard, head) in change.trimmed {
            self.oldest[shard as usize].pop_front();
            locked(&self.reading.tails[shard as usize]).pop_until(head.end);
        }
        self.publish(change.blocks);
        Ok(())
    }

    /// Shows durable blocks to readers.
    fn publish(&self, blocks: Vec<(u32, Block)>) {
        let most = TAIL_BYTES / self.ends.len();
        let mut blocks = blocks.into_iter().peekable();
        while let Some((shard, block)) = blocks.next() {
            let mut tail = locked(&self.reading.tails[shard as usize]);
            tail.push(block);
            while let Some((_, block)) = blocks.next_if(|(next, _)| *next == shard) {
                tail.push(block);
            }
            while tail.bytes() > most {
                tail.pop();
            }
            self.reading.signals.extend(shard, tail.end());
        }
    }

    fn held(&self) -> u64 {
        self.ends.iter().map(|end| end.held).sum()
    }

    /// Notes that the log is full; returns what appenders are told.
    fn refuse_full(&mut self) -> String {
        self.reading.meter.full();
        let behind = |(_, offsets): &(&str, &[u64])| self.behind(offsets);
        let slowest = self.stored.groups().max_by_key(behind);
        let slowest = slowest.map_or("nobody", |(group, _)| group);
        let reason = format!("the log is full of what the {slowest} has not passed");
        if !self.is_full {
            error!(
                group = slowest,
                "{reason}: nothing is taken until it moves on"
            );
        }
        self.is_full = true;
        reason
    }

    /// Records that a group with these offsets has not passed.
    fn behind(&self, offsets: &[u64]) -> u64 {
        let behind = |(end, next): (&ShardEnd, &u64)| end.next.saturating_sub(*next);
        self.ends.iter().zip(offsets).map(behind).sum()
    }

    /// Tells how full the log is, and how far behind each group.
    fn report(&self) {
        self.reading.meter.held(self.held());
        for (group, offsets) in self.stored.groups() {
            self.reading.meter.lag(group, self.behind(offsets));
        }
    }

    /// Notes a failure; returns what appenders are told.
    fn fail(&mut self, error: &StoreError) -> String {
        let reason = error.to_string();
        metrics::failed();
        error!(reason, "the log's file failed, opening it again");
        self.failed = Some((Instant::now(), reason.clone()));
        reason
    }

    /// Opens the file again where it failed; returns what appenders are told if that is not yet.
    fn recover(&mut self) -> Result<(), String> {
        let Some((tried, reason)) = &self.failed else {
            return Ok(());
        };
        if tried.elapsed() < REOPEN_EVERY {
            return Err(reason.clone());
        }
        let opened = match self.reading.store.reopen(self.ends.len()) {
            Ok(opened) => opened,
            Err(error) => {
                let reason = error.to_string();
                warn!(reason, "the log's file cannot be opened again yet");
                self.failed = Some((Instant::now(), reason.clone()));
                return Err(reason);
            }
        };
        for (shard, end) in (0..).zip(&opened.ends) {
            // What the failed commit left is there or is not: the file alone knows.
            *locked(&self.reading.tails[shard as usize]) = Run::at(end.next);
            self.reading.signals.extend(shard, end.next);
        }
        info!("the log's file is open again");
        *self = Self::new(self.reading.clone(), opened, self.retention);
        Ok(())
    }

    fn close(&mut self) -> Result<(), StreamError> {
        let last = self
            .failed
            .take()
            .map_or(Ok(()), |(_, reason)| Err(StreamError::Storage(reason)));
        last.and(self.reading.store.close().map_err(StreamError::storage))
    }
}

fn records(heads: impl Iterator<Item = BlockHead>) -> u64 {
    heads.map(|head| head.end - head.first).sum()
}

/// Tells readers that the log is closed, also where the writer ends by a panic.
struct ClosesReaders(Arc<Reading>);

impl Drop for ClosesReaders {
    fn drop(&mut self) {
        self.0.signals.close();
    }
}

/// Why a commit did not happen.
enum Refusal {
    Full,
    Failed(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}
