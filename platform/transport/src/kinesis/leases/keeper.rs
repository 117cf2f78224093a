//! The worker: looks at the table again and again, takes what falls to it, asks for what it lacks,
//! and sees to it that every shard has a lease. What it takes is decided in `plan`, what there should
//! be in `sync`; what it holds is renewed by a task each (`grip`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use super::{
    departures::{Departure, Departures},
    grip::{Grip, RENEWALS},
    held::Held,
    holding::Holding,
    lease::Lease,
    metrics,
    plan::{Planner, Reason, Step},
    sync::Census,
    table::{LeaseTable, WriteError},
    worker::WorkerId,
    write::Write,
};
use crate::{
    ShardId, StreamError,
    kinesis::listing::{ListShards, ListedShard},
    lock::locked,
};

/// The table is looked at so many times a failover: what a worker has left, or has not minded for a
/// failover, stands still for another part of it.
const LOOKS: u32 = 10;
/// And so many times while another hands a lease over to this worker: nobody reads the shard between
/// the one's last word and the other's look.
const EAGER_LOOKS: u32 = 40;
/// However much changes, there is a pause between two looks: a failover has so many.
const MOST_LOOKS: u32 = 100;
/// Shards are listed once in so many failovers, and whenever a lease seems to be missing.
const LISTING: u32 = 6;

/// The worker's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// A lease whose counter stands still for so long is taken by others. The same for all workers.
    pub(crate) failover: Duration,
}

/// One member of a group; leaves it when dropped. Leases that were handed out stay until dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    fallen: mpsc::UnboundedReceiver<Held>,
    departures: Departures,
    /// Tells the rounds that they are waited for.
    leaves: Option<oneshot::Sender<Departure>>,
}

/// What the tasks of one worker share.
pub(super) struct Shared {
    table: Arc<dyn LeaseTable>,
    shards: Arc<dyn ListShards>,
    pub(super) failover: Duration,
    me: WorkerId,
    departures: Departures,
    grips: Mutex<BTreeMap<ShardId, Arc<Grip>>>,
    /// Leases that were let go since the last look.
    released: Mutex<Vec<ShardId>>,
    changed: Notify,
}

impl Keeper {
    /// Joins the group that shares the table, as worker `me`. What it lets go of is among `departures`.
    pub(crate) fn start(
        table: Arc<dyn LeaseTable>,
        shards: Arc<dyn ListShards>,
        me: WorkerId,
        timing: Timing,
        departures: Departures,
    ) -> Self {
        metrics::describe();
        let failover = timing.failover;
        // No more wait in it than there are leases.
        let (sender, fallen) = mpsc::unbounded_channel();
        let (leaves, leaving) = oneshot::channel();
        let rounds = Rounds {
            planner: Planner::new(me.clone(), failover),
            census: Census::default(),
            list_at: Instant::now(),
            look_at: Instant::now(),
            fallen: sender,
            _leaving: leaving,
            shared: Arc::new(Shared {
                table,
                shards,
                failover,
                me,
                departures: departures.clone(),
                grips: Mutex::default(),
                released: Mutex::default(),
                changed: Notify::new(),
            }),
        };
        tokio::spawn(rounds.run());
        Self {
            fallen,
            departures,
            leaves: Some(leaves),
        }
    }

    /// Waits for the next lease that falls to this worker. Safe to drop while it waits.
    pub(crate) async fn next(&mut self) -> Held {
        match self.fallen.recv().await {
            Some(held) => held,
            // The runtime is going down, and its tasks with it.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(leaves) = self.leaves.take() {
            // Rounds that are over already have nothing to let go of.
            let _over = leaves.send(self.departures.begin());
        }
    }
}

impl Shared {
    /// Reads the table, or gives up after a time in which leases may expire.
    pub(super) async fn scan(&self) -> Result<Vec<Lease>, StreamError> {
        let answer = timeout(self.failover, self.table.scan()).await;
        answer.unwrap_or_else(|_| Err(StreamError::storage("the leases are not read in time")))
    }

    /// Lists the shards, or gives up after a time.
    pub(super) async fn list(&self) -> Result<Vec<ListedShard>, StreamError> {
        let answer = timeout(self.failover, self.shards.list()).await;
        answer.unwrap_or_else(|_| Err(StreamError::storage("the shards are not listed in time")))
    }

    /// Writes within a time that leaves some for another try while a lease lasts.
    pub(super) async fn write(&self, shard: &ShardId, write: &Write) -> Result<Lease, WriteError> {
        let answer = self.table.write(shard, write);
        match timeout(self.failover / RENEWALS, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(WriteError::Failed("no answer in time".to_owned())),
        }
    }

    /// Has the table looked at soon.
    pub(super) fn look_again(&self) {
        self.changed.notify_one();
    }

    /// The lease is not held any more.
    pub(super) fn forget(&self, shard: &ShardId) {
        locked(&self.grips).remove(shard);
        self.look_again();
    }

    /// The lease is anybody's.
    pub(super) fn release(&self, shard: &ShardId) {
        locked(&self.released).push(shard.clone());
        self.forget(shard);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

/// So long, or up to a quarter less or more, so that workers do not keep step.
pub(super) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.75 + rand::random::<f64>() / 2.0)
}

/// The rounds of one worker.
struct Rounds {
    shared: Arc<Shared>,
    planner: Planner,
    census: Census,
    list_at: Instant,
    look_at: Instant,
    fallen: mpsc::UnboundedSender<Held>,
    /// Holds the departure of a worker that has left until these rounds are over.
    _leaving: oneshot::Receiver<Departure>,
}

impl Rounds {
    async fn run(mut self) {
        info!(worker = %self.shared.me, "joined");
        while !self.fallen.is_closed() {
            if let Err(error) = self.round().await {
                metrics::failed("look");
                warn!(worker = %self.shared.me, %error, "looking at the leases again");
            }
            tokio::select! {
                () = self.fallen.closed() => {}
                () = self.rest() => {}
            }
        }
        info!(worker = %self.shared.me, "takes no more leases");
    }

    /// Waits for the next look, which is due or called for.
    async fn rest(&self) {
        sleep(self.shared.failover / MOST_LOOKS).await;
        tokio::select! {
            () = sleep_until(self.look_at) => {}
            () = self.shared.changed.notified() => {}
        }
    }

    async fn round(&mut self) -> Result<(), StreamError> {
        let failover = self.shared.failover;
        self.look_again_after(failover / LOOKS);
        let leases = self.shared.scan().await?;
        let now = Instant::now();
        let held = self.held(&leases);
        let released = std::mem::take(&mut *locked(&self.shared.released));
        for shard in released {
            self.planner.released(&shard, now.into_std());
        }
        let steps = self.planner.plan(&leases, &held, now.into_std());
        let is_asking = steps.iter().any(|step| step.reason == Reason::Asked);
        if is_asking || self.planner.awaits(&leases) {
            self.look_again_after(failover / EAGER_LOOKS);
        }
        for step in steps {
            self.take(step).await;
        }
        if leases.is_empty() || self.census.is_unsure() || Instant::now() >= self.list_at {
            self.sync(&leases).await?;
        }
        Ok(())
    }

    fn look_again_after(&mut self, wait: Duration) {
        self.look_at = Instant::now() + jittered(wait);
    }

    /// The shards in this worker's hands. Where the table says that another asks for one, its task
    /// is told.
    fn held(&self, leases: &[Lease]) -> BTreeSet<ShardId> {
        let grips = locked(&self.shared.grips);
        for lease in leases {
            if lease.handed_over_by.as_ref() == Some(&self.shared.me)
                && let Some(grip) = grips.get(&lease.shard)
            {
                grip.press();
            }
        }
        grips.keys().cloned().collect()
    }

    /// Takes a lease or asks for one; the next look shows what became of it if nobody knows.
    async fn take(&mut self, step: Step) {
        let Step {
            shard,
            write,
            reason,
        } = step;
        let begun = Instant::now();
        match self.shared.write(&shard, &write).await {
            Ok(lease) => {
                metrics::took(reason);
                info!(%shard, ?reason, "took a lease or asked for it");
                if reason != Reason::Asked {
                    self.hand_out(&lease, begun);
                }
            }
            Err(WriteError::Refused(_)) => debug!(%shard, ?reason, "another was faster"),
            Err(error) => {
                metrics::failed("take");
                warn!(%shard, ?reason, %error, "could not take a lease");
            }
        }
    }

    fn hand_out(&self, lease: &Lease, begun: Instant) {
        let shared = self.shared.clone();
        let (me, failover) = (shared.me.clone(), shared.failover);
        let holding = Holding::new(me, lease.clone(), begun.into_std(), failover);
        let grip = Arc::new(Grip::new(shared, holding));
        locked(&self.shared.grips).insert(lease.shard.clone(), grip.clone());
        let (dropped, tells) = oneshot::channel();
        let departures = self.shared.departures.clone();
        let held = Held::new(grip.clone(), lease, departures, dropped);
        tokio::spawn(grip.attend(tells));
        // Where the worker has left meanwhile the lease is dropped, and so let go.
        let _left = self.fallen.send(held);
    }

    /// Creates and deletes leases by the shards that are listed.
    async fn sync(&mut self, leases: &[Lease]) -> Result<(), StreamError> {
        let listed = self.shared.list().await?;
        self.list_at = Instant::now() + jittered(self.shared.failover * LISTING);
        let changes = self.census.changes(&listed, leases);
        let is_changed = !changes.create.is_empty();
        for lease in changes.create {
            let shard = lease.shard.clone();
            match self.shared.write(&shard, &Write::Create(lease)).await {
                Ok(_) => info!(%shard, "created a lease"),
                Err(WriteError::Refused(_)) => {}
                // Those that follow wait for this one.
                Err(error) => return Err(StreamError::storage(error)),
            }
        }
        for lease in changes.delete {
            match self.shared.table.delete(&lease).await {
                Ok(()) => info!(shard = %lease.shard, "deleted the lease of a shard that is gone"),
                Err(WriteError::Refused(_)) => {}
                Err(error) => return Err(StreamError::storage(error)),
            }
        }
        if is_changed {
            self.shared.look_again();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
