//! One partition in a member's hands: how far it is read, and what the brokers say of its ends. Whose
//! it is, and how records come, is decided beneath.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
};
use tokio::{
    sync::{oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};
use tracing::{error, warn};

use super::{
    claim::Claim,
    cursor::{Cursor, Ends, Place, Start},
    lag::Lag,
    member::{Clients, Reader},
    metrics,
    queue::{Queue, Taken},
};
use crate::{Lineage, Position, Read, Shard, ShardId, StreamError};

/// The brokers have so long to say where a partition ends, and are then asked again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The group's coordinator has so long to note how far the group is.
const NOTES_WITHIN: Duration = Duration::from_secs(10);
/// After trouble: brokers that come back are soon noticed, and those that do not are not asked for
/// nothing.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Records that are there are on their way by then, or there are none but of broken-off
/// transactions, and reading has to begin anew to find that out.
const ARRIVES_WITHIN: Duration = Duration::from_millis(500);
/// A waiting reader looks by itself this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A partition that ends before a position is another log's if it does so as often as this, a
/// second apart: a leader that is just elected, or one that was and does not know it, has less than
/// it should for a few seconds.
const BEYOND_TRIES: u32 = 10;

/// A partition that is read.
pub(super) struct KafkaShard {
    id: ShardId,
    lineage: Lineage,
    topic: Arc<str>,
    start_ms: Option<i64>,
    cursor: Cursor,
    flow: Flow,
    /// How often in a row the partition has ended before the cursor.
    beyond: u32,
    /// A question to the brokers whose answer nobody waits for any more.
    asked: Option<JoinHandle<Option<Ends>>>,
    lag: Lag,
    closed: watch::Receiver<bool>,
    queue: Queue,
    clients: Clients,
    /// The last to be dropped: then the partition is another's.
    claim: Claim,
}

/// Whether records flow into the queue.
#[derive(Debug)]
enum Flow {
    Stopped,
    /// From there on, once it is answered.
    Beginning(Start, oneshot::Receiver<Result<(), String>>),
    Flowing,
}

/// What follows from where the reader is in the partition.
enum Next {
    /// It has to be told.
    Read(Read),
    /// There may be records.
    Go,
    /// There is nothing more.
    AtEnd,
    /// It is not known yet.
    Again,
}

/// Whether the brokers were asked where the partition ends, and have named more than is read.
#[derive(Debug, Clone, Copy)]
enum Asked {
    NotYet,
    Yes,
    /// Reading began anew since then.
    AndAnew,
}

/// What a shard knows of its surroundings.
pub(super) struct Watched {
    pub(super) lag: Lag,
    pub(super) closed: watch::Receiver<bool>,
}

impl KafkaShard {
    /// The shard of a claim, at its start; None where the client has no queue for it.
    pub(super) fn new(
        claim: Claim,
        clients: Clients,
        topic: &Arc<str>,
        start_ms: Option<i64>,
        watched: Watched,
    ) -> Option<Self> {
        let partition = claim.partition();
        let Watched { lag, closed } = watched;
        Some(Self {
            id: ShardId::new(&format!("partition-{partition}")),
            lineage: Lineage::default(),
            topic: topic.clone(),
            start_ms,
            cursor: Cursor::new(None, start_ms),
            flow: Flow::Stopped,
            beyond: 0,
            asked: None,
            lag,
            closed,
            queue: Queue::of(&clients.reader, topic, partition)?,
            clients,
            claim,
        })
    }

    /// Says what has to be told before anything is read.
    fn news(&mut self) -> Result<Option<Read>, StreamError> {
        if *self.closed.borrow() {
            return Err(StreamError::Closed);
        }
        if self.claim.tells_revoked() {
            return Ok(Some(Read::Revoked));
        }
        self.claim.check()?;
        Ok(None)
    }

    /// Makes records flow from the cursor on. Safe to drop: what has begun goes on.
    async fn flow(&mut self) {
        loop {
            match &mut self.flow {
                Flow::Flowing => return,
                Flow::Stopped => {
                    let start = self.cursor.start();
                    self.flow = Flow::Beginning(start, self.claim.begin(start));
                }
                Flow::Beginning(start, answered) => {
                    let answer = answered.await;
                    let is_current = *start == self.cursor.start();
                    self.flow = Flow::Stopped;
                    match answer {
                        Ok(Ok(())) if is_current => {
                            self.queue.begin();
                            self.flow = Flow::Flowing;
                        }
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => {
                            warn!(shard = %self.id, error, "reading does not begin, trying again");
                            sleep(RETRY_AFTER).await;
                        }
                        // The member's thread has ended, which `news` tells next.
                        Err(_) => return sleep(RETRY_AFTER).await,
                    }
                }
            }
        }
    }

    /// Takes what has come.
    fn take(&mut self) -> Result<Taken, StreamError> {
        let taken = self.queue.take(&mut self.cursor)?;
        let partition = self.claim.partition();
        match &taken {
            Taken::Records(fetched) => {
                self.beyond = 0;
                let last = fetched.entries.last();
                if let Some(last) = last {
                    self.lag.at(partition, last.appended_ms);
                }
            }
            Taken::AtEnd => self.lag.at_end(partition),
            Taken::Stopped => self.flow = Flow::Stopped,
            Taken::Nothing => {}
        }
        Ok(taken)
    }

    /// Asks where the partition begins and ends now. None where the brokers do not say.
    async fn ends(&mut self) -> Option<Ends> {
        if let Some(asked) = &mut self.asked {
            // It was asked before now: its answer is old.
            let _old = asked.await;
        }
        let reader = self.clients.reader.clone();
        let (topic, partition) = (self.topic.clone(), self.claim.partition());
        let ask = spawn_blocking(move || ask_ends(&reader, &topic, partition));
        let answer = self.asked.insert(ask).await;
        self.asked = None;
        answer.unwrap_or_default()
    }

    /// Finds out where the cursor is in the partition.
    async fn look(&mut self) -> Result<Next, StreamError> {
        let Some(ends) = self.ends().await else {
            sleep(RETRY_AFTER).await;
            return Ok(Next::Again);
        };
        let place = self.cursor.place(ends);
        if place != Place::Beyond {
            self.beyond = 0;
        }
        match place {
            Place::Before(oldest) => {
                let until = Position::from_offset(oldest.saturating_sub(1).max(0) as u64);
                metrics::gap();
                error!(shard = %self.id, %until, "retention has taken what was not read");
                self.cursor.go_to(oldest);
                self.flow = Flow::Stopped;
                Ok(Next::Read(Read::Gap(until)))
            }
            Place::Within => Ok(Next::Go),
            Place::AtEnd => {
                self.lag.at_end(self.claim.partition());
                Ok(Next::AtEnd)
            }
            Place::Beyond => {
                self.beyond += 1;
                if self.beyond >= BEYOND_TRIES {
                    return Err(self.is_beyond(ends.end));
                }
                warn!(shard = %self.id, end = ends.end, "it ends before the position, looking again");
                sleep(LOOK_AGAIN).await;
                Ok(Next::Again)
            }
        }
    }

    fn is_beyond(&self, end: i64) -> StreamError {
        let id = &self.id;
        StreamError::Storage(format!(
            "the position lies beyond the end of {id} at offset {end}: it is another log's"
        ))
    }

    /// Waits for records, or for news that have to be told; says whether there may be some.
    async fn wait(&mut self, most: Duration) -> bool {
        tokio::select! {
            () = self.queue.filled() => true,
            () = self.claim.revoked() => true,
            _ = self.closed.wait_for(|closed| *closed) => true,
            () = sleep(most) => false,
        }
    }
}

#[async_trait]
impl Shard for KafkaShard {
    fn id(&self) -> &ShardId {
        &self.id
    }

    fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    fn seek(&mut self, after: Option<Position>) {
        self.cursor = Cursor::new(after.map(Position::offset), self.start_ms);
        self.beyond = 0;
        if let Flow::Flowing = self.flow {
            self.flow = Flow::Stopped;
        }
    }

    async fn read(&mut self) -> Result<Read, StreamError> {
        loop {
            if let Some(news) = self.news()? {
                return Ok(news);
            }
            self.flow().await;
            match self.take()? {
                Taken::Records(fetched) => return Ok(Read::Records(fetched)),
                Taken::AtEnd => {}
                Taken::Nothing => drop(self.wait(LOOK_AGAIN).await),
                Taken::Stopped => {
                    if let Next::Read(read) = self.look().await? {
                        return Ok(read);
                    }
                }
            }
        }
    }

    /// Reads to the end of the partition as the brokers name it after this is called. Where
    /// transactions were broken off there is no record just before the end: there it counts that
    /// reading that began anew after the question came to an end.
    async fn read_if_any(&mut self) -> Result<Option<Read>, StreamError> {
        let mut asked = Asked::NotYet;
        loop {
            if let Some(news) = self.news()? {
                return Ok(Some(news));
            }
            self.flow().await;
            let taken = self.take()?;
            asked = match (taken, asked) {
                (Taken::Records(fetched), _) => return Ok(Some(Read::Records(fetched))),
                (Taken::AtEnd, Asked::AndAnew) => return Ok(None),
                (Taken::Stopped, _) | (_, Asked::NotYet) => match self.look().await? {
                    Next::Read(read) => return Ok(Some(read)),
                    Next::AtEnd => return Ok(None),
                    Next::Again => Asked::NotYet,
                    Next::Go if matches!(self.flow, Flow::Stopped) => Asked::AndAnew,
                    Next::Go => Asked::Yes,
                },
                (Taken::Nothing, Asked::AndAnew) => {
                    self.wait(LOOK_AGAIN).await;
                    Asked::AndAnew
                }
                (Taken::Nothing, Asked::Yes) if self.wait(ARRIVES_WITHIN).await => Asked::Yes,
                (Taken::Nothing | Taken::AtEnd, Asked::Yes) => {
                    self.flow = Flow::Stopped;
                    Asked::AndAnew
                }
            };
        }
    }

    async fn checkpoint(&mut self, position: Position) -> Result<(), StreamError> {
        if *self.closed.borrow() {
            return Err(StreamError::Closed);
        }
        let next = i64::try_from(position.offset())
            .unwrap_or(i64::MAX)
            .saturating_add(1);
        let mut list = TopicPartitionList::with_capacity(1);
        let partition = self.claim.partition();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(next))
            .map_err(StreamError::storage)?;
        let membership = self.clients.membership.clone();
        let commit = spawn_blocking(move || membership.commit(&list, CommitMode::Sync));
        match timeout(NOTES_WITHIN, commit).await {
            Ok(Ok(noted)) => noted.map_err(StreamError::storage),
            Ok(Err(panic)) => Err(StreamError::storage(panic)),
            Err(_) => Err(StreamError::storage(
                "the group's coordinator does not answer",
            )),
        }
    }

    async fn finish(&mut self) -> Result<(), StreamError> {
        Err(StreamError::Storage(format!(
            "{} goes on: partitions do not end",
            self.id
        )))
    }
}

impl Drop for KafkaShard {
    fn drop(&mut self) {
        self.lag.drop(self.claim.partition());
    }
}

/// Asks the leader of a partition; it blocks.
fn ask_ends(reader: &Reader, topic: &str, partition: i32) -> Option<Ends> {
    match reader.fetch_watermarks(topic, partition, ANSWERS_WITHIN) {
        Ok((oldest, end)) if (0..=end).contains(&oldest) => Some(Ends { oldest, end }),
        Ok((oldest, end)) => {
            warn!(partition, oldest, end, "no such ends, asking again");
            None
        }
        Err(error) => {
            warn!(partition, %error, "where it ends is not known, asking again");
            None
        }
    }
}
