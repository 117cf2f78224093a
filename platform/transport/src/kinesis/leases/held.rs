//! A lease as the reader of its shard has it: held until dropped, or until it says that it is not any
//! more. Renewing it and letting it go is not the reader's.

use std::sync::Arc;

use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep_until},
};
use tracing::info;

use super::{
    departures::{Departure, Departures},
    grip::{Grip, Status},
    lease::Lease,
    metrics::{self, Event},
    sync,
    table::WriteError,
    write::Write,
};
use crate::{Lineage, Position, ShardId, StreamError};

/// A lease on a shard; let go when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    grip: Arc<Grip>,
    lineage: Lineage,
    status: watch::Receiver<Status>,
    told: bool,
    departures: Departures,
    /// Tells the task that renews the lease when it is dropped.
    dropped: Option<oneshot::Sender<Departure>>,
}

impl Held {
    pub(super) fn new(
        grip: Arc<Grip>,
        lease: &Lease,
        departures: Departures,
        dropped: oneshot::Sender<Departure>,
    ) -> Self {
        Self {
            status: grip.status(),
            grip,
            lineage: lease.lineage(),
            told: false,
            departures,
            dropped: Some(dropped),
        }
    }

    /// The shard's name.
    pub(crate) fn shard(&self) -> &ShardId {
        &self.grip.shard
    }

    /// Where the shard comes from.
    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Says once that another is to have the shard, or has it already.
    pub(crate) fn tells_revoked(&mut self) -> bool {
        let is_revoked = self.status.borrow().is_revoked(Instant::now());
        let tells = is_revoked && !self.told;
        self.told = is_revoked;
        tells
    }

    /// Waits until another is to have the shard, if that was not told yet. Safe to drop.
    pub(crate) async fn revoked(&mut self) {
        loop {
            let status = *self.status.borrow_and_update();
            let is_revoked = status.is_revoked(Instant::now());
            if is_revoked && !self.told {
                return;
            }
            self.told = is_revoked;
            // The sender lives in the grip: there is always one to wait for.
            tokio::select! {
                _ = self.status.changed() => {}
                () = sleep_until(status.until), if !is_revoked => {}
            }
        }
    }

    /// Notes that the group is done with everything up to and including `position`; nothing where it
    /// is further already.
    ///
    /// # Errors
    /// [`StreamError`] if the lease is lost, and if the table does not answer.
    pub(crate) async fn checkpoint(&self, position: Position) -> Result<(), StreamError> {
        let written = self.grip.write(|holding| holding.advance(position));
        Ok(written.await?)
    }

    /// Notes that the group is done with the shard, which is closed: its children get leases, and then
    /// this one its end. Done again it changes nothing.
    ///
    /// # Errors
    /// As [`Held::checkpoint`]; and while the shard is not listed as closed, or its children are not
    /// listed.
    pub(crate) async fn finish(&self) -> Result<(), StreamError> {
        if self.grip.is_ended().await {
            return Ok(());
        }
        let shared = &self.grip.shared;
        let leases = shared.scan().await?;
        let listed = shared.list().await?;
        let end = sync::end(self.shard(), &listed, &leases).map_err(StreamError::storage)?;
        for child in end.create {
            let id = child.shard.clone();
            match shared.write(&id, &Write::Create(child)).await {
                Ok(_) => info!(shard = %id, "created the lease of a new shard"),
                Err(WriteError::Refused(_)) => {}
                Err(error) => return Err(StreamError::storage(error)),
            }
        }
        let finish = |lease: &Lease| Write::finish(lease, end.children.clone());
        self.grip
            .write(|holding| (!holding.lease().is_ended()).then(|| finish(holding.lease())))
            .await?;
        metrics::happened(Event::Finished);
        info!(shard = %self.shard(), "the shard is read to its end");
        shared.look_again();
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            // A task that is gone went down with the runtime.
            let _gone = dropped.send(self.departures.begin());
        }
    }
}
