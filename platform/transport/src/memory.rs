//! The stream in memory, for tests and trials: the whole contract, but durable means that it is
//! in this process. Every opening makes a stream of its own, empty.
//!
//! Like the embedded stream it never throws away what a known group has not passed: it refuses
//! appends instead, once it holds `max_bytes`.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::{
    Appended, Batch, Consumer, Producer, Stream, StreamError,
    block::Block,
    clock::{StreamClock, wall_ms},
    cut::{self, Cut},
    gather::Found,
    groups::Groups,
    lock::locked,
    member::{Log, Member, Signals},
    progress::Progress,
    retention::{Fill, Retention},
    run::Run,
    url_options,
};

/// Shards of a stream whose URL does not say.
const DEFAULT_SHARDS: u32 = 4;

/// What a stream holds at most where its URL does not say: little beside a machine's memory.
const DEFAULT_MAX_BYTES: u64 = 256 << 20;

/// A stream in memory.
#[derive(Debug)]
pub struct MemoryStream {
    log: Arc<MemoryLog>,
    groups: Groups,
}

impl MemoryStream {
    /// Makes an empty stream from `memory:?shards=4&retention=24h&max_bytes=268435456`.
    ///
    /// # Errors
    /// [`StreamError::Url`] for options that are not understood.
    pub fn open(url: &str) -> Result<Self, StreamError> {
        let options = url_options::memory(url, DEFAULT_MAX_BYTES)?;
        let shards = options.shards.unwrap_or(DEFAULT_SHARDS);
        let state = State {
            runs: (0..shards).map(|_| Run::at(0)).collect(),
            clock: StreamClock::after(0),
            held: 0,
            progress: Progress::new(shards),
        };
        let log = MemoryLog {
            state: Mutex::new(state),
            signals: Signals::new((0..shards).map(|_| 0)),
            retention: options.retention,
        };
        Ok(Self {
            log: Arc::new(log),
            groups: Groups::new(shards),
        })
    }
}

#[async_trait]
impl Stream for MemoryStream {
    fn producer(&self) -> Arc<dyn Producer> {
        self.log.clone()
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        locked(&self.log.state).progress.register(group);
        Box::new(Member::join(self.log.clone(), &self.groups, group))
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.log.signals.close();
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryLog {
    state: Mutex<State>,
    signals: Signals,
    retention: Retention,
}

#[derive(Debug)]
struct State {
    runs: Vec<Run>,
    clock: StreamClock,
    held: u64,
    progress: Progress,
}

#[async_trait]
impl Producer for MemoryLog {
    async fn append(&self, batch: Batch) -> Appended {
        if self.signals.is_closed() {
            return cut::unavailable(batch.len(), "it is closed");
        }
        let mut state = locked(&self.state);
        let mut cut = Cut::new(state.runs.len() as u32, batch.bytes());
        let verdict = cut.add(&batch);
        let now_ms = state.clock.at(wall_ms());
        let blocks: Vec<_> = cut
            .finish(|shard| state.runs[shard as usize].end(), now_ms)
            .collect();
        let incoming = blocks.iter().map(|(_, block)| block.head.footprint).sum();
        state.trim(self.retention, incoming, now_ms);
        if self.retention.is_over(Fill {
            held: state.held,
            incoming,
        }) {
            return verdict.unavailable("the log is full of what a group has not passed");
        }
        state.held += incoming;
        for (shard, block) in blocks {
            state.runs[shard as usize].push(block);
            self.signals.extend(shard, state.runs[shard as usize].end());
        }
        verdict.durable()
    }
}

impl State {
    /// Takes off what may go.
    fn trim(&mut self, retention: Retention, incoming: u64, now_ms: i64) {
        loop {
            let head = |run: &Run| run.oldest().map(|block: &Block| block.head);
            let oldest = (0..)
                .zip(&self.runs)
                .filter_map(|(shard, run)| Some((shard, head(run)?)));
            let fill = Fill {
                held: self.held,
                incoming,
            };
            let Some((shard, head)) = retention.next_to_go(oldest, &self.progress, fill, now_ms)
            else {
                return;
            };
            self.held -= head.footprint;
            self.runs[shard as usize].pop();
        }
    }
}

impl Log for MemoryLog {
    fn signals(&self) -> &Signals {
        &self.signals
    }

    async fn fetch(&self, shard: u32, from: Option<u64>) -> Result<Found, StreamError> {
        locked(&self.state).runs[shard as usize].read(from)
    }

    fn checkpoint(&self, group: &str, shard: u32, next: u64) {
        locked(&self.state).progress.set(group, shard, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Delivery};

    fn open(options: &str) -> Arc<dyn Stream> {
        Arc::new(MemoryStream::open(&format!("memory:?{options}")).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract_of_every_stream() {
        conformance::run(Delivery::Once, async || open("")).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_contract_of_a_bounded_log() {
        conformance::run_bounded(async |options: &str| open(options)).await;
    }
}
