//! The table in which workers keep their leases, as anybody sees it who asks DynamoDB: its rows, and
//! a watch that looks at them again and again for what must never be there. Which worker wrote what
//! is not known.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use transport::Position;

use super::program;

/// A row is looked at so often: several times between two writes of an owner.
const LOOK: Duration = Duration::from_millis(200);
/// What each row must have, and what it may have, by type. These are the library's.
const NEEDED: [(&str, &str); 5] = [
    ("leaseKey", "S"),
    ("leaseCounter", "N"),
    ("checkpoint", "S"),
    ("checkpointSubSequenceNumber", "N"),
    ("ownerSwitchesSinceCheckpoint", "N"),
];
const ALLOWED: [(&str, &str); 10] = [
    ("leaseOwner", "S"),
    ("checkpointOwner", "S"),
    ("parentShardId", "SS"),
    ("childShardIds", "SS"),
    ("startingHashKey", "S"),
    ("endingHashKey", "S"),
    ("throughputKBps", "N"),
    ("pendingCheckpoint", "S"),
    ("pendingCheckpointSubSequenceNumber", "N"),
    ("pendingCheckpointState", "B"),
];
/// What never changes once it is there.
const FIXED: [&str; 3] = ["parentShardId", "startingHashKey", "endingHashKey"];
const SHARD_END: &str = "SHARD_END";
/// A signature of the form by which a server finds its service.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20300101/us-east-1/dynamodb/aws4_request, \
     SignedHeaders=host, Signature=0";

/// A table of leases.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    pub(crate) dynamodb: SocketAddr,
    pub(crate) name: String,
}

/// A row: attributes by name, each as `{"S": "text"}`.
pub(crate) type Row = BTreeMap<String, Value>;

/// Its rows, by shard.
pub(crate) type Rows = BTreeMap<String, Row>;

impl Leases {
    /// All rows; none while there is no table.
    pub(crate) fn rows(&self) -> Rows {
        program::wait(self.scan())
    }

    async fn scan(&self) -> Rows {
        let asked = reqwest::Client::new()
            .post(format!("http://{}", self.dynamodb))
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", AUTHORIZATION)
            .body(json!({ "TableName": self.name, "ConsistentRead": true }).to_string())
            .send();
        let answer: Value = asked.await.unwrap().json().await.unwrap();
        let items = answer["Items"].as_array().into_iter().flatten();
        let rows = items.map(|item| serde_json::from_value::<Row>(item.clone()).unwrap());
        rows.map(|row| (text(&row, "leaseKey"), row)).collect()
    }

    /// How far the readers of a shard have come; None at its first record.
    pub(crate) async fn checkpoint(&self, shard: &str) -> Option<Position> {
        position(&self.scan().await[shard])
    }

    /// The shards that are not read to their ends, and who has each.
    pub(crate) fn owners(&self) -> BTreeMap<String, String> {
        let open = |row: &Row| text(row, "checkpoint") != SHARD_END;
        let rows = self.rows().into_iter().filter(|(_, row)| open(row));
        // Who asks for it is not its owner yet.
        rows.filter(|(_, row)| !row.contains_key("checkpointOwner"))
            .map(|(shard, row)| (shard, text(&row, "leaseOwner")))
            .collect()
    }

    /// How far the readers of each shard have come.
    pub(crate) fn checkpoints(&self) -> BTreeMap<String, Option<Position>> {
        let rows = self.rows().into_iter();
        rows.map(|(shard, row)| (shard, position(&row))).collect()
    }

    /// Looks at it from now on.
    pub(crate) fn watch(&self) -> Watch {
        let is_enough = Arc::new(AtomicBool::new(false));
        let (leases, stops) = (self.clone(), is_enough.clone());
        let looking = thread::spawn(move || {
            let mut seen = Seen::default();
            while !stops.load(Ordering::Relaxed) {
                let begun = Instant::now();
                seen.look(leases.rows(), begun);
                thread::sleep(LOOK);
            }
            seen
        });
        Watch { is_enough, looking }
    }
}

/// A watch under way.
pub(crate) struct Watch {
    is_enough: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

impl Watch {
    /// Ends it.
    pub(crate) fn stop(self) -> Seen {
        self.is_enough.store(true, Ordering::Relaxed);
        self.looking.join().unwrap()
    }
}

/// What was seen of a table.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    last: Rows,
    last_begun: Option<Instant>,
    pub(crate) looks: u64,
    /// Every change of a row's holder or checkpoint, in their order.
    pub(crate) sights: Vec<Sight>,
    /// What must not be.
    pub(crate) odd: BTreeSet<String>,
}

/// A row as it was found changed.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// It was changed between the two: the look before was begun at the one, and this one ended at the
    /// other.
    pub(crate) between: (Instant, Instant),
    pub(crate) shard: String,
    /// Who may read the shard; none where it is anybody's.
    pub(crate) holder: Option<String>,
    pub(crate) checkpoint: Option<Position>,
}

impl Sight {
    fn of(shard: &str, row: &Row, between: (Instant, Instant)) -> Self {
        let holders = ["checkpointOwner", "leaseOwner"].map(|name| text(row, name));
        Self {
            between,
            shard: shard.to_owned(),
            holder: holders.into_iter().find(|holder| !holder.is_empty()),
            checkpoint: position(row),
        }
    }

    fn is_as(&self, before: &Self) -> bool {
        self.holder == before.holder && self.checkpoint == before.checkpoint
    }
}

impl Seen {
    /// Takes the rows of a look that was begun then.
    fn look(&mut self, rows: Rows, begun: Instant) {
        self.looks += 1;
        let between = (self.last_begun.unwrap_or(begun), Instant::now());
        self.last_begun = Some(begun);
        for (shard, row) in &rows {
            let sight = Sight::of(shard, row, between);
            let before = self.last.get(shard);
            let before = before.map(|before| Sight::of(shard, before, between));
            if !before.is_some_and(|before| sight.is_as(&before)) {
                self.sights.push(sight);
            }
            let mut odd = forms(row);
            if let Some(before) = self.last.get(shard) {
                odd.extend(changes(before, row));
            }
            self.odd
                .extend(odd.into_iter().map(|odd| format!("{shard}: {odd}")));
        }
        // The library deletes rows of shards that are read to their ends, after minutes.
        let is_open = |row: &Row| text(row, "checkpoint") != SHARD_END;
        let gone = self
            .last
            .iter()
            .filter(|(shard, _)| !rows.contains_key(*shard));
        let lost = gone.filter(|(_, row)| is_open(row));
        self.odd
            .extend(lost.map(|(shard, _)| format!("{shard}: its row is gone")));
        self.last = rows;
    }
}

fn forms(row: &Row) -> Vec<String> {
    let mut odd = Vec::new();
    for (name, kind) in NEEDED.iter().chain(&ALLOWED) {
        match row.get(*name) {
            Some(value) if value[kind].is_null() || value[kind] == "" => {
                odd.push(format!("{name} is {value}"));
            }
            Some(_) => {}
            None if ALLOWED.iter().any(|(allowed, _)| allowed == name) => {}
            None => odd.push(format!("it has no {name}")),
        }
    }
    let is_known = |name: &&String| {
        let mut known = NEEDED.iter().chain(&ALLOWED);
        known.any(|(known, _)| known == name)
    };
    odd.extend(
        row.keys()
            .filter(|name| !is_known(name))
            .map(|name| format!("it has a {name}")),
    );
    odd
}

fn changes(before: &Row, now: &Row) -> Vec<String> {
    let mut odd = Vec::new();
    if counter(now) < counter(before) {
        odd.push(format!("the counter fell to {}", counter(now)));
    }
    let ended = |row| text(row, "checkpoint") == SHARD_END;
    if !ended(now) && (ended(before) || position(now) < position(before)) {
        let [before, now] = [before, now].map(position);
        odd.push(format!("the checkpoint fell from {before:?} to {now:?}"));
    }
    for name in FIXED {
        if before.contains_key(name) && before.get(name) != now.get(name) {
            odd.push(format!("{name} is {:?} now", now.get(name)));
        }
    }
    odd
}

fn counter(row: &Row) -> u64 {
    row["leaseCounter"]["N"].as_str().unwrap().parse().unwrap()
}

/// None for a word instead of a number.
fn position(row: &Row) -> Option<Position> {
    let place = row["checkpointSubSequenceNumber"]["N"].as_str().unwrap();
    let sequence = text(row, "checkpoint");
    match place {
        "0" => sequence.parse().ok(),
        _ => format!("{sequence}/{place}").parse().ok(),
    }
}

/// An attribute; empty if it is not there.
fn text(row: &Row, name: &str) -> String {
    let value = row.get(name).and_then(|value| value["S"].as_str());
    value.unwrap_or_default().to_owned()
}
