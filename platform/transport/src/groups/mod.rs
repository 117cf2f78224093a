//! Groups of consumers within one process: hands shards out and tells who is to give one back.
//! Who is to have which shard is decided in [`assignment`]; what a shard holds is not known here.

mod assignment;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::watch;

use self::assignment::{Assignment, MemberId};
use crate::lock::locked;

/// All groups of one stream.
#[derive(Debug)]
pub(crate) struct Groups {
    shards: u32,
    groups: Mutex<HashMap<String, Arc<Group>>>,
}

#[derive(Debug)]
struct Group {
    assignment: Mutex<Assignment>,
    changed: watch::Sender<()>,
}

/// One member; leaves its group when dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    group: Arc<Group>,
    member: MemberId,
    changed: watch::Receiver<()>,
}

/// One shard in a member's hands; released when dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    group: Arc<Group>,
    shard: u32,
    changed: watch::Receiver<()>,
    told: bool,
}

impl Groups {
    /// Groups that share this many shards each.
    pub(crate) fn new(shards: u32) -> Self {
        Self {
            shards,
            groups: Mutex::default(),
        }
    }

    /// Joins the group as one more member.
    pub(crate) fn join(&self, name: &str) -> Membership {
        let mut groups = locked(&self.groups);
        let group = groups.entry(name.to_owned()).or_insert_with(|| {
            let assignment = Mutex::new(Assignment::new(self.shards));
            Arc::new(Group {
                assignment,
                changed: watch::Sender::new(()),
            })
        });
        let member = group.change(Assignment::join);
        Membership {
            changed: group.changed.subscribe(),
            group: group.clone(),
            member,
        }
    }
}

impl Group {
    fn change<T>(&self, change: impl FnOnce(&mut Assignment) -> T) -> T {
        let outcome = change(&mut locked(&self.assignment));
        self.changed.send_replace(());
        outcome
    }
}

impl Membership {
    /// Waits for the next shard that falls to this member. Safe to drop while it waits.
    pub(crate) async fn claim(&mut self) -> Claim {
        loop {
            self.changed.borrow_and_update();
            let claimed = locked(&self.group.assignment).claim(self.member);
            if let Some(shard) = claimed {
                let changed = self.group.changed.subscribe();
                return Claim {
                    group: self.group.clone(),
                    shard,
                    changed,
                    told: false,
                };
            }
            wait(&mut self.changed).await;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.group
            .change(|assignment| assignment.leave(self.member));
    }
}

impl Claim {
    /// The shard's number.
    pub(crate) fn shard(&self) -> u32 {
        self.shard
    }

    /// Says once that another is to have the shard.
    pub(crate) fn tells_revoked(&mut self) -> bool {
        let is_revoked = locked(&self.group.assignment).is_revoked(self.shard);
        let tells = is_revoked && !self.told;
        self.told = is_revoked;
        tells
    }

    /// Waits until another is to have the shard, if that was not told yet. Safe to drop.
    pub(crate) async fn revoked(&mut self) {
        loop {
            self.changed.borrow_and_update();
            let is_revoked = locked(&self.group.assignment).is_revoked(self.shard);
            if is_revoked && !self.told {
                return;
            }
            self.told = is_revoked;
            wait(&mut self.changed).await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.group
            .change(|assignment| assignment.release(self.shard));
    }
}

/// Waits for a change. The sender lives in the group that the waiting one holds, so there is none
/// left to wait for only where nobody waits.
async fn wait(changed: &mut watch::Receiver<()>) {
    if changed.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
