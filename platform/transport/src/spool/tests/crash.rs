//! The process is killed while it spools, forwards and goes direct, over and over: what was acked comes
//! through, in order.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use super::*;
use crate::Read;

/// Where the child keeps spool and stream. Without it, the child's test does nothing.
const DIRECTORY: &str = "HANSOM_TRANSPORT_SPOOL_CRASH_DIRECTORY";
/// The first counter of the child.
const BEGIN: &str = "HANSOM_TRANSPORT_SPOOL_CRASH_BEGIN";
const ROUNDS: u64 = 8;
const CABS: u64 = 4;
/// No child comes to so many counters.
const COUNTERS_PER_ROUND: u64 = 1_000_000_000;

/// A durable stream that comes and goes.
struct ComesAndGoes(EmbeddedStream);

/// Appends to it.
struct Appends(Arc<dyn Producer>);

#[async_trait]
impl Stream for ComesAndGoes {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(Appends(self.0.producer()))
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        self.0.consumer(group)
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.0.close().await
    }
}

#[async_trait]
impl Producer for Appends {
    async fn append(&self, batch: Batch) -> Appended {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        match since.subsec_millis() / 40 % 3 {
            0 => crate::cut::unavailable(batch.len(), "it is away"),
            _ => self.0.append(batch).await,
        }
    }
}

async fn open_both(directory: &Path) -> Spooled {
    let url = format!("embedded://{}?shards=1", directory.join("stream").display());
    let stream = Arc::new(ComesAndGoes(EmbeddedStream::open(&url).await.unwrap()));
    Spooled::open(stream, settings(&directory.join("spool")))
        .await
        .unwrap()
}

/// Not a test of its own: the process that the test below kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_child_appends_until_it_is_killed() {
    let (Ok(directory), Ok(begin)) = (env::var(DIRECTORY), env::var(BEGIN)) else {
        return;
    };
    let begin: u64 = begin.parse().unwrap();
    let spooled = open_both(Path::new(&directory)).await;
    let mut cabs = JoinSet::new();
    for cab in 0..CABS {
        let producer = if cab == 0 {
            spooled.backfill()
        } else {
            spooled.producer()
        };
        cabs.spawn(async move {
            let key = format!("cab-{cab}");
            for counter in begin.. {
                append(&*producer, &key, counter).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nacked {key} {counter} .").unwrap();
                out.flush().unwrap();
            }
        });
    }
    while cabs.join_next().await.is_some() {}
}

fn start(directory: &Path, round: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "spool::tests::crash::the_child_appends_until_it_is_killed",
        ])
        .arg("--nocapture")
        .env(DIRECTORY, directory)
        .env(BEGIN, (round * COUNTERS_PER_ROUND).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs the child for a random while and kills it, and notes what it was acked.
fn append_and_kill(directory: &Path, round: u64, acked: &mut HashMap<String, Vec<u64>>) {
    let mut child = start(directory, round);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut killer = Some(child);
    let mut is_killed = None;
    for line in lines {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        // The kill may cut a line.
        let ["acked", key, counter, "."] = words[..] else {
            continue;
        };
        acked
            .entry(key.to_owned())
            .or_default()
            .push(counter.parse().unwrap());
        // From the first ack on, the kill comes at a moment that nobody knows.
        if let Some(mut child) = killer.take() {
            is_killed = Some(std::thread::spawn(move || {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let micros = u64::from(since.subsec_nanos() % 2_000_000);
                std::thread::sleep(Duration::from_micros(micros));
                child.kill().unwrap();
                child.wait().unwrap();
            }));
        }
    }
    is_killed
        .expect("the child was acked something")
        .join()
        .unwrap();
}

/// All that is on the stream, once the spool is empty.
async fn read_everything(directory: &Path) -> Vec<Taken> {
    let spooled = open_both(directory).await;
    while spooled.live.left() + spooled.backfill.left() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut shard = spooled.consumer("group").acquire().await.unwrap();
    let mut taken = Vec::new();
    while let Some(read) = shard.read_if_any().await.unwrap() {
        let Read::Records(fetched) = read else {
            continue;
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        taken.extend(
            fetched
                .iter()
                .map(|record| (text(record.key), text(record.payload))),
        );
    }
    drop(shard);
    spooled.close().await.unwrap();
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acked_before_a_kill_comes_through_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut acked = HashMap::new();
    for round in 0..ROUNDS {
        append_and_kill(directory.path(), round, &mut acked);
    }
    assert_kept(&read_everything(directory.path()).await, &acked);
}
