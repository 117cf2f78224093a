//! Brings what a lane's log holds to the stream: in order, one call after another, however often it
//! takes. What the stream refuses for good goes to the dead letters, and the line goes on.
//!
//! The checkpoint moves only behind what the stream has, or the dead letters. One call is under way
//! at a time, as a second one might get through where the first does not.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tracing::{error, warn};

use super::{
    LaneName,
    dead_letters::{DeadLetter, DeadLetters},
    metrics,
    precedence::Precedence,
};
use crate::{AppendError, Batch, Fetched, Producer, Read, Shard, StreamRecord, backoff};

/// One call brings about this much: at 20 ms a call that is more than 100,000 pings a second, and
/// what one call may repeat after a kill is little.
const CALL_BYTES: usize = 256 << 10;

/// A call that is not answered by then is made again: every backend has given up long before.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);

/// How far a forwarder is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forwarded {
    /// The offset in the log of the next record.
    pub(super) next: u64,
    /// Whether the stream took the last call's records, and how long that took.
    pub(super) answered_in: Option<Duration>,
    /// When the next record was spooled, Unix ms UTC; None where none waits.
    pub(super) oldest_ms: Option<i64>,
}

/// Forwards the records of one lane.
pub(super) struct Forwarder {
    pub(super) lane: LaneName,
    pub(super) shard: Box<dyn Shard>,
    pub(super) stream: Arc<dyn Producer>,
    pub(super) dead_letters: DeadLetters,
    pub(super) precedence: Precedence,
    pub(super) progress: Arc<watch::Sender<Forwarded>>,
}

impl Forwarder {
    /// Forwards until it is dropped, or the log is closed.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        loop {
            match self.shard.read().await {
                Ok(Read::Records(fetched)) => {
                    failures = 0;
                    self.forward_all(&fetched).await;
                }
                Ok(Read::Gap(until)) => error!(
                    lane = self.lane.as_str(), %until,
                    "the spool's log lacks records that were never forwarded"
                ),
                Ok(Read::Ended(_) | Read::Revoked) => {}
                Err(crate::StreamError::Closed) => return,
                Err(error) => {
                    // What lies behind must not overtake what cannot be read.
                    failures += 1;
                    error!(lane = self.lane.as_str(), %error, "the spool's log cannot be read");
                    sleep(backoff::after(failures)).await;
                }
            }
        }
    }

    async fn forward_all(&mut self, fetched: &Fetched) {
        let records: Vec<_> = fetched.iter().collect();
        let mut rest = &records[..];
        while let Some(first) = rest.first() {
            let oldest_ms = first.appended_ms;
            self.progress
                .send_modify(|progress| progress.oldest_ms = Some(oldest_ms));
            let (call, after) = rest.split_at(call_length(rest));
            self.precedence.turn().await;
            self.forward(call).await;
            self.pass(call).await;
            rest = after;
        }
    }

    /// Calls until the stream has all the records, or refuses them.
    async fn forward(&mut self, records: &[StreamRecord<'_>]) {
        let mut left: Vec<_> = records.iter().collect();
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let appending = self.stream.append(batch(&left));
            let reason = match timeout(ANSWERS_WITHIN, appending).await {
                Ok(appended) => {
                    let mut refused = Vec::new();
                    let mut again = Vec::new();
                    let mut reason = None;
                    for (index, failure) in appended.failed {
                        match failure {
                            AppendError::Rejected(reason) => {
                                refused.push(dead_letter(left[index], reason));
                            }
                            AppendError::Unavailable(text) => {
                                again.push(left[index]);
                                reason = Some(text);
                            }
                        }
                    }
                    metrics::forwarded(
                        self.lane,
                        (left.len() - refused.len() - again.len()) as u64,
                    );
                    if !refused.is_empty() {
                        self.dead_letters.put(self.lane, refused).await;
                    }
                    left = again;
                    reason
                }
                Err(_) => Some(format!("no answer within {ANSWERS_WITHIN:?}")),
            };
            let Some(reason) = reason else {
                self.progress
                    .send_modify(|progress| progress.answered_in = Some(began.elapsed()));
                return;
            };
            failures += 1;
            if failures == 1 {
                let lane = self.lane.as_str();
                warn!(
                    lane,
                    reason, "the stream does not take what was spooled, trying again"
                );
            }
            self.progress
                .send_modify(|progress| progress.answered_in = None);
            sleep(backoff::after(failures)).await;
        }
    }

    /// Moves the checkpoint behind what is done.
    async fn pass(&mut self, records: &[StreamRecord<'_>]) {
        let Some(last) = records.last() else {
            return;
        };
        if let Err(error) = self.shard.checkpoint(last.position).await {
            warn!(lane = self.lane.as_str(), %error, "the spool's checkpoint does not move");
        }
        self.precedence.forwarded();
        self.progress.send_modify(|progress| {
            progress.next = last.position.offset() + 1;
            progress.oldest_ms = None;
        });
    }
}

/// How many of the records go with one call: one at least.
fn call_length(records: &[StreamRecord<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&StreamRecord<'_>| {
        bytes += record.key.len() + record.payload.len();
        bytes <= CALL_BYTES
    };
    records.iter().take_while(fits).count().max(1)
}

fn batch(records: &[&StreamRecord<'_>]) -> Batch {
    let mut batch = Batch::default();
    for record in records {
        batch.add(record.key, record.payload);
    }
    batch
}

fn dead_letter(record: &StreamRecord<'_>, reason: String) -> DeadLetter {
    DeadLetter {
        key: record.key.to_vec(),
        payload: record.payload.to_vec(),
        reason,
    }
}
