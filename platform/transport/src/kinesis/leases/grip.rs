//! One held lease, between the two that use it: the task here that renews it and lets it go, and the
//! reader of the shard, who moves its checkpoint. Their writes go one after the other.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, Notify, oneshot, watch},
    time::{Instant, sleep},
};
use tracing::{debug, info, warn};

use super::{
    departures::Departure,
    holding::{Holding, Standing},
    keeper::{Shared, jittered},
    metrics::{self, Event},
    table::WriteError,
    write::Write,
};
use crate::{ShardId, StreamError};

/// A held lease is renewed so many times while it lasts.
pub(super) const RENEWALS: u32 = 3;
/// A write that failed is tried again so many times while the lease lasts.
const RETRIES: u32 = 10;

/// One held lease.
#[derive(Debug)]
pub(super) struct Grip {
    pub(super) shared: Arc<Shared>,
    pub(super) shard: ShardId,
    holding: Mutex<Holding>,
    status: watch::Sender<Status>,
    pressed: Notify,
}

/// Whose the lease is, and until when that holds without another word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    standing: Standing,
    pub(super) until: Instant,
}

/// Why a held lease was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWritten {
    #[error("the lease of {0} is lost")]
    Lost(ShardId),
    #[error("{0}")]
    Failed(String),
}

impl From<NotWritten> for StreamError {
    fn from(error: NotWritten) -> Self {
        Self::storage(error)
    }
}

impl Status {
    fn of(holding: &Holding, now: Instant) -> Self {
        Self {
            standing: holding.standing(now.into_std()),
            until: holding.until().into(),
        }
    }

    /// Whether the reader is to let go.
    pub(super) fn is_revoked(self, now: Instant) -> bool {
        self.standing != Standing::Ours || now >= self.until
    }
}

impl Grip {
    /// A lease that was taken just now.
    pub(super) fn new(shared: Arc<Shared>, holding: Holding) -> Self {
        let status = Status::of(&holding, Instant::now());
        metrics::held();
        Self {
            shared,
            shard: holding.lease().shard.clone(),
            holding: Mutex::new(holding),
            status: watch::Sender::new(status),
            pressed: Notify::new(),
        }
    }

    /// Tells how the lease stands, now and after each change.
    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// The table says that another asks for the lease: it is renewed at once, to see.
    pub(super) fn press(&self) {
        self.pressed.notify_one();
    }

    /// Renews the lease until its reader has dropped it or it is lost, and then lets it go.
    pub(super) async fn attend(self: Arc<Self>, dropped: oneshot::Receiver<Departure>) {
        let _departure = self.renew(dropped).await;
        self.release().await;
        metrics::let_go();
    }

    /// Renews the lease until its reader has dropped it.
    async fn renew(&self, mut dropped: oneshot::Receiver<Departure>) -> Option<Departure> {
        let failover = self.shared.failover;
        let mut rest = jittered(failover / RENEWALS);
        loop {
            tokio::select! {
                biased;
                departure = &mut dropped => return departure.ok(),
                () = self.pressed.notified() => {}
                () = sleep(rest) => {}
            }
            let renewed = self.write(|holding| Some(Write::renew(holding.lease())));
            rest = match renewed.await {
                Ok(()) => jittered(failover / RENEWALS),
                Err(NotWritten::Lost(_)) => {
                    // Whether it is dropped or the reader is gone, there is nothing to let go of.
                    return dropped.await.ok();
                }
                Err(error) => {
                    metrics::failed("renew");
                    warn!(shard = %self.shard, %error, "renewing the lease again");
                    failover / RETRIES
                }
            };
        }
    }

    /// Hands the lease over to whoever asks for it, or leaves it to anybody.
    async fn release(&self) {
        let is_asked = self.status.borrow().standing == Standing::Asked;
        loop {
            let released = self.write(|holding| Some(Write::release(holding.lease())));
            match released.await {
                Ok(()) => break,
                Err(NotWritten::Lost(_)) => return self.shared.forget(&self.shard),
                Err(error) => {
                    metrics::failed("release");
                    debug!(shard = %self.shard, %error, "letting the lease go again");
                }
            }
            sleep(self.shared.failover / RETRIES).await;
        }
        if is_asked {
            metrics::happened(Event::HandedOver);
            self.shared.forget(&self.shard);
        } else {
            metrics::happened(Event::Released);
            self.shared.release(&self.shard);
        }
        info!(shard = %self.shard, is_asked, "let a lease go");
    }

    /// Writes what `next` makes of the lease as it is, if anything.
    ///
    /// # Errors
    /// [`NotWritten::Lost`] if the lease is not held any more: then nothing was written.
    pub(super) async fn write(
        &self,
        next: impl Fn(&Holding) -> Option<Write> + Send,
    ) -> Result<(), NotWritten> {
        let mut holding = self.holding.lock().await;
        loop {
            let begun = Instant::now();
            if holding.standing(begun.into_std()) == Standing::Lost {
                self.lose(&mut holding);
                return Err(NotWritten::Lost(self.shard.clone()));
            }
            let Some(write) = next(&holding) else {
                return Ok(());
            };
            holding.begin();
            match self.shared.write(&self.shard, &write).await {
                Ok(lease) => {
                    holding.done(lease, begun.into_std());
                    self.tell(&holding);
                    return Ok(());
                }
                Err(WriteError::Refused(refused)) => {
                    holding.refused(refused.there);
                    self.tell(&holding);
                }
                Err(WriteError::Failed(reason)) => return Err(NotWritten::Failed(reason)),
            }
        }
    }

    /// Whether the shard's end is written.
    pub(super) async fn is_ended(&self) -> bool {
        self.holding.lock().await.lease().is_ended()
    }

    fn lose(&self, holding: &mut Holding) {
        holding.lose();
        self.tell(holding);
    }

    fn tell(&self, holding: &Holding) {
        let status = Status::of(holding, Instant::now());
        let before = self.status.send_replace(status);
        if before.standing != status.standing {
            match status.standing {
                Standing::Ours => {}
                Standing::Asked => info!(shard = %self.shard, "another asks for the lease"),
                Standing::Lost => {
                    metrics::happened(Event::Lost);
                    warn!(shard = %self.shard, "the lease is lost");
                }
            }
        }
    }
}
