//! A partition in a reader's hands, until dropped, and what the group says about it meanwhile.

use std::sync::{Arc, mpsc};

use tokio::sync::{oneshot, watch};

use super::{
    cursor::Start,
    holdings::Tenure,
    member::{Ask, Shared},
};
use crate::{StreamError, lock::locked};

/// One partition in a reader's hands.
#[derive(Debug)]
pub(super) struct Claim {
    tenure: Tenure,
    shared: Arc<Shared>,
    ask: mpsc::Sender<Ask>,
    changed: watch::Receiver<()>,
    told: bool,
}

impl Claim {
    /// Takes the next partition that nobody holds, if there is one.
    pub(super) fn next(shared: &Arc<Shared>, ask: &mpsc::Sender<Ask>) -> Option<Self> {
        let changed = shared.changed.subscribe();
        let tenure = locked(&shared.holdings).claim()?;
        shared.enter();
        Some(Self {
            tenure,
            shared: shared.clone(),
            ask: ask.clone(),
            changed,
            told: false,
        })
    }

    /// The partition's number.
    pub(super) fn partition(&self) -> i32 {
        self.tenure.partition
    }

    /// Begins to read the partition there; the answer says when nothing else is read any more.
    pub(super) fn begin(&self, start: Start) -> oneshot::Receiver<Result<(), String>> {
        let (answer, answered) = oneshot::channel();
        // Without a thread to answer there is no answer.
        let _ended = self
            .ask
            .send(Ask::Begin(self.tenure.partition, start, answer));
        answered
    }

    /// Says once that another is to have the partition, or has it already.
    pub(super) fn tells_revoked(&mut self) -> bool {
        let is_revoked = locked(&self.shared.holdings).is_revoked(self.tenure);
        let tells = is_revoked && !self.told;
        self.told = is_revoked;
        tells
    }

    /// Waits until another is to have the partition, if that was not told yet. Safe to drop.
    pub(super) async fn revoked(&mut self) {
        loop {
            self.changed.borrow_and_update();
            let is_revoked = locked(&self.shared.holdings).is_revoked(self.tenure);
            if is_revoked && !self.told {
                return;
            }
            self.told = is_revoked;
            // The sender lives in what this holds: there is always one to wait for.
            drop(self.changed.changed().await);
        }
    }

    /// Says so where the member cannot go on.
    pub(super) fn check(&self) -> Result<(), StreamError> {
        if *self.shared.is_broken.borrow() {
            let reason = "the member of the group met an error that it cannot go on from";
            return Err(StreamError::Storage(reason.to_owned()));
        }
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.ask.send(Ask::Drop(self.tenure)).is_err() {
            // The thread has ended, and reads nothing.
            self.shared.change(|holdings| holdings.release(self.tenure));
        }
        self.shared.exit();
    }
}
