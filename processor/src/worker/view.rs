//! What a worker shows of its shard: changes, gathered for an interval and written to the cache while
//! the worker goes on; and everything, after the cache was unavailable or has lost something. What
//! there is to show is the state's.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, sleep, sleep_until},
};
use tracing::{info, warn};

use super::since_unix_ms;
use crate::{Cache, ShardState, cache::CacheError, metrics};

/// So many vehicles are shown in one write, with their rides: a quarter of a MB.
const VEHICLES_AT_ONCE: usize = 500;
/// A cache that was unavailable is tried again this long after, and as soon as it tells of a loss.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Losses are looked for so often where nothing else is to be done.
const LOOK: Duration = Duration::from_millis(100);

/// The shard as others see it.
pub(super) struct View {
    cache: Arc<dyn Cache>,
    /// Between two writes.
    interval: Duration,
    /// No write begins before.
    next: Instant,
    writing: Option<Writing>,
    written: Option<(Written, Option<i64>)>,
    shown: Shown,
    /// Since when the cache is known to miss something.
    missing_since: Option<Instant>,
    /// When the stream took the oldest record that is not shown yet, Unix ms.
    oldest_ms: Option<i64>,
}

/// A write under way.
struct Writing {
    task: JoinHandle<Result<(), CacheError>>,
    vehicles: usize,
    oldest_ms: Option<i64>,
}

type Written = Result<Result<(), CacheError>, JoinError>;

/// What the cache has of the shard, given how often it had lost something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Nothing was written yet.
    Nothing,
    /// All was, or waits to be, since that loss.
    All(u64),
    /// It was unavailable after that loss.
    Unknown(u64),
}

impl View {
    /// The view in a cache that may have nothing of the shard.
    pub(super) fn of(cache: Arc<dyn Cache>, interval: Duration) -> Self {
        Self {
            cache,
            interval,
            next: Instant::now(),
            writing: None,
            written: None,
            shown: Shown::Nothing,
            missing_since: None,
            oldest_ms: None,
        }
    }

    /// Notes that there is more to show, by records of which the stream took the last at this time.
    pub(super) fn note(&mut self, appended_ms: i64) {
        self.oldest_ms.get_or_insert(appended_ms);
    }

    /// How many vehicles are under way to the cache.
    pub(super) fn under_way(&self) -> usize {
        self.writing.as_ref().map_or(0, |writing| writing.vehicles)
    }

    /// Waits until there is something to be done by [`View::show`], if so many vehicles wait to be
    /// shown. Safe to drop while it waits.
    pub(super) async fn is_due(&mut self, waiting: usize) {
        if self.writing.is_some() {
            return self.wait_until_written().await;
        }
        loop {
            let losses = self.cache.losses();
            match self.shown {
                Shown::Nothing => return,
                Shown::All(at) if at != losses => return,
                Shown::All(_) if waiting > 0 => return sleep_until(self.next).await,
                Shown::Unknown(at) if at != losses || Instant::now() >= self.next => return,
                Shown::All(_) | Shown::Unknown(_) => sleep(LOOK).await,
            }
        }
    }

    /// Begins to write what waits longest, if it is time and no write is under way.
    pub(super) fn show(&mut self, state: &mut ShardState) {
        self.settle(state);
        let losses = self.cache.losses();
        let is_as_it_was = self.shown == Shown::All(losses) || self.shown == Shown::Unknown(losses);
        if self.writing.is_none() && (!is_as_it_was || Instant::now() >= self.next) {
            self.begin(state);
        }
    }

    /// Shows all that waits, unless the cache is unavailable.
    pub(super) async fn show_rest(&mut self, state: &mut ShardState) {
        loop {
            self.wait_until_written().await;
            self.settle(state);
            if matches!(self.shown, Shown::Unknown(_)) {
                return;
            }
            self.begin(state);
            if self.writing.is_none() {
                return;
            }
        }
    }

    fn begin(&mut self, state: &mut ShardState) {
        // Looked at before: what is lost meanwhile is shown the next time.
        let losses = self.cache.losses();
        match self.shown {
            Shown::All(at) if at == losses => {}
            Shown::Nothing => {
                self.shown = Shown::All(losses);
                state.show_again();
            }
            Shown::All(_) => {
                self.missing_since.get_or_insert_with(Instant::now);
                self.shown = Shown::All(losses);
                state.show_again();
            }
            Shown::Unknown(_) => {
                self.shown = Shown::Unknown(losses);
                if state.waiting() == 0 {
                    state.show_again();
                }
            }
        }
        self.write(state);
    }

    fn write(&mut self, state: &mut ShardState) {
        let waiting = state.waiting();
        let effects = state.take_effects(VEHICLES_AT_ONCE);
        metrics::effects(&effects);
        self.next = Instant::now();
        let mut oldest_ms = None;
        if state.waiting() == 0 {
            // This is the last part: the next write comes an interval later.
            self.next += self.interval;
            oldest_ms = self.oldest_ms.take();
        }
        if effects.changes.is_empty() {
            return self.note_shown(state);
        }
        metrics::cache_changes(effects.changes.len());
        let cache = self.cache.clone();
        self.writing = Some(Writing {
            task: tokio::spawn(async move { cache.write(effects.changes).await }),
            vehicles: waiting - state.waiting(),
            oldest_ms,
        });
    }

    async fn wait_until_written(&mut self) {
        if let Some(writing) = &mut self.writing {
            let written = (&mut writing.task).await;
            self.written = Some((written, writing.oldest_ms));
            self.writing = None;
        }
    }

    /// Takes note of how the last write ended.
    fn settle(&mut self, state: &mut ShardState) {
        let Some((written, oldest_ms)) = self.written.take() else {
            return;
        };
        match written {
            Ok(Ok(())) => {
                if let Some(oldest_ms) = oldest_ms {
                    metrics::cache_lag(since_unix_ms(oldest_ms));
                }
                if let Shown::Unknown(losses) = self.shown {
                    self.shown = Shown::All(losses);
                    state.show_again();
                }
                self.note_shown(state);
            }
            Ok(Err(error)) => self.fail(&error.to_string()),
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Reports a cache that has everything again.
    fn note_shown(&mut self, state: &ShardState) {
        if state.waiting() > 0 || !matches!(self.shown, Shown::All(_)) {
            return;
        }
        if let Some(since) = self.missing_since.take() {
            let missing = since.elapsed();
            metrics::cache_recovered(missing);
            info!(
                seconds = missing.as_secs_f64(),
                "the cache has everything again"
            );
        }
    }

    fn fail(&mut self, error: &str) {
        metrics::cache_failed();
        let (Shown::All(losses) | Shown::Unknown(losses)) = self.shown else {
            return;
        };
        if self.shown != Shown::Unknown(losses) {
            warn!(
                error,
                "the cache misses what changed, until it can be written again"
            );
        }
        self.shown = Shown::Unknown(losses);
        self.missing_since.get_or_insert_with(Instant::now);
        self.next = Instant::now() + TRY_AGAIN;
    }
}

#[cfg(test)]
mod tests;
