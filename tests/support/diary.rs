//! What readers of shards say of themselves, whoever they are: when each had which shard, what it read
//! and how far it noted that. Read back here, and held against what must be true of all of them.
//!
//! A reader writes a file of its own for each shard that it gets, a line for each thing that happens:
//! `1772431200000 shardId-000000000001 read 495..74/3 city/cab-7 0a1b..`. What is written stays when its
//! writer is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    io::Write as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use schemas::Record;
use transport::Position;

/// One reader's time with one shard.
#[derive(Debug)]
pub(crate) struct Tenure {
    /// The name of its file.
    pub(crate) reader: String,
    pub(crate) shard: String,
    began_ms: u64,
    /// When it did something last.
    until_ms: u64,
    pub(crate) reads: Vec<Reading>,
    /// What it noted last.
    noted: Option<Position>,
    /// Whether it read the shard to its end.
    pub(crate) has_ended: bool,
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Reading {
    at_ms: u64,
    pub(crate) position: Position,
    /// The ping in it: `vehicle seq`.
    pub(crate) ping: String,
}

/// A shard that went from one reader to the next.
#[derive(Debug)]
pub(crate) struct HandOver {
    shard: String,
    from: String,
    to: String,
    /// Records that both read.
    pub(crate) again: usize,
}

/// Writes a reader's lines.
pub(crate) struct Diary {
    file: fs::File,
    shard: String,
}

impl Diary {
    pub(crate) fn new(directory: &Path, reader: &str, shard: &str) -> Self {
        Self {
            file: fs::File::create_new(directory.join(reader)).unwrap(),
            shard: shard.to_owned(),
        }
    }

    /// Writes what happened now.
    pub(crate) fn write(&mut self, lines: impl IntoIterator<Item = String>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (now, shard) = (now.as_millis(), &self.shard);
        let lines = lines.into_iter();
        let text: Vec<_> = lines
            .map(|line| format!("{now} {shard} {line}\n"))
            .collect();
        self.file.write_all(text.concat().as_bytes()).unwrap();
    }
}

/// All that is written so far, by shard and time.
pub(crate) fn tenures(directory: &Path) -> Vec<Tenure> {
    let mut tenures = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let reader = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        tenures.extend(Tenure::of(&reader, &text));
    }
    tenures.sort_by(|one, other| (&one.shard, one.began_ms).cmp(&(&other.shard, other.began_ms)));
    tenures
}

impl Tenure {
    /// What a file says; None if nothing yet.
    fn of(reader: &str, text: &str) -> Option<Self> {
        // Its writer may be at the last line, or was killed there.
        let whole = &text[..text.rfind('\n')?];
        let mut words = whole
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let first = words.next()?;
        assert_eq!(first[2], "began", "{reader}");
        let mut tenure = Self {
            reader: reader.to_owned(),
            shard: first[1].to_owned(),
            began_ms: first[0].parse().unwrap(),
            until_ms: first[0].parse().unwrap(),
            reads: Vec::new(),
            noted: None,
            has_ended: false,
        };
        for words in words {
            tenure.add(&words);
        }
        Some(tenure)
    }

    fn add(&mut self, words: &[&str]) {
        let at_ms = words[0].parse().unwrap();
        // The library says that a reader has left when it has let the shard go already.
        if words[2] != "left" {
            self.until_ms = at_ms;
        }
        match words[2..] {
            ["read", position, key, payload] => self.reads.push(Reading {
                at_ms,
                position: position.parse().unwrap(),
                ping: ping(key, payload),
            }),
            ["noted", position] => self.noted = Some(position.parse().unwrap()),
            ["ended"] => self.has_ended = true,
            // What is refused was lost to another: the next word is that it left.
            ["asked" | "left"] | ["refused", ..] => {}
            _ => panic!("{}: {words:?}", self.reader),
        }
    }

    /// Whether Amazon's library had the shard: its files are named by processes.
    pub(crate) fn is_kcl(&self) -> bool {
        self.reader.parse::<u32>().is_ok()
    }
}

impl fmt::Display for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            shard,
            reader,
            began_ms,
            until_ms,
            ..
        } = self;
        write!(
            f,
            "{shard} {reader} {began_ms}..{until_ms} {} read",
            self.reads.len()
        )
    }
}

impl fmt::Display for HandOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            shard,
            from,
            to,
            again,
        } = self;
        write!(f, "{shard} from {from} to {to}, {again} read again")
    }
}

/// The name of the ping in a record, which must have its vehicle's key.
fn ping(key: &str, hex: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    let record = Record::decode(&bytes);
    let Ok(Record::Ping(ping)) = record else {
        panic!("what was read of {key} is no ping, but {record:?}");
    };
    assert_eq!(key, format!("{}/{}", ping.fleet, ping.vehicle));
    format!("{} {:08}", ping.vehicle, ping.name.seq)
}

/// The names of all pings that anybody read, sorted, once each.
pub(crate) fn pings(tenures: &[Tenure]) -> Vec<String> {
    let reads = tenures.iter().flat_map(|tenure| &tenure.reads);
    let names: BTreeSet<_> = reads.map(|read| read.ping.clone()).collect();
    names.into_iter().collect()
}

/// The names of pings that were found at more than one place of the stream.
pub(crate) fn stored_twice(tenures: &[Tenure]) -> BTreeSet<String> {
    let mut places = BTreeMap::new();
    let reads = tenures.iter().flat_map(|tenure| &tenure.reads);
    let twice =
        reads.filter(|read| *places.entry(&read.ping).or_insert(read.position) != read.position);
    twice.map(|read| read.ping.clone()).collect()
}

/// How many records were read, each time counted, and how many entries of the stream they lay in.
pub(crate) fn counts(tenures: &[Tenure]) -> (usize, usize) {
    let reads = || tenures.iter().flat_map(|tenure| &tenure.reads);
    let entry = |position: Position| {
        let text = position.to_string();
        text.split('/').next().unwrap().to_owned()
    };
    let entries: BTreeSet<_> = reads().map(|read| entry(read.position)).collect();
    (reads().count(), entries.len())
}

/// Checks that no two had a shard at a time, that none read again what another had noted, and that
/// each vehicle's pings were first read in their order; says which shards changed hands.
pub(crate) fn check(tenures: &[Tenure]) -> Vec<HandOver> {
    let by_shard = tenures.chunk_by(|one, other| one.shard == other.shard);
    let hand_overs = by_shard.flat_map(hand_overs).collect();
    let mut reads: Vec<_> = tenures.iter().flat_map(|tenure| &tenure.reads).collect();
    reads.sort_by_key(|read| read.at_ms);
    let mut last = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for read in reads.into_iter().filter(|read| seen.insert(&read.ping)) {
        let (vehicle, _) = read.ping.split_once(' ').unwrap();
        let before = last.insert(vehicle, &read.ping);
        assert!(before < Some(&read.ping), "{} after {before:?}", read.ping);
    }
    hand_overs
}

/// Those of one shard, whose readers come in the order of their times.
fn hand_overs(tenures: &[Tenure]) -> Vec<HandOver> {
    let (mut read, mut noted) = (None, None);
    let mut found = Vec::new();
    for (at, tenure) in tenures.iter().enumerate() {
        let first = tenure.reads.first().map(|first| first.position);
        assert!(
            first.is_none() || first > noted,
            "{first:?} is read again, noted was {noted:?}: {tenure}"
        );
        if let Some(before) = at.checked_sub(1).map(|before| &tenures[before]) {
            let is_one_at_a_time = before.until_ms <= tenure.began_ms;
            assert!(is_one_at_a_time, "both had it: {before}; {tenure}");
            let is_again = |reading: &&Reading| Some(reading.position) <= read;
            found.push(HandOver {
                shard: tenure.shard.clone(),
                from: before.reader.clone(),
                to: tenure.reader.clone(),
                again: tenure.reads.iter().filter(is_again).count(),
            });
        }
        read = read.max(tenure.reads.last().map(|last| last.position));
        noted = noted.max(tenure.noted);
    }
    found
}
