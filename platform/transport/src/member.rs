//! Consumers and their shards, for every stream whose log is in this process.
//! Where the records lie is said by a [`Log`].

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    Consumer, Lineage, Position, Read, Shard, ShardId, StreamError,
    gather::Found,
    groups::{Claim, Groups, Membership},
};

/// A reader looks again this long after trouble: storage that comes back is soon noticed, and
/// storage that does not is not asked for nothing.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// What readers need of a log. Offsets count from 0 in every shard.
pub(crate) trait Log: Send + Sync + 'static {
    /// Its signs of life.
    fn signals(&self) -> &Signals;

    /// What the shard has from offset `from` on, or from its oldest record.
    fn fetch(
        &self,
        shard: u32,
        from: Option<u64>,
    ) -> impl Future<Output = Result<Found, StreamError>> + Send;

    /// Notes the offset that the group goes on at.
    fn checkpoint(&self, group: &str, shard: u32, next: u64);
}

/// What waiting readers wait for.
#[derive(Debug)]
pub(crate) struct Signals {
    ends: Vec<watch::Sender<u64>>,
    closed: watch::Sender<bool>,
}

impl Signals {
    /// An open log whose shards end at these offsets.
    pub(crate) fn new(ends: impl IntoIterator<Item = u64>) -> Self {
        let ends = ends.into_iter().map(watch::Sender::new).collect();
        Self {
            ends,
            closed: watch::Sender::new(false),
        }
    }

    /// The shard has records up to `end`.
    pub(crate) fn extend(&self, shard: u32, end: u64) {
        self.ends[shard as usize].send_replace(end);
    }

    /// The offset after the last record that is known to be durable.
    pub(crate) fn end(&self, shard: u32) -> u64 {
        *self.ends[shard as usize].borrow()
    }

    /// The log is closed.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Whether the log is closed.
    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }
}

/// One member of a group.
#[derive(Debug)]
pub(crate) struct Member<L> {
    log: Arc<L>,
    group: Arc<str>,
    membership: Membership,
    closed: watch::Receiver<bool>,
}

impl<L: Log> Member<L> {
    /// Joins the group.
    pub(crate) fn join(log: Arc<L>, groups: &Groups, group: &str) -> Self {
        let closed = log.signals().closed.subscribe();
        Self {
            log,
            group: group.into(),
            membership: groups.join(group),
            closed,
        }
    }
}

#[async_trait]
impl<L: Log> Consumer for Member<L> {
    async fn acquire(&mut self) -> Result<Box<dyn Shard>, StreamError> {
        let claim = tokio::select! {
            biased;
            _ = self.closed.wait_for(|closed| *closed) => return Err(StreamError::Closed),
            claim = self.membership.claim() => claim,
        };
        let signals = self.log.signals();
        Ok(Box::new(OwnedShard {
            id: ShardId::new(&format!("shard-{}", claim.shard())),
            ends: signals.ends[claim.shard() as usize].subscribe(),
            closed: signals.closed.subscribe(),
            log: self.log.clone(),
            group: self.group.clone(),
            claim,
            lineage: Lineage::default(),
            next: None,
        }))
    }
}

/// One shard in a member's hands.
struct OwnedShard<L> {
    log: Arc<L>,
    group: Arc<str>,
    claim: Claim,
    id: ShardId,
    lineage: Lineage,
    /// The offset to go on at; none is the oldest record.
    next: Option<u64>,
    ends: watch::Receiver<u64>,
    closed: watch::Receiver<bool>,
}

#[async_trait]
impl<L: Log> Shard for OwnedShard<L> {
    fn id(&self) -> &ShardId {
        &self.id
    }

    fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    fn seek(&mut self, after: Option<Position>) {
        self.next = after.map(|position| position.offset().saturating_add(1));
    }

    async fn read(&mut self) -> Result<Read, StreamError> {
        loop {
            match self.read_if_any().await? {
                Some(read) => return Ok(read),
                None => self.wait_for_more().await,
            }
        }
    }

    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError> {
        loop {
            if *self.closed.borrow() {
                return Err(StreamError::Closed);
            }
            if self.claim.tells_revoked() {
                return Ok(Some(Read::Revoked));
            }
            match self.log.fetch(self.claim.shard(), self.next).await? {
                Found::Records(fetched) => {
                    self.next = fetched
                        .entries
                        .last()
                        .map(|last| last.position.offset() + 1);
                    return Ok(Some(Read::Records(fetched)));
                }
                Found::OldestKept(oldest) => {
                    self.next = Some(oldest);
                    let until = Position::from_offset(oldest.saturating_sub(1));
                    return Ok(Some(Read::Gap(until)));
                }
                Found::CaughtUp(end) => {
                    self.next = Some(end);
                    return Ok(None);
                }
                Found::Beyond(end) => return Err(self.beyond(end)),
                Found::NotNow => self.wait_awhile().await,
            }
        }
    }

    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError> {
        if *self.closed.borrow() {
            return Err(StreamError::Closed);
        }
        let end = self.log.signals().end(self.claim.shard());
        if position.offset() >= end {
            return Err(self.beyond(end));
        }
        self.log
            .checkpoint(&self.group, self.claim.shard(), position.offset() + 1);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), StreamError> {
        Err(StreamError::Storage(format!(
            "{} goes on: shards of this stream do not end",
            self.id
        )))
    }
}

impl<L: Log> OwnedShard<L> {
    /// Waits for records beyond the next one's offset, or for news that `read` has to tell.
    async fn wait_for_more(&mut self) {
        let next = self.next;
        tokio::select! {
            _ = self.ends.wait_for(|end| Some(*end) > next) => {}
            () = self.claim.revoked() => {}
            _ = self.closed.wait_for(|closed| *closed) => {}
        }
    }

    async fn wait_awhile(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(RETRY_AFTER) => {}
            () = self.claim.revoked() => {}
            _ = self.closed.wait_for(|closed| *closed) => {}
        }
    }

    fn beyond(&self, end: u64) -> StreamError {
        let id = &self.id;
        StreamError::Storage(format!(
            "the position lies beyond the end of {id} at offset {end}: it is another log's"
        ))
    }
}
