//! The worker of a lane: one task that takes what is appended and sends it the way that its [`Lane`]
//! says, to the stream or to the log. It decides nothing and forwards nothing.
//!
//! The log is written to by one call at a time, with all that waits: so that records are in it in the
//! order of their appends, and share an fsync.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tracing::{error, info, warn};

use super::{
    LaneName,
    behind::{Behind, hash},
    forwarder::Forwarded,
    lane::{Lane, Outlook, Step, Ticket, Trouble, Way},
    metrics,
    precedence::Precedence,
    producer::{Append, Unanswered},
};
use crate::{
    AppendError, Appended, Batch, Producer, Stream as _, clock::wall_ms, cut::unavailable,
    embedded::EmbeddedStream,
};

/// One call to the log has about this many bytes at most: then an fsync's fixed cost is forgotten.
const WRITE_BYTES: usize = 4 << 20;

/// How often the age of the oldest record is told.
const TELLS_EVERY: Duration = Duration::from_secs(1);

/// The task.
pub(super) struct Worker {
    name: LaneName,
    lane: Lane,
    stream: Arc<dyn Producer>,
    log: Arc<EmbeddedStream>,
    precedence: Precedence,
    progress: watch::Receiver<Forwarded>,
    patience: Duration,
    behind: Option<Arc<Behind>>,
    /// The lane's time counts from here.
    began: Instant,
    /// What the lane has not sent to the log.
    pending: BTreeMap<Ticket, Unanswered>,
    /// Appends that are about on the stream.
    attempts: JoinSet<(Ticket, Appended)>,
    /// What waits for the log, in order.
    queue: VecDeque<Unanswered>,
    /// Records that wait for the log, or that it is writing.
    unwritten: u64,
    /// What the log is writing, and how many records of each append.
    writing: Vec<(Unanswered, usize)>,
    /// The hashes of its keys, for [`Workplace::behind`].
    written_keys: HashSet<u64>,
    write: JoinSet<Appended>,
    /// Since when the lane spools, and where in the log it began to.
    spools_since: Option<(Instant, u64)>,
}

/// What a worker works with.
pub(super) struct Workplace {
    pub(super) name: LaneName,
    pub(super) stream: Arc<dyn Producer>,
    pub(super) log: Arc<EmbeddedStream>,
    pub(super) precedence: Precedence,
    pub(super) progress: watch::Receiver<Forwarded>,
    pub(super) patience: Duration,
    /// Where it notes the keys that are in the log, so that nothing live overtakes them.
    pub(super) behind: Option<Arc<Behind>>,
}

impl Worker {
    /// Goes on from what the log has.
    pub(super) fn new(place: Workplace) -> Self {
        let Workplace {
            name,
            stream,
            log,
            precedence,
            progress,
            patience,
            behind,
        } = place;
        let next = progress.borrow().next;
        let waiting = log.end(0).saturating_sub(next);
        let began = Instant::now();
        let mut worker = Self {
            name,
            lane: Lane::direct(patience),
            stream,
            log,
            precedence,
            progress,
            patience,
            behind,
            began,
            pending: BTreeMap::new(),
            attempts: JoinSet::new(),
            queue: VecDeque::new(),
            unwritten: 0,
            writing: Vec::new(),
            written_keys: HashSet::new(),
            write: JoinSet::new(),
            spools_since: None,
        };
        metrics::goes_direct(name);
        if waiting > 0 {
            info!(
                lane = name.as_str(),
                records = waiting,
                "the spool has records from before"
            );
            worker.lane = Lane::spooling(patience);
            worker.begin_spooling(next);
        }
        worker
    }

    /// Serves appends until nobody can make any.
    pub(super) async fn run(mut self, mut received: mpsc::UnboundedReceiver<Append>) {
        let mut tells = interval(TELLS_EVERY);
        tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.advance();
            self.write();
            let due = self.lane.due(self.began.elapsed());
            let due = self.began + due.unwrap_or(TELLS_EVERY + self.began.elapsed());
            tokio::select! {
                append = received.recv() => match append {
                    Some(append) => self.take(append),
                    None => return,
                },
                Some(done) = self.attempts.join_next() => self.attempted(done),
                Some(done) = self.write.join_next() => self.written(done),
                // The forwarder keeps its end open; if not, nothing is forwarded any more.
                Ok(()) = self.progress.changed() => {}
                () = self.precedence.changed() => {}
                () = sleep_until(due) => {}
                _ = tells.tick() => self.tell_oldest(),
            }
        }
    }

    fn take(&mut self, append: Append) {
        let Append { keys, unanswered } = append;
        let (ticket, way) = self.lane.take(keys, self.began.elapsed());
        match way {
            Way::Log => self.enqueue(unanswered),
            Way::Wait => {
                self.pending.insert(ticket, unanswered);
            }
            Way::Stream => {
                self.pending.insert(ticket, unanswered);
                self.attempt(ticket);
            }
        }
    }

    /// Appends to the stream.
    fn attempt(&mut self, ticket: Ticket) {
        let Some(unanswered) = self.pending.get(&ticket) else {
            return;
        };
        // The log needs the batch if the stream does not answer.
        let (stream, batch) = (self.stream.clone(), unanswered.batch.clone());
        self.attempts
            .spawn(async move { (ticket, stream.append(batch).await) });
    }

    fn attempted(&mut self, done: Result<(Ticket, Appended), JoinError>) {
        // One that was given up, or that broke down: it goes to the log in time.
        let Ok((ticket, appended)) = done else {
            return;
        };
        let Some(mut unanswered) = self.pending.remove(&ticket) else {
            return;
        };
        let reason = appended.failed.iter().find_map(|(_, error)| match error {
            AppendError::Unavailable(reason) => Some(reason.clone()),
            AppendError::Rejected(_) => None,
        });
        let Some(reason) = reason else {
            unanswered.answer(appended.failed);
            for ready in self.lane.answered(ticket) {
                self.attempt(ready);
            }
            return;
        };
        unanswered.narrow(appended);
        self.pending.insert(ticket, unanswered);
        let spooled = self.lane.spool(self.began.elapsed());
        self.spool(spooled, &reason);
    }

    /// Lets the lane go on as time and stream say.
    fn advance(&mut self) {
        let forwarded = *self.progress.borrow_and_update();
        let outlook = Outlook {
            waiting: self.log.end(0).saturating_sub(forwarded.next) + self.unwritten,
            is_answering: forwarded
                .answered_in
                .is_some_and(|answered_in| answered_in < self.patience / 2),
            must_yield: self.precedence.must_yield(),
        };
        match self.lane.advance(self.began.elapsed(), outlook) {
            Step::Stay => {}
            Step::GoDirect(ready) => {
                self.end_spooling();
                for ticket in ready {
                    self.attempt(ticket);
                }
            }
            Step::Spool(tickets, trouble) => {
                let reason = match trouble {
                    Trouble::Slow => format!("no answer within {:?}", self.patience),
                    Trouble::Yields => "live records come first, and are spooled".to_owned(),
                    Trouble::NotDrained => "the spool is not empty yet".to_owned(),
                };
                self.spool(tickets, &reason);
            }
        }
    }

    /// Sends appends to the log, and gives up on whatever of them is about on the stream.
    fn spool(&mut self, tickets: Vec<Ticket>, reason: &str) {
        self.attempts.abort_all();
        if self.spools_since.is_none() {
            warn!(
                lane = self.name.as_str(),
                reason, "the stream is down or slow: records go to the spool"
            );
            self.begin_spooling(self.log.end(0));
        }
        for ticket in tickets {
            if let Some(unanswered) = self.pending.remove(&ticket) {
                self.enqueue(unanswered);
            }
        }
    }

    fn enqueue(&mut self, unanswered: Unanswered) {
        self.unwritten += unanswered.batch.len() as u64;
        self.queue.push_back(unanswered);
    }

    fn begin_spooling(&mut self, next: u64) {
        self.spools_since = Some((Instant::now(), next));
        self.precedence.spools();
        metrics::spools(self.name);
    }

    fn end_spooling(&mut self) {
        if let Some((since, begin)) = self.spools_since.take() {
            let records = self.log.end(0).saturating_sub(begin);
            let seconds = since.elapsed().as_secs();
            info!(
                lane = self.name.as_str(),
                records, seconds, "the stream has what was spooled: records go to it again"
            );
        }
        self.precedence.goes_direct();
        metrics::goes_direct(self.name);
    }

    /// Writes what waits for the log, unless it is writing.
    fn write(&mut self) {
        if !self.write.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        while batch.bytes() < WRITE_BYTES {
            let Some(mut unanswered) = self.queue.pop_front() else {
                break;
            };
            let records = unanswered.batch.len();
            if batch.is_empty() {
                batch = std::mem::take(&mut unanswered.batch);
            } else {
                batch.add_all(&unanswered.batch);
                unanswered.batch = Batch::default();
            }
            self.writing.push((unanswered, records));
        }
        if !batch.is_empty() {
            if self.behind.is_some() {
                self.written_keys = batch.iter().map(|(key, _)| hash(key)).collect();
            }
            let log = self.log.producer();
            self.write.spawn(async move { log.append(batch).await });
        }
    }

    fn written(&mut self, done: Result<Appended, JoinError>) {
        let written = std::mem::take(&mut self.writing);
        let appended = done.unwrap_or_else(|panic| {
            error!(lane = self.name.as_str(), %panic, "the spool broke down while it wrote");
            let records = written.iter().map(|(_, records)| records).sum();
            unavailable(records, "the spool broke down")
        });
        let keys = std::mem::take(&mut self.written_keys);
        if let Some(behind) = &self.behind {
            // Before anybody is answered, who then appends what is newer.
            behind.add(keys, self.log.end(0), self.progress.borrow().next);
        }
        let is_refused = |error: &AppendError| matches!(error, AppendError::Unavailable(_));
        let refused = appended.failed.iter();
        let refused = refused.filter(|(_, error)| is_refused(error)).count();
        if refused > 0 {
            metrics::refused(self.name, refused as u64);
        }
        let mut failed = appended.failed.into_iter().peekable();
        let mut begin = 0;
        for (unanswered, records) in written {
            let end = begin + records;
            let mut of_batch = Vec::new();
            while let Some((index, error)) = failed.next_if(|(index, _)| *index < end) {
                of_batch.push((index - begin, error));
            }
            unanswered.answer(of_batch);
            begin = end;
        }
        self.unwritten -= begin as u64;
    }

    fn tell_oldest(&self) {
        let oldest_ms = self.progress.borrow().oldest_ms;
        let waited_ms = oldest_ms.map_or(0, |oldest_ms| wall_ms() - oldest_ms);
        let waited_ms = u64::try_from(waited_ms).unwrap_or_default();
        metrics::oldest(self.name, Duration::from_millis(waited_ms));
    }
}
