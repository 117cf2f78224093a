//! What a worker teaches the learner of its process, and by which models it predicts. Lessons are the
//! state's until the learner says that they are stored.

use std::{collections::BTreeSet, future::pending};

use tokio::sync::{mpsc, oneshot};

use crate::{
    ShardState,
    eta::Lesson,
    learner::{
        MAX_OFFERED,
        port::{Offer, Port},
    },
};

/// A worker's part in learning.
pub(super) struct Teaching {
    port: Port,
    /// The last call that was answered.
    calls: u64,
    offered: Option<Offered>,
    /// Lessons that were offered and not taken: those behind them come first, then all again.
    passed: usize,
}

/// An offer under way.
struct Offered {
    count: usize,
    stored: oneshot::Receiver<BTreeSet<Lesson>>,
}

/// What came from the learner.
#[derive(Debug)]
pub(super) enum Heard {
    /// It calls for lessons, or has models.
    News,
    /// These are stored, of those that were offered.
    Stored(BTreeSet<Lesson>),
}

/// What became of the lessons of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lessons {
    /// All still wait.
    Wait,
    /// Some were let go.
    LetGo,
}

impl Teaching {
    pub(super) fn by(port: Port) -> Self {
        Self {
            port,
            calls: 0,
            offered: None,
            passed: 0,
        }
    }

    /// Waits for something from the learner. Safe to drop while it waits.
    pub(super) async fn heard(&mut self) -> Heard {
        tokio::select! {
            biased;
            // It is said before the next call, which nothing is offered at before it is heard.
            stored = answer(&mut self.offered) => Heard::Stored(stored),
            Ok(()) = self.port.news.changed() => Heard::News,
        }
    }

    /// Does what is to be done about it.
    pub(super) fn follow(&mut self, heard: Heard, state: &mut ShardState) -> Lessons {
        match heard {
            Heard::News => {
                self.take_news(state);
                Lessons::Wait
            }
            Heard::Stored(stored) => self.let_go(&stored, state),
        }
    }

    /// Predicts by the models of the last news, and offers lessons if it calls for some.
    pub(super) fn take_news(&mut self, state: &mut ShardState) {
        let news = self.port.news.borrow_and_update().clone();
        state.set_models(news.models);
        if news.calls != self.calls {
            self.calls = news.calls;
            self.offer(state);
        }
    }

    /// Lets all lessons go where nobody learns.
    pub(super) fn let_go_unheard(&self, state: &mut ShardState) {
        if self.port.offers.is_none() {
            state.forget_lessons(usize::MAX);
        }
    }

    fn offer(&mut self, state: &ShardState) {
        if self.offered.is_some() {
            return;
        }
        // Where there is no room they are offered at the next call.
        let Some(Ok(room)) = self.port.offers.as_ref().map(mpsc::Sender::try_reserve) else {
            return;
        };
        if self.passed >= state.lessons().len() {
            self.passed = 0;
        }
        let lessons = state.lessons().skip(self.passed).take(MAX_OFFERED);
        let lessons: Vec<_> = lessons.cloned().collect();
        if lessons.is_empty() {
            return;
        }
        let (sender, stored) = oneshot::channel();
        self.offered = Some(Offered {
            count: lessons.len(),
            stored,
        });
        room.send(Offer {
            lessons,
            stored: sender,
        });
    }

    fn let_go(&mut self, stored: &BTreeSet<Lesson>, state: &mut ShardState) -> Lessons {
        let offered = self.offered.take().map_or(0, |offered| offered.count);
        self.passed += offered.saturating_sub(stored.len());
        if stored.is_empty() {
            return Lessons::Wait;
        }
        state.forget_learned(stored);
        Lessons::LetGo
    }
}

/// Waits for what is stored of an offer; for ever, where there is none.
async fn answer(offered: &mut Option<Offered>) -> BTreeSet<Lesson> {
    match offered {
        Some(offered) => (&mut offered.stored).await.unwrap_or_default(),
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
