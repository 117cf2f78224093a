//! Several workers and one table, in a world where everything goes wrong: writes are late, lost or
//! unheard of, looks at the table take their time, workers freeze and wake, crash and come back,
//! clocks run apart, shards split and merge. Every decision is made by the code that is shipped, and
//! every write goes through [`Write::apply`]. After each step the [`world`] checks its laws.

mod worker;
mod world;

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use self::{
    worker::{Fate, Kind, Worker},
    world::World,
};
use super::{worker::WorkerId, write::Write};

const FAILOVER: Duration = Duration::from_secs(10);
/// After so many rounds of peace, a third of the failover each, all is well. A dead worker's leases
/// are free after three rounds and a stalled hand-over after nine, a look may need a second one, and
/// every generation of shards begins when the one before has ended.
const ROUNDS: usize = 90;
/// So long it stays well.
const STILL_ROUNDS: usize = 30;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Step(prop::sample::Index, Kind, Fate),
    Pass(u64),
    Freeze(prop::sample::Index),
    Wake(prop::sample::Index),
    Restart(prop::sample::Index),
    Split(prop::sample::Index),
    Merge(prop::sample::Index),
    Retire(prop::sample::Index),
    Deliver(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let index = any::<prop::sample::Index>;
    let kind = prop_oneof![
        6 => Just(Kind::Act),
        2 => Just(Kind::Renew),
        3 => Just(Kind::Work),
        6 => Just(Kind::Look),
    ];
    let fate = prop_oneof![
        8 => Just(Fate::Done),
        1 => Just(Fate::Unheard),
        1 => Just(Fate::Late),
        1 => Just(Fate::NotDone),
    ];
    let event = prop_oneof![
        60 => (index(), kind, fate).prop_map(|(worker, kind, fate)| Event::Step(worker, kind, fate)),
        8 => (0_u64..6_000).prop_map(Event::Pass),
        2 => index().prop_map(Event::Freeze),
        2 => index().prop_map(Event::Wake),
        1 => index().prop_map(Event::Restart),
        1 => index().prop_map(Event::Split),
        1 => index().prop_map(Event::Merge),
        1 => index().prop_map(Event::Retire),
        3 => index().prop_map(Event::Deliver),
    ];
    proptest::collection::vec(event, 1..600)
}

/// The workers and their world.
struct Run {
    world: World,
    workers: Vec<Worker>,
    born: usize,
}

impl Run {
    fn new(workers: usize, shards: usize) -> Self {
        let mut run = Self {
            world: World::new(shards),
            workers: Vec::new(),
            born: 0,
        };
        for _ in 0..workers {
            let worker = run.worker();
            run.workers.push(worker);
        }
        run
    }

    fn worker(&mut self) -> Worker {
        self.born += 1;
        let name = WorkerId::new(&format!("hansom-{}", self.born));
        // Clocks that run up to a twentieth faster or slower.
        let percent = [100, 95, 105, 98][self.born % 4];
        Worker::new(name, percent, FAILOVER)
    }

    fn happen(&mut self, event: &Event) {
        let count = self.workers.len();
        match event {
            Event::Step(worker, kind, fate) => {
                self.workers[worker.index(count)].step(*kind, *fate, &mut self.world);
            }
            Event::Pass(ms) => self.world.now_ms += ms,
            Event::Freeze(worker) => self.workers[worker.index(count)].is_frozen = true,
            Event::Wake(worker) => self.workers[worker.index(count)].is_frozen = false,
            Event::Restart(worker) => self.workers[worker.index(count)] = self.worker(),
            Event::Split(shard) => self.world.split(*shard),
            Event::Merge(shard) => self.world.merge(*shard),
            Event::Retire(shard) => {
                let workers = &self.workers;
                let is_created = |id: &_| workers.iter().any(|worker| worker.creates(id));
                self.world.retire(*shard, is_created);
            }
            Event::Deliver(late) => self.world.deliver(*late),
        }
    }

    /// One round in which nothing goes wrong.
    fn round(&mut self) {
        self.world.now_ms += FAILOVER.as_millis() as u64 / 3;
        for worker in &mut self.workers {
            worker.round(&mut self.world);
        }
    }

    fn shares(&self) -> BTreeMap<String, Vec<String>> {
        let held = |worker: &Worker| (worker.name().to_string(), worker.holds(&self.world));
        self.workers.iter().map(held).collect()
    }

    fn check_shares(&self) {
        let shares = self.shares();
        let mut held: Vec<_> = shares.values().flatten().cloned().collect();
        held.sort();
        assert_eq!(held, self.world.readable(), "{:#?}", self.world);
        let counts = shares.values().map(Vec::len);
        let (least, most) = (counts.clone().min(), counts.max());
        assert!(most.unwrap() - least.unwrap() <= 1, "{shares:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_no_turn_is_lost_and_peace_brings_even_shares(
        workers in 1_usize..5, shards in 1_usize..7, events in events(),
    ) {
        let mut run = Run::new(workers, shards);
        for event in &events {
            run.happen(event);
        }
        for worker in &mut run.workers {
            worker.is_frozen = false;
        }
        for _ in 0..ROUNDS {
            run.round();
        }
        run.check_shares();
        let shares = run.shares();
        for _ in 0..STILL_ROUNDS {
            run.round();
            prop_assert_eq!(run.shares(), shares.clone());
        }
    }
}
