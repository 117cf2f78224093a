//! Live records come first: while the live lane spools, the other goes to its log as well, and of what
//! is forwarded it has one part of a few. What a lane forwards is not known here.
//!
//! The share is counted in calls and not in time, so that it is one of a stream that is slow, however
//! slow; and it is not nothing, as a stream that is slow for good would starve old records for good.

use std::sync::Arc;

use tokio::sync::watch;

/// While the live lane spools, old records are forwarded once for so many times that live ones are.
const LIVE_TURNS: u64 = 8;

/// What the live lane tells the other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pulse {
    spools: bool,
    /// How often it has forwarded.
    turns: u64,
}

/// Which lane it is, to those who give way.
#[derive(Debug, Clone)]
pub(super) enum Precedence {
    /// Goes first.
    Live(Arc<watch::Sender<Pulse>>),
    /// Goes second.
    Backfill(watch::Receiver<Pulse>),
}

impl Precedence {
    /// The first lane and the second.
    pub(super) fn pair() -> (Self, Self) {
        let pulse = watch::Sender::new(Pulse::default());
        let second = Self::Backfill(pulse.subscribe());
        (Self::Live(Arc::new(pulse)), second)
    }

    /// Tells that this lane spools.
    pub(super) fn spools(&self) {
        self.tell(true);
    }

    /// Tells that this lane goes direct.
    pub(super) fn goes_direct(&self) {
        self.tell(false);
    }

    fn tell(&self, spools: bool) {
        if let Self::Live(pulse) = self {
            pulse.send_modify(|pulse| pulse.spools = spools);
        }
    }

    /// Tells that this lane has forwarded once.
    pub(super) fn forwarded(&self) {
        if let Self::Live(pulse) = self {
            pulse.send_modify(|pulse| pulse.turns += 1);
        }
    }

    /// Whether the other lane spools, and comes first.
    pub(super) fn must_yield(&self) -> bool {
        match self {
            Self::Live(_) => false,
            Self::Backfill(pulse) => pulse.borrow().spools,
        }
    }

    /// Waits until that may have changed. Safe to drop.
    pub(super) async fn changed(&mut self) {
        let changed = match self {
            Self::Live(_) => None,
            Self::Backfill(pulse) => pulse.changed().await.ok(),
        };
        if changed.is_none() {
            // Nothing comes before this lane any more.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is this lane's turn to forward. Safe to drop.
    pub(super) async fn turn(&mut self) {
        if let Self::Backfill(pulse) = self {
            let begun = pulse.borrow().turns;
            let is_turn = |pulse: &Pulse| !pulse.spools || pulse.turns >= begun + LIVE_TURNS;
            // Where the other lane is gone, nothing comes before this one.
            let _ = pulse.wait_for(is_turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_turn(lane: &mut Precedence) -> bool {
        let mut turn = std::pin::pin!(lane.turn());
        std::future::poll_fn(|context| std::task::Poll::Ready(turn.as_mut().poll(context))).await
            == std::task::Poll::Ready(())
    }

    #[tokio::test]
    async fn old_records_wait_while_live_ones_spool_but_not_for_ever() {
        let (mut live, mut backfill) = Precedence::pair();
        assert!(is_turn(&mut backfill).await && !backfill.must_yield());
        live.spools();
        assert!(backfill.must_yield() && !live.must_yield());
        assert!(is_turn(&mut live).await);
        let waiting = tokio::spawn(async move {
            backfill.turn().await;
            backfill
        });
        tokio::task::yield_now().await;
        for _ in 0..LIVE_TURNS {
            assert!(!waiting.is_finished());
            live.forwarded();
            tokio::task::yield_now().await;
        }
        let mut backfill = waiting.await.unwrap();
        assert!(!is_turn(&mut backfill).await, "one turn is one turn");
        live.goes_direct();
        assert!(is_turn(&mut backfill).await && !backfill.must_yield());
    }
}
