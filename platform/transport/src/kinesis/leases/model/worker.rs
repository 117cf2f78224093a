//! One worker of the model: it looks, plans, writes and reads in steps between which anything may
//! happen. What it is about to write it has decided before, and writes even if it froze since.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::{
    Write,
    world::{Sent, World},
};
use crate::{
    Position, ShardId,
    kinesis::leases::{
        holding::{Holding, Standing},
        lease::{Checkpoint, Lease},
        plan::{Planner, Reason},
        sync::{self, Census},
        worker::WorkerId,
    },
};

/// What a worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sends the next write that it has decided on.
    Act,
    Renew,
    /// Reads on, or lets go of what it is to let go of.
    Work,
    /// Sees one more row of the table; after the last one it plans.
    Look,
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// It is done, but nobody hears of it.
    Unheard,
    /// It is done some time later, and nobody hears of it.
    Late,
    NotDone,
}

/// A write that was decided on.
#[derive(Debug)]
struct Intent {
    sent: Sent,
    aim: Aim,
    begun: Instant,
    /// Those of one task: when one fails, the rest is dropped.
    task: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Aim {
    Take,
    Ask,
    Create,
    Delete(Box<Lease>),
    /// Renew, checkpoint or finish.
    Hold,
    Release,
}

#[derive(Debug)]
pub(super) struct Worker {
    name: WorkerId,
    failover: Duration,
    born: Instant,
    percent: u64,
    pub(super) is_frozen: bool,
    planner: Planner,
    census: Census,
    looks: u64,
    row: Option<u64>,
    rows: Vec<Lease>,
    held: BTreeMap<ShardId, Held>,
    intents: VecDeque<Intent>,
    tasks: u64,
}

/// A shard in a worker's hands.
#[derive(Debug)]
struct Held {
    holding: Holding,
    /// How far it has been read.
    read: u64,
}

impl Worker {
    pub(super) fn new(name: WorkerId, percent: u64, failover: Duration) -> Self {
        Self {
            planner: Planner::new(name.clone(), failover),
            name,
            failover,
            born: Instant::now(),
            percent,
            is_frozen: false,
            census: Census::default(),
            looks: 0,
            row: None,
            rows: Vec::new(),
            held: BTreeMap::new(),
            intents: VecDeque::new(),
            tasks: 0,
        }
    }

    pub(super) fn name(&self) -> &WorkerId {
        &self.name
    }

    /// The shards that it holds by its own clock.
    pub(super) fn holds(&self, world: &World) -> Vec<String> {
        let now = self.clock(world);
        let is_held = |held: &Held| held.holding.standing(now) == Standing::Ours;
        let held = self.held.iter().filter(|(_, held)| is_held(held));
        held.map(|(shard, _)| shard.to_string()).collect()
    }

    fn clock(&self, world: &World) -> Instant {
        self.born + Duration::from_millis(world.now_ms * self.percent / 100)
    }

    pub(super) fn step(&mut self, kind: Kind, fate: Fate, world: &mut World) {
        if self.is_frozen {
            return;
        }
        match kind {
            Kind::Act => self.act(fate, world),
            Kind::Renew => self.renew(world),
            Kind::Work => self.work(world),
            Kind::Look => self.look(world),
        }
    }

    /// All that a worker does in a round, at once and without trouble.
    pub(super) fn round(&mut self, world: &mut World) {
        self.finish_intents(world);
        self.renew(world);
        self.finish_intents(world);
        self.work(world);
        self.finish_intents(world);
        let looks = self.looks;
        while self.looks == looks {
            self.look(world);
        }
        self.finish_intents(world);
    }

    fn finish_intents(&mut self, world: &mut World) {
        while !self.intents.is_empty() {
            self.act(Fate::Done, world);
        }
    }

    fn intend(&mut self, shard: &ShardId, write: Write, aim: Aim, world: &World) {
        let sent = Sent {
            by: self.name.clone(),
            shard: shard.clone(),
            write,
        };
        self.intents.push_back(Intent {
            sent,
            aim,
            begun: self.clock(world),
            task: self.tasks,
        });
    }

    /// Whether it is about to create the shard's lease.
    pub(super) fn creates(&self, shard: &ShardId) -> bool {
        let creates = |intent: &Intent| intent.aim == Aim::Create && intent.sent.shard == *shard;
        self.intents.iter().any(creates)
    }

    /// Whether a write for the shard is decided on: one follows the other.
    fn is_busy(&self, shard: &ShardId) -> bool {
        self.intents
            .iter()
            .any(|intent| intent.sent.shard == *shard)
    }

    fn renew(&mut self, world: &World) {
        let now = self.clock(world);
        for shard in self.held.keys().cloned().collect::<Vec<_>>() {
            let holding = &self.held[&shard].holding;
            if holding.standing(now) != Standing::Lost && !self.is_busy(&shard) {
                let write = Write::renew(holding.lease());
                self.tasks += 1;
                self.intend(&shard, write, Aim::Hold, world);
            }
        }
    }

    fn work(&mut self, world: &mut World) {
        let now = self.clock(world);
        for shard in self.held.keys().cloned().collect::<Vec<_>>() {
            if self.is_busy(&shard) {
                continue;
            }
            self.tasks += 1;
            let held = &self.held[&shard];
            let is_done = held.holding.lease().is_ended();
            match held.holding.standing(now) {
                Standing::Lost => drop(self.held.remove(&shard)),
                // Whoever is asked reads on for a while.
                Standing::Asked if !is_done && self.tasks.is_multiple_of(2) => {
                    self.read_on(&shard, world);
                }
                Standing::Ours if !is_done => self.read_on(&shard, world),
                _ => {
                    let write = Write::release(held.holding.lease());
                    self.intend(&shard, write, Aim::Release, world);
                }
            }
        }
    }

    fn read_on(&mut self, shard: &ShardId, world: &mut World) {
        let Some(held) = self.held.get_mut(shard) else {
            return;
        };
        let Some(read) = world.read(shard, held.read) else {
            return self.end(shard, world);
        };
        held.read = read;
        if let Some(write) = held.holding.advance(Position::from_offset(held.read)) {
            self.intend(shard, write, Aim::Hold, world);
        }
    }

    fn end(&mut self, shard: &ShardId, world: &World) {
        let mut rows = Vec::new();
        let mut row = None;
        while let Some((hash, lease)) = world.row_after(row) {
            row = Some(hash);
            rows.push(lease);
        }
        let Ok(end) = sync::end(shard, &world.list(), &rows) else {
            return;
        };
        for lease in end.create {
            let id = lease.shard.clone();
            self.intend(&id, Write::Create(lease), Aim::Create, world);
        }
        let write = Write::finish(self.held[shard].holding.lease(), end.children);
        self.intend(shard, write, Aim::Hold, world);
    }

    fn look(&mut self, world: &World) {
        if let Some((hash, lease)) = world.row_after(self.row) {
            self.row = Some(hash);
            self.rows.push(lease);
            return;
        }
        self.row = None;
        self.looks += 1;
        let rows = std::mem::take(&mut self.rows);
        let shards: BTreeSet<_> = self.held.keys().cloned().collect();
        let now = self.clock(world);
        for step in self.planner.plan(&rows, &shards, now) {
            let aim = match step.reason {
                Reason::Asked => Aim::Ask,
                _ => Aim::Take,
            };
            self.tasks += 1;
            self.intend(&step.shard, step.write, aim, world);
        }
        if rows.is_empty() || self.looks.is_multiple_of(3) {
            let changes = self.census.changes(&world.list(), &rows);
            self.tasks += 1;
            for lease in changes.create {
                let id = lease.shard.clone();
                self.intend(&id, Write::Create(lease), Aim::Create, world);
            }
            for lease in changes.delete {
                let (id, write) = (lease.shard.clone(), Write::renew(&lease));
                self.tasks += 1;
                self.intend(&id, write, Aim::Delete(Box::new(lease)), world);
            }
        }
    }

    fn act(&mut self, fate: Fate, world: &mut World) {
        let Some(intent) = self.intents.pop_front() else {
            return;
        };
        let shard = intent.sent.shard.clone();
        if let Aim::Delete(lease) = &intent.aim {
            world.delete(lease);
            return;
        }
        if intent.aim == Aim::Take && self.held.contains_key(&shard) {
            return;
        }
        if let Some(held) = self.held.get_mut(&shard) {
            held.holding.begin();
        }
        let answer = match fate {
            Fate::Done => Some(world.write(&intent.sent)),
            Fate::Unheard => world.write(&intent.sent).err().map(Err),
            Fate::Late => {
                world.send_late(intent.sent);
                None
            }
            Fate::NotDone => None,
        };
        let is_refused_creation = intent.aim == Aim::Create && matches!(answer, Some(Err(_)));
        if !matches!(answer, Some(Ok(_))) && !is_refused_creation {
            self.intents.retain(|other| other.task != intent.task);
        }
        match (intent.aim, answer) {
            (Aim::Take, Some(Ok(lease))) => self.taken(lease, intent.begun),
            (Aim::Release, Some(Ok(_))) => {
                self.held.remove(&shard);
                self.planner.released(&shard, self.clock(world));
            }
            (Aim::Hold, Some(Ok(lease))) => {
                if let Some(held) = self.held.get_mut(&shard) {
                    held.holding.done(lease, intent.begun);
                }
            }
            (Aim::Hold | Aim::Release, Some(Err(refused))) => {
                if let Some(held) = self.held.get_mut(&shard) {
                    held.holding.refused(refused.there);
                }
            }
            _ => {}
        }
    }

    fn taken(&mut self, lease: Lease, begun: Instant) {
        let read = match lease.checkpoint {
            Checkpoint::At(position) => position.offset(),
            _ => 0,
        };
        let shard = lease.shard.clone();
        let holding = Holding::new(self.name.clone(), lease, begun, self.failover);
        self.held.insert(shard, Held { holding, read });
    }
}
