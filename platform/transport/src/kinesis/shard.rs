//! One shard of Kinesis in a member's hands: its lease, how far it is read, and where its records
//! come from. What the lease says, and how records are fetched, is decided beneath.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, time::sleep};
use tracing::{error, warn};

use super::{
    cursor::Cursor,
    leases::Held,
    listing::ListShards as _,
    metrics,
    polling::Answer,
    service::Service,
    source::Source,
    unfold::{bounds, unfold},
};
use crate::{
    Lineage, Position, Read, Shard, ShardId, StreamError, lock::locked, sequence::Sequence,
};

/// The service lists a closed shard as closed soon after it says that there is no more.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A shard that is read under a lease.
pub(super) struct KinesisShard {
    lease: Held,
    service: Arc<Service>,
    source: Source,
    cursor: Cursor,
    start_ms: Option<i64>,
    /// What is read and not handed out.
    ready: VecDeque<Read>,
    end: End,
    lag: Lag,
    closed: watch::Receiver<bool>,
}

/// Whether the shard has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There may be more.
    Open,
    /// There is no more; where it ends is yet to be asked.
    Reached,
    /// It ends there.
    At(Position),
}

/// What happens to a shard that waits.
enum Event {
    Answer(Answer),
    Revoked,
    Closed,
}

/// How far the shards of a member are behind.
#[derive(Debug, Clone)]
pub(super) struct Lag {
    group: Arc<str>,
    shards: Arc<Mutex<HashMap<ShardId, i64>>>,
}

impl Lag {
    /// That of a member of `group` without shards.
    pub(super) fn of(group: &str) -> Self {
        Self {
            group: group.into(),
            shards: Arc::default(),
        }
    }

    fn note(&self, shard: &ShardId, behind_ms: Option<i64>) {
        let mut shards = locked(&self.shards);
        match behind_ms {
            Some(behind_ms) => shards.insert(shard.clone(), behind_ms),
            None => shards.remove(shard),
        };
        metrics::lag(
            &self.group,
            shards.values().copied().max().unwrap_or_default(),
        );
    }
}

impl KinesisShard {
    /// The shard of a lease, at its start.
    pub(super) fn new(
        lease: Held,
        service: Arc<Service>,
        source: Source,
        start_ms: Option<i64>,
        watched: (Lag, watch::Receiver<bool>),
    ) -> Self {
        let (lag, closed) = watched;
        Self {
            lease,
            service,
            source,
            cursor: Cursor::new(None, start_ms),
            start_ms,
            ready: VecDeque::new(),
            end: End::Open,
            lag,
            closed,
        }
    }

    /// Waits for the source, or for news that have to be told.
    async fn wait(&mut self) -> Event {
        tokio::select! {
            biased;
            _ = self.closed.wait_for(|closed| *closed) => Event::Closed,
            () = self.lease.revoked() => Event::Revoked,
            answer = self.source.next(&mut self.cursor) => Event::Answer(answer),
        }
    }

    /// Notes what an answer says; says whether the shard is read to its end.
    fn take(&mut self, answer: Answer) -> Result<bool, StreamError> {
        let Answer {
            records,
            behind_ms,
            is_last,
        } = answer;
        let id = self.lease.shard();
        self.lag.note(id, Some(behind_ms));
        if is_last {
            self.end = End::Reached;
        }
        let odd = |_| StreamError::Storage(format!("a record of {id} has an odd number"));
        let Some((first, last)) = bounds(&records).map_err(odd)? else {
            return Ok(behind_ms == 0 && !is_last);
        };
        let after = self.cursor.after();
        if let Some(until) = self.cursor.take(first) {
            self.ready.push_back(lost(id, after, until));
        }
        let unfolded = unfold(records, self.lease.lineage(), self.cursor.after()).map_err(odd)?;
        if unfolded.foreign > 0 {
            metrics::foreign(unfolded.foreign);
            warn!(shard = %id, records = unfolded.foreign, "records of another shard are left out");
        }
        self.cursor.advance(Position::new(last, u32::MAX));
        self.ready.extend(unfolded.fetched.map(Read::Records));
        Ok(false)
    }

    /// Asks where a shard that is read to its end ends; later again where it is not known yet.
    async fn find_end(&mut self) {
        let id = self.lease.shard().clone();
        match self.service.list().await {
            Ok(listed) => {
                let listed = listed.into_iter().find(|shard| shard.id == id);
                if let Some(ending) = listed.and_then(|shard| shard.ending) {
                    let lost = self.end_at(ending);
                    self.ready.extend(lost);
                    return;
                }
                warn!(shard = %id, "it has ended and is not listed as closed, looking again");
            }
            Err(error) => warn!(shard = %id, %error, "looking again for the end"),
        }
        sleep(LOOK_AGAIN).await;
    }

    /// Notes where the shard ends; says what is lost before.
    fn end_at(&mut self, ending: Sequence) -> Option<Read> {
        self.end = End::At(Position::end_after(ending));
        let after = self.cursor.after();
        let until = self.cursor.take(ending)?;
        Some(lost(self.lease.shard(), after, until))
    }
}

fn lost(shard: &ShardId, after: Option<Position>, until: Position) -> Read {
    metrics::gap();
    let after = after.map(|after| after.to_string());
    error!(%shard, after, %until, "retention has taken what was not read");
    Read::Gap(until)
}

#[async_trait]
impl Shard for KinesisShard {
    fn id(&self) -> &ShardId {
        self.lease.shard()
    }

    fn lineage(&self) -> &Lineage {
        self.lease.lineage()
    }

    fn seek(&mut self, after: Option<Position>) {
        self.cursor = Cursor::new(after, self.start_ms);
        self.ready.clear();
        self.end = End::Open;
        self.source.restart();
    }

    async fn read(&mut self) -> Result<Read, StreamError> {
        loop {
            if let Some(read) = self.read_if_any().await? {
                return Ok(read);
            }
        }
    }

    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError> {
        loop {
            if *self.closed.borrow() {
                return Err(StreamError::Closed);
            }
            if self.lease.tells_revoked() {
                return Ok(Some(Read::Revoked));
            }
            if let Some(read) = self.ready.pop_front() {
                return Ok(Some(read));
            }
            match self.end {
                End::Open => {}
                End::Reached => {
                    self.find_end().await;
                    continue;
                }
                End::At(position) => return Ok(Some(Read::Ended(position))),
            }
            match self.wait().await {
                Event::Closed | Event::Revoked => {}
                Event::Answer(answer) => {
                    if self.take(answer)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError> {
        if *self.closed.borrow() {
            return Err(StreamError::Closed);
        }
        self.lease.checkpoint(position).await
    }

    async fn finish(&mut self) -> Result<(), StreamError> {
        self.lease.finish().await
    }
}

impl Drop for KinesisShard {
    fn drop(&mut self) {
        self.lag.note(self.lease.shard(), None);
    }
}
