//! A worker of ours that reads all that falls to it, and writes it into a [`diary`](super::diary) as
//! Amazon's library does in the test beside it. It goes on where the table of leases says: a reader
//! whose output is elsewhere would look there.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Runtime,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use transport::{Position, Read, Shard};

use super::{diary::Diary, leases::Leases};

/// Later than each batch, so that a reader that dies has read more than is noted.
const NOTE: Duration = Duration::from_secs(2);

/// A worker under way. It crashes when dropped: what it holds stays its own in the table.
pub(crate) struct Worker {
    runtime: Option<Runtime>,
    leaves: watch::Sender<bool>,
    working: Option<JoinHandle<()>>,
}

/// Where it reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) stream: String,
    pub(crate) group: String,
    pub(crate) leases: Leases,
    pub(crate) diary: PathBuf,
}

impl Worker {
    /// Joins the group.
    pub(crate) fn start(place: &Place, name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let leaves = watch::Sender::new(false);
        let working = runtime.spawn(work(place.clone(), name.to_owned(), leaves.subscribe()));
        Self {
            runtime: Some(runtime),
            leaves,
            working: Some(working),
        }
    }

    /// Leaves in order: notes how far it is, and lets all go.
    pub(crate) fn leave(&mut self) {
        self.leaves.send_replace(true);
        if let (Some(runtime), Some(working)) = (&self.runtime, self.working.take()) {
            runtime.block_on(working).unwrap();
        }
    }

    /// Ends it in the middle, as a process that is killed.
    pub(crate) fn crash(self) {
        drop(self);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn work(place: Place, name: String, mut told: watch::Receiver<bool>) {
    let stream = transport::open(&place.stream).await.unwrap();
    let mut consumer = stream.consumer(&place.group);
    let mut readers = JoinSet::new();
    let mut count = 0;
    loop {
        let shard = tokio::select! {
            _ = told.wait_for(|leaves| *leaves) => break,
            shard = consumer.acquire() => shard.unwrap(),
        };
        count += 1;
        let diary = Diary::new(
            &place.diary,
            &format!("{name}-{count}"),
            shard.id().as_str(),
        );
        let reader = Reader {
            shard,
            diary,
            last: None,
            noted: None,
        };
        readers.spawn(reader.read(place.leases.clone(), told.clone()));
    }
    drop(consumer);
    while let Some(read) = readers.join_next().await {
        read.unwrap();
    }
}

/// The reader of one shard.
struct Reader {
    shard: Box<dyn Shard>,
    diary: Diary,
    last: Option<Position>,
    noted: Option<Position>,
}

impl Reader {
    async fn read(mut self, leases: Leases, mut told: watch::Receiver<bool>) {
        self.diary.write(["began".to_owned()]);
        let from = leases.checkpoint(self.shard.id().as_str()).await;
        self.shard.seek(from);
        let mut noted_at = Instant::now();
        loop {
            let read = tokio::select! {
                biased;
                _ = told.wait_for(|leaves| *leaves) => break,
                read = self.shard.read() => read.unwrap(),
            };
            match read {
                Read::Records(records) => {
                    let lines = records.iter().map(|record| {
                        let key = String::from_utf8_lossy(record.key);
                        format!("read {} {key} {}", record.position, hex(record.payload))
                    });
                    self.diary.write(lines);
                    self.last = records.iter().last().map(|last| last.position);
                }
                Read::Revoked => {
                    self.diary.write(["asked".to_owned()]);
                    break;
                }
                Read::Ended(_) => return self.finish().await,
                Read::Gap(until) => panic!("nothing is lost, and yet a gap until {until}"),
            }
            if noted_at.elapsed() >= NOTE {
                self.note().await;
                noted_at = Instant::now();
            }
        }
        self.note().await;
        self.diary.write(["left".to_owned()]);
    }

    async fn note(&mut self) {
        let Some(last) = self.last.filter(|last| Some(*last) != self.noted) else {
            return;
        };
        match self.shard.checkpoint(last).await {
            Ok(()) => {
                self.noted = Some(last);
                self.diary.write([format!("noted {last}")]);
            }
            Err(error) => self.diary.write([format!("refused {error}")]),
        }
    }

    async fn finish(mut self) {
        // Before it is noted: the shards that follow may begin at once.
        self.diary.write(["ended".to_owned(), "left".to_owned()]);
        while let Err(error) = self.shard.finish().await {
            self.diary.write([format!("refused {error}")]);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
