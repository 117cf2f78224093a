//! The process is killed while it appends, over and over: what was acked is there, exactly once.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{batch, open};
use crate::{Read, Shard, Stream};

/// Where the child keeps its log. Without it, the child's test does nothing.
const DIRECTORY: &str = "HANSOM_TRANSPORT_CRASH_DIRECTORY";

/// The first counter of the child's appenders.
const BEGIN: &str = "HANSOM_TRANSPORT_CRASH_BEGIN";

const APPENDERS: u64 = 4;
const KEYS: u64 = 8;
const ROUNDS: u64 = 12;

/// No child comes to so many counters.
const COUNTERS_PER_ROUND: u64 = 1_000_000_000;

/// Not a test of its own: the process that the test below kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_child_appends_until_it_is_killed() {
    let (Ok(directory), Ok(begin)) = (env::var(DIRECTORY), env::var(BEGIN)) else {
        return;
    };
    let begin: u64 = begin.parse().unwrap();
    let stream = Arc::new(open(Path::new(&directory), "shards=3").await);
    let appenders = (0..APPENDERS).map(|appender| {
        let producer = stream.producer();
        tokio::spawn(async move {
            let mut next = begin;
            loop {
                let end = next + 1 + next % 50;
                let records = (next..end).map(|counter| (key(appender, counter), counter));
                if !producer.append(batch(records)).await.failed.is_empty() {
                    return;
                }
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nacked {appender} {next} {end}").unwrap();
                out.flush().unwrap();
                next = end;
            }
        })
    });
    let appenders: Vec<_> = appenders.collect();
    for appender in appenders {
        appender.await.unwrap();
    }
}

fn key(appender: u64, counter: u64) -> String {
    format!("{appender}-{}", counter % KEYS)
}

fn start(directory: &Path, round: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "embedded::tests::crash::the_child_appends_until_it_is_killed",
        ])
        .arg("--nocapture")
        .env(DIRECTORY, directory)
        .env(BEGIN, (round * COUNTERS_PER_ROUND).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs the child for a random while and kills it; returns what it was acked, by key.
fn append_and_kill(directory: &Path, round: u64, acked: &mut HashMap<String, Vec<u64>>) {
    let mut child = start(directory, round);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut killer = Some(child);
    let mut is_killed = None;
    for line in lines {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let ["acked", appender, begin, end] = words[..] else {
            continue;
        };
        let Ok(end) = end.parse::<u64>() else {
            continue;
        }; // The kill cut the line.
        let appender = appender.parse().unwrap();
        for counter in begin.parse().unwrap()..end {
            acked
                .entry(key(appender, counter))
                .or_default()
                .push(counter);
        }
        // From the first ack on, the kill comes at a moment that nobody knows.
        if let Some(mut child) = killer.take() {
            is_killed = Some(std::thread::spawn(move || {
                let nanos = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap()
                    .subsec_nanos();
                std::thread::sleep(Duration::from_micros(u64::from(nanos % 150_000)));
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

/// All records by key, in the order they are read.
async fn read_everything(directory: &Path) -> HashMap<String, Vec<u64>> {
    let stream = open(directory, "").await;
    let ends: Vec<_> = (0..3)
        .map(|shard| stream.log.reading.signals.end(shard))
        .collect();
    let mut consumer = stream.consumer("group");
    let mut records = HashMap::new();
    // They come in the order of their numbers to a member that is alone and keeps them.
    let mut shards = Vec::new();
    for _ in &ends {
        shards.push(consumer.acquire().await.unwrap());
    }
    for (shard, end) in shards.iter_mut().zip(ends) {
        read_shard(&mut **shard, end, &mut records).await;
    }
    stream.close().await.unwrap();
    records
}

async fn read_shard(shard: &mut dyn Shard, end: u64, records: &mut HashMap<String, Vec<u64>>) {
    let mut next = 0;
    while next < end {
        let Read::Records(fetched) = shard.read().await.unwrap() else {
            continue;
        };
        for record in fetched.iter() {
            assert_eq!(record.position.offset(), next, "offsets have no gaps");
            next += 1;
            let counter = u64::from_le_bytes(record.payload.try_into().unwrap());
            let key = String::from_utf8(record.key.to_vec()).unwrap();
            records.entry(key).or_default().push(counter);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acked_before_a_kill_is_there_once_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut acked = HashMap::new();
    for round in 0..ROUNDS {
        append_and_kill(directory.path(), round, &mut acked);
        let records = read_everything(directory.path()).await;
        for (key, counters) in &records {
            assert!(
                counters.is_sorted_by(|a, b| a < b),
                "{key} is in order, and once"
            );
        }
        for (key, counters) in &acked {
            let there = records.get(key).map(Vec::as_slice).unwrap_or_default();
            let missing = counters
                .iter()
                .find(|counter| there.binary_search(counter).is_err());
            assert_eq!(missing, None, "{key} was acked");
        }
    }
}
