//! One budget of memory for all shards of a process. When it is full, one shard at a time makes
//! room: the first that holds its fair share or more. It measures nothing by itself.

use std::sync::Arc;

use tokio::{
    sync::watch,
    time::{self, Instant},
};

use crate::{cut::Turn, metrics};

/// The budget. Clones are the same budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limit: usize,
    account: Arc<watch::Sender<Account>>,
}

#[derive(Debug, Default)]
struct Account {
    used: usize,
    shards: usize,
    /// A shard is making room.
    relieved: bool,
}

/// What one shard holds of the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    watched: watch::Receiver<Account>,
    held: usize,
    makes_room: bool,
}

impl Budget {
    /// A budget of `limit` bytes, one at least: full of nothing, no shard could make room in it.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            account: Arc::default(),
        }
    }

    /// One more shard's share of it, empty.
    pub(crate) fn share(&self) -> Share {
        self.account.send_modify(|account| account.shards += 1);
        let watched = self.account.subscribe();
        Share {
            budget: self.clone(),
            watched,
            held: 0,
            makes_room: false,
        }
    }
}

impl Share {
    /// Says how much the shard holds now. Holding nothing ends its turn to make room.
    pub(crate) fn hold(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.held, bytes);
        let ends_turn = bytes == 0 && std::mem::take(&mut self.makes_room);
        let limit = self.budget.limit;
        self.budget.account.send_if_modified(|account| {
            let before_all = account.used;
            account.used = account.used - before + bytes;
            metrics::buffered(account.used);
            if ends_turn {
                account.relieved = false;
            }
            // Only what changes a turn wakes the others. A fall does, even if the budget stays
            // full: what another holds may be its fair share now.
            let fell = before_all >= limit && account.used < before_all;
            ends_turn || fell || (before_all < limit) != (account.used < limit)
        });
    }

    /// Says whose turn it is; takes the turn where it is free and this shard holds a fair share.
    pub(crate) fn turn(&mut self) -> Turn {
        if self.makes_room {
            return Turn::Ours;
        }
        let Self {
            budget,
            held,
            watched,
            ..
        } = self;
        let mut turn = Turn::Nobody;
        watched.mark_unchanged();
        budget.account.send_if_modified(|account| {
            if account.used >= budget.limit {
                let is_fair = *held > 0 && *held * account.shards >= account.used;
                let takes = is_fair && !account.relieved;
                account.relieved |= takes;
                turn = if takes { Turn::Ours } else { Turn::Another };
            }
            false
        });
        self.makes_room = turn == Turn::Ours;
        turn
    }

    /// Waits until [`Share::turn`] may answer otherwise, or until `deadline`. May be dropped safely.
    pub(crate) async fn changed_or(&mut self, deadline: Option<Instant>) {
        // The sender lives in `self.budget`, so that this ends only with a change.
        let changed = self.watched.changed();
        let _changed = match deadline {
            Some(deadline) => time::timeout_at(deadline, changed).await.is_ok(),
            None => changed.await.is_ok(),
        };
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
        self.budget
            .account
            .send_modify(|account| account.shards -= 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a share was told, where nobody has woken it since.
    fn unwoken(share: &Share, told: Turn) -> Option<Turn> {
        let is_woken = share.watched.has_changed().unwrap();
        (!is_woken && told != Turn::Ours).then_some(told)
    }

    proptest! {
        #[test]
        fn whose_turn_has_changed_is_woken(
            steps in proptest::collection::vec((0_usize..4, 0_usize..80, any::<bool>()), 1..60),
        ) {
            let budget = Budget::new(100);
            let mut shares: Vec<_> = (0..4).map(|_| (budget.share(), Turn::Nobody)).collect();
            for (share, _) in &mut shares {
                let _ = share.turn();
            }
            for (at, bytes, commits) in steps {
                let (share, told) = &mut shares[at];
                // Only who waits for nobody holds more; a commit ends with nothing held.
                match (commits, *told) {
                    (true, _) => share.hold(share.held / 2),
                    (false, Turn::Nobody) => share.hold(bytes),
                    (false, Turn::Another) => {}
                    (false, Turn::Ours) => share.hold(0),
                }
                *told = share.turn();
                for (share, told) in &mut shares {
                    if let Some(Turn::Another) = unwoken(share, *told) {
                        prop_assert_eq!(share.turn(), Turn::Another);
                    }
                }
            }
        }
    }

    #[test]
    fn a_fall_within_a_full_budget_wakes_who_holds_a_fair_share_now() {
        let budget = Budget::new(100);
        let (mut large, mut small) = (budget.share(), budget.share());
        small.hold(80);
        large.hold(150);
        assert_eq!(small.turn(), Turn::Another);
        large.hold(30);
        assert!(small.watched.has_changed().unwrap());
        assert_eq!(small.turn(), Turn::Ours);
    }

    #[test]
    fn a_shard_that_holds_nothing_is_not_asked_to_make_room() {
        let budget = Budget::new(0);
        let (mut empty, mut other) = (budget.share(), budget.share());
        assert_eq!(empty.turn(), Turn::Nobody);
        other.hold(1);
        assert_eq!((empty.turn(), other.turn()), (Turn::Another, Turn::Ours));
    }

    #[tokio::test]
    async fn the_largest_of_two_makes_room_and_the_other_waits_for_it() {
        let budget = Budget::new(100);
        let (mut large, mut small) = (budget.share(), budget.share());
        large.hold(80);
        small.hold(10);
        assert_eq!((small.turn(), large.turn()), (Turn::Nobody, Turn::Nobody));
        small.hold(20);
        assert_eq!((small.turn(), large.turn()), (Turn::Another, Turn::Ours));
        large.hold(0);
        small.changed_or(None).await;
        assert_eq!((small.turn(), large.turn()), (Turn::Nobody, Turn::Nobody));
    }

    #[test]
    fn of_equal_shards_one_at_a_time_makes_room() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.share(), budget.share());
        first.hold(60);
        second.hold(60);
        assert_eq!((first.turn(), second.turn()), (Turn::Ours, Turn::Another));
        assert_eq!(first.turn(), Turn::Ours);
    }

    #[test]
    fn a_share_that_ends_in_its_turn_leaves_the_turn_to_others() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.share(), budget.share());
        first.hold(100);
        second.hold(100);
        assert_eq!(first.turn(), Turn::Ours);
        drop(first);
        assert_eq!(second.turn(), Turn::Ours);
    }
}
