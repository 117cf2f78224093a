//! Readers for the suite: members of a group that read all they get and pass it on to the case.
//! What is right is judged by the cases.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    Batch, Consumer, Fetched, Position, Read, Shard, ShardId, Stream, StreamError, StreamRecord,
    lock::locked,
};

/// A record whose payload is a counter.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) shard: ShardId,
    pub(super) key: String,
    pub(super) counter: u64,
    pub(super) position: Position,
    pub(super) appended_ms: i64,
}

/// The payload that carries a counter.
pub(super) fn counter(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

/// A batch of keys with counters.
pub(super) fn int_batch(records: impl IntoIterator<Item = (String, u64)>) -> Batch {
    let mut batch = Batch::default();
    for (key, number) in records {
        batch.push(
            |to| to.extend_from_slice(key.as_bytes()),
            |to| to.extend_from_slice(&counter(number)),
        );
    }
    batch
}

/// Appends keys with counters, all of which the stream takes.
pub(super) async fn append(stream: &dyn Stream, records: impl IntoIterator<Item = (String, u64)>) {
    let failed = stream.producer().append(int_batch(records)).await.failed;
    assert!(failed.is_empty(), "the stream took all: {failed:?}");
}

/// The next shard for this member.
#[expect(clippy::expect_used, reason = "this is test code")]
pub(super) async fn acquire(consumer: &mut dyn Consumer) -> Box<dyn Shard> {
    consumer.acquire().await.expect("a shard is handed out")
}

/// The first record of the next read that has any.
pub(super) async fn first(shard: &mut dyn Shard) -> Counted {
    let fetched = records(shard).await;
    counted(shard.id(), fetched.iter().next())
}

/// The last record of the next read that has any.
pub(super) async fn last(shard: &mut dyn Shard) -> Counted {
    let fetched = records(shard).await;
    counted(shard.id(), fetched.iter().last())
}

/// What a read has, as counters.
pub(super) fn all(shard: &ShardId, fetched: &Fetched) -> Vec<Counted> {
    let records = fetched.iter();
    records.map(|record| counted(shard, Some(record))).collect()
}

#[expect(clippy::expect_used, reason = "this is test code")]
async fn records(shard: &mut dyn Shard) -> Fetched {
    loop {
        if let Read::Records(fetched) = shard.read().await.expect("the shard can be read") {
            return fetched;
        }
    }
}

#[expect(clippy::expect_used, reason = "this is test code")]
fn counted(shard: &ShardId, record: Option<StreamRecord<'_>>) -> Counted {
    let record = record.expect("a read is never empty");
    Counted {
        shard: shard.clone(),
        key: String::from_utf8_lossy(record.key).into_owned(),
        counter: u64::from_le_bytes(record.payload.try_into().expect("a payload is a counter")),
        position: record.position,
        appended_ms: record.appended_ms,
    }
}

/// The first `count` records that a new member of `group` reads when it is alone.
pub(super) async fn read_all(stream: &dyn Stream, group: &str, count: usize) -> Vec<Counted> {
    let mut reader = Reader::join(stream, group);
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        records.push(reader.record().await);
    }
    reader.leave().await;
    records
}

/// The first `count` records that a new member of `group` reads when it is alone, without those
/// that come again.
pub(super) async fn read_all_new(stream: &dyn Stream, group: &str, count: usize) -> Vec<Counted> {
    let mut reader = Reader::join(stream, group);
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        records.push(reader.new_record().await);
    }
    reader.leave().await;
    records
}

/// A member of a group that reads all shards it gets and gives back those revoked.
pub(super) struct Reader {
    events: mpsc::UnboundedReceiver<Event>,
    common: Arc<Common>,
    tasks: JoinSet<()>,
}

/// What a reader tells its case.
enum Event {
    Acquired,
    Record(Counted),
    Revoked,
}

/// What all members of a group have in common, as a real one has with its output.
#[derive(Default)]
struct Common {
    done: Mutex<HashMap<ShardId, Position>>,
    owned: Mutex<HashSet<ShardId>>,
    /// The greatest counter of every key.
    seen: Mutex<HashMap<String, u64>>,
}

/// How long a read is waited for before it is dropped and begun again.
#[derive(Clone, Copy)]
enum Patience {
    Endless,
    Short(Duration),
}

impl Reader {
    /// Joins as the first member.
    pub(super) fn join(stream: &dyn Stream, group: &str) -> Self {
        Self::start(stream.consumer(group), Arc::default(), Patience::Endless)
    }

    /// Joins as the first member, and drops its reads ever again.
    pub(super) fn join_impatient(stream: &dyn Stream, group: &str) -> Self {
        let patience = Patience::Short(Duration::from_micros(100));
        Self::start(stream.consumer(group), Arc::default(), patience)
    }

    /// Joins as one more member, which goes on where others stopped.
    pub(super) fn join_after(stream: &dyn Stream, group: &str, other: &Self) -> Self {
        Self::start(
            stream.consumer(group),
            other.common.clone(),
            Patience::Endless,
        )
    }

    fn start(consumer: Box<dyn Consumer>, common: Arc<Common>, patience: Patience) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(acquire_all(consumer, common.clone(), tell, patience));
        Self {
            events,
            common,
            tasks,
        }
    }

    /// Waits for the next record.
    pub(super) async fn record(&mut self) -> Counted {
        loop {
            if let Event::Record(record) = self.event().await {
                return record;
            }
        }
    }

    /// Waits for the next record that does not come again. Counters of a key grow.
    pub(super) async fn new_record(&mut self) -> Counted {
        loop {
            let record = self.record().await;
            let mut seen = locked(&self.common.seen);
            let newest = seen.get(&record.key).copied();
            if newest.is_none_or(|newest| record.counter > newest) {
                seen.insert(record.key.clone(), record.counter);
                return record;
            }
        }
    }

    /// Waits until a shard is revoked, and given back.
    pub(super) async fn revoked(&mut self) {
        loop {
            if let Event::Revoked = self.event().await {
                return;
            }
        }
    }

    /// Waits until a shard is acquired.
    pub(super) async fn acquired(&mut self) {
        loop {
            if let Event::Acquired = self.event().await {
                return;
            }
        }
    }

    /// Leaves the group: gives all shards back.
    pub(super) async fn leave(mut self) {
        self.tasks.shutdown().await;
    }

    #[expect(clippy::expect_used, reason = "this is test code")]
    async fn event(&mut self) -> Event {
        self.events.recv().await.expect("the reader lives")
    }
}

async fn acquire_all(
    mut consumer: Box<dyn Consumer>,
    common: Arc<Common>,
    tell: mpsc::UnboundedSender<Event>,
    patience: Patience,
) {
    let mut shards = JoinSet::new();
    while let Ok(mut shard) = consumer.acquire().await {
        let id = shard.id().clone();
        let is_new = locked(&common.owned).insert(id.clone());
        assert!(is_new, "{id} is with one member at a time");
        shard.seek(locked(&common.done).get(&id).copied());
        // The case may have ended.
        let _ = tell.send(Event::Acquired);
        let owned = Owned {
            shard: Some(shard),
            common: common.clone(),
        };
        shards.spawn(read_shard(owned, tell.clone(), patience));
    }
}

/// A shard that is noted as owned until just before it is dropped.
struct Owned {
    shard: Option<Box<dyn Shard>>,
    common: Arc<Common>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(shard) = self.shard.take() {
            locked(&self.common.owned).remove(shard.id());
        }
    }
}

async fn read_shard(mut owned: Owned, tell: mpsc::UnboundedSender<Event>, patience: Patience) {
    let common = owned.common.clone();
    let Some(shard) = &mut owned.shard else {
        return;
    };
    let id = shard.id().clone();
    loop {
        match read(&mut **shard, patience).await {
            Ok(Read::Records(fetched)) => {
                for record in fetched.iter() {
                    let record = counted(&id, Some(record));
                    locked(&common.done).insert(id.clone(), record.position);
                    let _ = tell.send(Event::Record(record));
                }
            }
            Ok(Read::Gap(_)) => {}
            Ok(Read::Ended(_)) => {
                assert!(shard.finish().await.is_ok(), "an ended shard is let go");
                return;
            }
            Ok(Read::Revoked) => {
                drop(owned);
                let _ = tell.send(Event::Revoked);
                return;
            }
            Err(_) => return,
        }
    }
}

async fn read(shard: &mut dyn Shard, patience: Patience) -> Result<Read, StreamError> {
    let Patience::Short(wait) = patience else {
        return shard.read().await;
    };
    loop {
        if let Ok(read) = tokio::time::timeout(wait, shard.read()).await {
            return read;
        }
    }
}
