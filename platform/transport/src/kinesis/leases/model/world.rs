//! The table, the shards, and what is true of them whatever the workers believe: whose turn it is,
//! how far each shard has come and which ones are read to their ends.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::prop;
use twox_hash::XxHash3_64;

use super::Write;
use crate::{
    Position, ShardId,
    hash_key::{HashKey, HashRange},
    kinesis::{
        leases::{
            lease::{Checkpoint, Lease},
            worker::WorkerId,
            write::Refused,
        },
        listing::ListedShard,
    },
};

/// A write on its way.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) by: WorkerId,
    pub(super) shard: ShardId,
    pub(super) write: Write,
}

/// What is so.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now_ms: u64,
    table: BTreeMap<ShardId, Lease>,
    listed: BTreeMap<ShardId, ListedShard>,
    late: Vec<Sent>,
    /// Who took each shard last and did not let go.
    turns: BTreeMap<ShardId, WorkerId>,
    done: BTreeMap<ShardId, Position>,
    /// How far anybody has read each shard: so many records are in it.
    read: BTreeMap<ShardId, u64>,
    ended: BTreeSet<ShardId>,
    parents: BTreeMap<ShardId, Vec<ShardId>>,
}

impl World {
    pub(super) fn new(shards: usize) -> Self {
        let mut world = Self {
            now_ms: 0,
            table: BTreeMap::new(),
            listed: BTreeMap::new(),
            late: Vec::new(),
            turns: BTreeMap::new(),
            done: BTreeMap::new(),
            read: BTreeMap::new(),
            ended: BTreeSet::new(),
            parents: BTreeMap::new(),
        };
        for _ in 0..shards {
            world.open(Vec::new());
        }
        world
    }

    /// The next row of a look after the one with hash `after`; the order is not that of names.
    pub(super) fn row_after(&self, after: Option<u64>) -> Option<(u64, Lease)> {
        let hash = |lease: &Lease| XxHash3_64::oneshot(lease.shard.as_str().as_bytes());
        let rows = self
            .table
            .values()
            .map(|lease| (hash(lease), lease.clone()));
        rows.filter(|(hash, _)| after.is_none_or(|after| *hash > after))
            .min_by_key(|(hash, _)| *hash)
    }

    pub(super) fn list(&self) -> Vec<ListedShard> {
        self.listed.values().cloned().collect()
    }

    /// The last position of a closed shard.
    fn end_of(&self, shard: &ShardId) -> Option<u64> {
        let ending = self.listed.get(shard)?.ending?;
        Some(ending.offset())
    }

    /// Somebody reads one more record; None at the shard's end.
    pub(super) fn read(&mut self, shard: &ShardId, read: u64) -> Option<u64> {
        if self.end_of(shard) == Some(read) {
            return None;
        }
        let furthest = self.read.entry(shard.clone()).or_default();
        *furthest = (*furthest).max(read + 1);
        Some(read + 1)
    }

    pub(super) fn send_late(&mut self, sent: Sent) {
        self.late.push(sent);
    }

    pub(super) fn deliver(&mut self, index: prop::sample::Index) {
        if !self.late.is_empty() {
            let sent = self.late.remove(index.index(self.late.len()));
            // Nobody hears of it.
            let _answer = self.write(&sent);
        }
    }

    /// Writes, and checks the laws of turns, of order and of parents.
    pub(super) fn write(&mut self, sent: &Sent) -> Result<Lease, Refused> {
        let before = self.table.get(&sent.shard).cloned();
        let after = sent.write.apply(before.as_ref())?;
        self.table.insert(sent.shard.clone(), after.clone());
        let Some(before) = before else {
            return Ok(after);
        };
        let is_taken = after.is_with(&sent.by) && before.counter < after.counter;
        let has_turn = self.turns.get(&sent.shard) == Some(&sent.by);
        if before.checkpoint != after.checkpoint {
            assert!(has_turn, "{sent:?} out of turn: {self:#?}");
            self.move_on(&after);
        } else if is_taken && !(has_turn && before.is_with(&sent.by)) {
            self.begin_turn(sent);
        } else if before.counter < after.counter && !after.is_with(&sent.by) {
            assert!(has_turn, "{sent:?} out of turn: {self:#?}");
            self.turns.remove(&sent.shard);
        }
        Ok(after)
    }

    pub(super) fn delete(&mut self, lease: &Lease) {
        if self.table.get(&lease.shard) == Some(lease) {
            assert!(self.ended.contains(&lease.shard), "{lease:?}: {self:#?}");
            self.table.remove(&lease.shard);
        }
    }

    fn move_on(&mut self, lease: &Lease) {
        match lease.checkpoint {
            Checkpoint::At(position) => {
                let before = self.done.insert(lease.shard.clone(), position);
                let is_on = before.is_none_or(|before| before < position);
                let is_late = self.ended.contains(&lease.shard);
                assert!(is_on && !is_late, "{lease:?} from {before:?}: {self:#?}");
            }
            Checkpoint::ShardEnd => {
                let listed = self.listed.get(&lease.shard);
                let is_open = listed.is_some_and(|shard| shard.ending.is_none());
                assert!(!is_open, "{lease:?}: {self:#?}");
                self.ended.insert(lease.shard.clone());
            }
            _ => panic!("{lease:?} goes back: {self:#?}"),
        }
    }

    fn begin_turn(&mut self, sent: &Sent) {
        self.turns.insert(sent.shard.clone(), sent.by.clone());
        let mut parents = self.parents[&sent.shard].iter();
        assert!(
            parents.all(|parent| self.ended.contains(parent)),
            "{sent:?} before its parents: {self:#?}"
        );
        assert!(!self.ended.contains(&sent.shard), "{sent:?}: {self:#?}");
    }

    /// All shards that are to be with somebody once peace has lasted.
    pub(super) fn readable(&self) -> Vec<String> {
        let open = self.listed.values().filter(|shard| shard.ending.is_none());
        open.map(|shard| shard.id.to_string()).collect()
    }

    fn open(&mut self, parents: Vec<ShardId>) {
        let id = ShardId::new(&format!("shard-{:02}", self.parents.len()));
        self.parents.insert(id.clone(), parents.clone());
        let shard = ListedShard {
            id: id.clone(),
            parents,
            range: HashRange::new(HashKey(0), HashKey(u128::MAX)),
            ending: None,
        };
        self.listed.insert(id, shard);
    }

    fn open_shards(&self) -> Vec<ShardId> {
        let open = self.listed.values().filter(|shard| shard.ending.is_none());
        open.map(|shard| shard.id.clone()).collect()
    }

    fn close(&mut self, id: &ShardId) {
        let read = self.read.get(id).copied().unwrap_or_default();
        if let Some(shard) = self.listed.get_mut(id) {
            shard.ending = Some((read + 2).into());
        }
    }

    pub(super) fn split(&mut self, index: prop::sample::Index) {
        let open = self.open_shards();
        if open.len() < 12 {
            let parent = &open[index.index(open.len())];
            self.close(parent);
            self.open(vec![parent.clone()]);
            self.open(vec![parent.clone()]);
        }
    }

    pub(super) fn merge(&mut self, index: prop::sample::Index) {
        let open = self.open_shards();
        if open.len() >= 2 {
            let first = index.index(open.len() - 1);
            let parents = open[first..first + 2].to_vec();
            for parent in &parents {
                self.close(parent);
            }
            self.open(parents);
        }
    }

    /// The stream forgets a shard that was read to its end. It does so a day after its end at the
    /// earliest, so that no write is under way any more that somebody decided on while it had no
    /// lease: `is_created` says of whom one is.
    pub(super) fn retire(
        &mut self,
        index: prop::sample::Index,
        is_created: impl Fn(&ShardId) -> bool,
    ) {
        let is_late = |shard: &ShardId| {
            let mut late = self.late.iter();
            late.any(|sent| sent.shard == *shard && matches!(sent.write, Write::Create(_)))
        };
        let gone = self.ended.iter();
        let gone: Vec<_> = gone
            .filter(|shard| !is_created(shard) && !is_late(shard))
            .collect();
        if !gone.is_empty() {
            self.listed.remove(gone[index.index(gone.len())]);
        }
    }
}
