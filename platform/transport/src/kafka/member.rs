//! One member of a group: a thread that looks after its two clients. One is a member of the group and
//! never reads; the other reads and is a member of nothing. So reading goes on while the group shares
//! out its partitions anew, which a client that did both would stop for all of them.
//!
//! A partition is handed out by [`Holdings`]. Whoever holds one asks this thread to begin reading it,
//! and tells it when it is dropped.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use super::{
    cursor::Start,
    holdings::{Holdings, Tenure},
    metrics::{self, Rebalance},
    voice::Voice,
};
use crate::lock::locked;

/// How often the clients are looked after.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// So many things of those that a client has to say are heard at a time.
const SENTENCES: usize = 8;
/// Whoever holds a partition has so long to give it back, well below what the group waits for it
/// (`max.poll.interval.ms`); then the next one gets it, and finds out by its output.
const HAND_OVER_WITHIN: Duration = Duration::from_mins(1);
/// The offset of a time is asked for so long before a reader is told that it has to ask again.
const ASK_FOR: Duration = Duration::from_secs(5);

/// The client that reads.
pub(super) type Reader = BaseConsumer<Voice>;

/// The client that is a member of the group.
pub(super) type Membership = BaseConsumer<Rebalances>;

/// What the thread and those who hold partitions have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) holdings: Mutex<Holdings>,
    /// Tells of every change of them.
    pub(super) changed: watch::Sender<()>,
    /// Whether the member cannot go on.
    pub(super) is_broken: watch::Sender<bool>,
    /// Whether it has left its group.
    pub(super) has_left: watch::Sender<bool>,
    /// How many take or hold partitions; without any it leaves.
    users: AtomicUsize,
}

impl Shared {
    /// Changes what is held, and tells of it.
    pub(super) fn change<Outcome>(&self, change: impl FnOnce(&mut Holdings) -> Outcome) -> Outcome {
        let outcome = change(&mut locked(&self.holdings));
        self.changed.send_replace(());
        outcome
    }

    /// One more takes or holds partitions.
    pub(super) fn enter(&self) {
        self.users.fetch_add(1, Ordering::AcqRel);
    }

    /// One less does.
    pub(super) fn exit(&self) {
        self.users.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether it is on its way out: nobody takes or holds partitions any more.
    pub(super) fn is_leaving(&self) -> bool {
        self.users.load(Ordering::Acquire) == 0
    }
}

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// Begin to read a partition there, and say when it has begun.
    Begin(i32, Start, oneshot::Sender<Result<(), String>>),
    /// It is not read any more, and nobody holds it.
    Drop(Tenure),
    /// Look whether the member may leave.
    Look,
}

/// Both clients of a member.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) membership: Arc<Membership>,
    pub(super) reader: Arc<Reader>,
}

/// The thread.
pub(super) struct Member {
    pub(super) clients: Clients,
    pub(super) topic: Arc<str>,
    pub(super) shared: Arc<Shared>,
    pub(super) asked: Receiver<Ask>,
    /// Partitions that the reader reads.
    pub(super) flowing: BTreeSet<i32>,
    /// What is to be given back, and when at the latest.
    pub(super) hand_over: Option<(TopicPartitionList, Instant)>,
}

impl Member {
    /// Joins the group, and looks after the member until it may leave.
    pub(super) fn run(mut self) {
        if let Err(error) = self.clients.membership.subscribe(&[&self.topic]) {
            error!(%error, "the group cannot be joined");
        } else {
            self.serve();
        }
        self.leave();
    }

    fn serve(&mut self) {
        while !locked(&self.shared.holdings).may_leave() {
            match self.asked.recv_timeout(LOOK_AGAIN) {
                Ok(ask) => self.answer(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.poll();
            if let Some((code, reason)) = self.clients.membership.client().fatal_error() {
                error!(%code, reason, "the member cannot go on");
                return;
            }
        }
    }

    /// Leaves the group, once nobody uses its clients.
    fn leave(mut self) {
        let may_leave = locked(&self.shared.holdings).may_leave();
        self.shared.change(Holdings::lose_all);
        self.shared.is_broken.send_replace(!may_leave);
        // What the group has said so far has an answer before it is left.
        self.poll();
        let Self {
            clients: Clients { membership, reader },
            asked,
            shared,
            ..
        } = self;
        // Who asks from now on gets no answer.
        drop(asked);
        membership
            .context()
            .is_leaving
            .store(true, Ordering::Release);
        while Arc::strong_count(&membership) > 1 || Arc::strong_count(&reader) > 1 {
            thread::sleep(LOOK_AGAIN);
        }
        drop(membership);
        drop(reader);
        shared.has_left.send_replace(true);
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Begin(partition, start, answer) => {
                // Whoever is gone does not wait for it.
                let _gone = answer.send(self.begin(partition, start));
            }
            Ask::Drop(tenure) => {
                self.stop(tenure.partition);
                self.shared.change(|holdings| holdings.release(tenure));
            }
            Ask::Look => {}
        }
    }

    /// Reads a partition anew: nothing that was read before is handed out afterwards.
    fn begin(&mut self, partition: i32, start: Start) -> Result<(), String> {
        let offset = match start {
            Start::Oldest => Offset::Beginning,
            Start::Time(time) => self.offset_at(partition, time)?,
            Start::Offset(offset) => Offset::Offset(offset),
        };
        self.stop(partition);
        let list = self
            .list(&[partition], offset)
            .map_err(|error| error.to_string())?;
        let begun = self.clients.reader.incremental_assign(&list);
        begun.map_err(|error| error.to_string())?;
        self.flowing.insert(partition);
        Ok(())
    }

    fn stop(&mut self, partition: i32) {
        if !self.flowing.remove(&partition) {
            return;
        }
        let list = self.list(&[partition], Offset::Invalid);
        let stopped = list.and_then(|list| self.clients.reader.incremental_unassign(&list));
        if let Err(error) = stopped {
            warn!(partition, %error, "reading does not stop");
        }
    }

    /// The offset of the first record of a time; the end where there is none.
    fn offset_at(&self, partition: i32, time_ms: i64) -> Result<Offset, String> {
        let asked = self
            .list(&[partition], Offset::Offset(time_ms))
            .and_then(|list| self.clients.reader.offsets_for_times(list, ASK_FOR));
        let found = asked.map_err(|error| error.to_string())?;
        let found = found.find_partition(&self.topic, partition);
        let found = found.ok_or("the brokers do not know the partition")?;
        found.error().map_err(|error| error.to_string())?;
        Ok(found.offset())
    }

    fn list(&self, partitions: &[i32], offset: Offset) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition_offset(&self.topic, *partition, offset)?;
        }
        Ok(list)
    }

    /// Hears what the clients have to say.
    fn poll(&mut self) {
        for _ in 0..SENTENCES {
            // What it reads before its partitions are paused is thrown away.
            drop(self.clients.membership.poll(Duration::ZERO));
            // Its partitions have queues of their own.
            drop(self.clients.reader.poll(Duration::ZERO));
        }
        let said: Vec<_> = locked(&self.clients.membership.context().said)
            .drain(..)
            .collect();
        for said in said {
            match said {
                Said::Assigned(list) => self.assigned(&list),
                Said::Revoked(list) => self.revoked(list),
            }
        }
        self.finish_hand_over();
    }

    fn assigned(&self, list: &TopicPartitionList) {
        let partitions = numbers(list);
        info!(?partitions, "got partitions");
        metrics::rebalanced(Rebalance::Assigned);
        let membership = &self.clients.membership;
        // Whatever the group has noted is for others to see, not where anybody goes on.
        let assigned = self
            .list(&partitions, Offset::End)
            .and_then(|list| membership.incremental_assign(&list))
            .and_then(|()| membership.pause(list));
        if let Err(error) = assigned {
            warn!(%error, ?partitions, "the partitions cannot be taken");
        }
        self.shared.change(|holdings| holdings.assign(&partitions));
    }

    fn revoked(&mut self, list: TopicPartitionList) {
        let partitions = numbers(&list);
        if self.clients.membership.assignment_lost() {
            warn!(
                ?partitions,
                "lost partitions: the group had not heard of this member"
            );
            metrics::rebalanced(Rebalance::Lost);
            self.hand_over = Some((list, Instant::now()));
            return;
        }
        info!(?partitions, "has to give back partitions");
        metrics::rebalanced(Rebalance::Revoked);
        self.shared.change(|holdings| holdings.revoke(&partitions));
        self.hand_over = Some((list, Instant::now() + HAND_OVER_WITHIN));
    }

    /// Gives back what was revoked once nobody holds it, or it has to be.
    fn finish_hand_over(&mut self) {
        let Some((list, latest)) = &self.hand_over else {
            return;
        };
        let is_late = Instant::now() >= *latest || self.clients.membership.assignment_lost();
        let is_held = locked(&self.shared.holdings).is_waited_for();
        if is_held && !is_late {
            return;
        }
        let partitions = numbers(list);
        if is_held {
            warn!(
                ?partitions,
                "partitions go to others before they were dropped"
            );
        }
        self.shared.change(|holdings| holdings.lose(&partitions));
        if let Err(error) = self.clients.membership.incremental_unassign(list) {
            warn!(%error, ?partitions, "the partitions cannot be given back");
        }
        self.hand_over = None;
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    let elements = list.elements();
    elements
        .iter()
        .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
        .collect()
}

/// What the group says to its member.
enum Said {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

/// Hears what the group says; the thread answers.
pub(super) struct Rebalances {
    voice: Voice,
    said: Mutex<Vec<Said>>,
    is_leaving: AtomicBool,
}

impl Rebalances {
    /// Nothing is said yet.
    pub(super) fn new() -> Self {
        Self {
            voice: Voice::of("member"),
            said: Mutex::default(),
            is_leaving: AtomicBool::new(false),
        }
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        self.voice.log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }

    // What it says of reading is nothing.
    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, client: &Membership, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let is_revoked = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
        if self.is_leaving.load(Ordering::Acquire) {
            // The thread is at its end: nobody holds anything.
            let answered = if is_revoked {
                client.incremental_unassign(list)
            } else {
                client.incremental_assign(list)
            };
            if let Err(error) = answered {
                warn!(%error, "leaving a group");
            }
            return;
        }
        let said = if is_revoked {
            Said::Revoked(list.clone())
        } else {
            Said::Assigned(list.clone())
        };
        locked(&self.said).push(said);
    }
}
