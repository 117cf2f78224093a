//! Workers that come and go under load: of one processor and one archiver there are four each, and then
//! two. One is killed, one is frozen for longer than its leases last, one leaves in order. Everything
//! is there once, and nobody who looks at the cache sees a ride go backwards. How long a shard stands
//! still when it goes from one worker to another is measured and said.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use faults::{Plan, servers::Redis};

use super::Bucket;
use crate::support::{
    cloud::{Cloud, STREAM},
    fleet::{Acked, Traffic, send_until, state, undisturbed},
    hand_over::{Absence, Cause, Changes, hand_overs, report},
    leases::{self, Leases},
    readers,
    services::{Places, Service, Services, archiver, ingest, processor},
    versions, wait_for,
};

/// Enough that each of four workers has some, and loses some.
const SHARDS: u32 = 8;
/// Of each fleet: two send at a time, one after the other for as long as workers come and go. Few
/// vehicles with much to say, so that rides of every shard change all the time, and some end.
const TRAFFIC: Traffic = Traffic {
    vehicles: 15,
    fixes: 9_000,
    connections: 1,
    batch: 30,
};
/// What is read is stored so often: seldom enough that the one server of all does not make them wait.
const EVERY: &str = "4s";
/// A worker is frozen for so long at least: for several times as long as its leases last.
const FROZEN: Duration = Duration::from_secs(30);
/// Leases run out soon. Sixteen readers of shards share a machine with all servers: reads that come too
/// often would keep each other waiting, and be all that is measured.
const STREAM_OPTIONS: &str = "linger=50ms&poll=200ms&failover=3s";
/// Other ones, for whoever measures: `linger=100ms` gives the defaults.
const OPTIONS: &str = "HANSOM_TEST_STREAM_OPTIONS";

/// The workers of one kind, and their table of leases.
struct Crew {
    group: &'static str,
    workers: Vec<Service>,
    leases: Leases,
    absences: Vec<Absence>,
}

impl Crew {
    fn of(group: &'static str, first: Service, cloud: &Cloud) -> Self {
        Self {
            group,
            workers: vec![first],
            leases: Leases {
                dynamodb: cloud.dynamodb(),
                name: format!("{STREAM}-{group}"),
            },
            absences: Vec::new(),
        }
    }

    /// How many shards each worker has; none while one of the shards is nobody's, or on its way.
    fn shares(&self) -> Option<BTreeMap<String, usize>> {
        let owners = self.leases.owners();
        let mut shares = BTreeMap::new();
        for owner in owners.values().filter(|owner| !owner.is_empty()) {
            *shares.entry(owner.clone()).or_default() += 1;
        }
        let all: usize = shares.values().sum();
        (all == SHARDS as usize).then_some(shares)
    }

    /// Waits until these workers, and no others, share all shards, and none has two more than
    /// another.
    fn wait_for_shares(&self, of: &BTreeSet<String>) {
        wait_for(&format!("{} {} to share all", of.len(), self.group), || {
            let shares = self.shares()?;
            let (least, most) = (shares.values().min()?, shares.values().max()?);
            let is_fair = most - least <= 1;
            (is_fair && shares.keys().eq(of)).then_some(())
        });
    }

    /// Waits until every shard has gone on from where it is now.
    fn wait_to_go_on(&self) {
        let before = self.leases.checkpoints();
        wait_for(
            &format!("each shard of the {} to go on", self.group),
            || {
                let now = self.leases.checkpoints();
                let mut shards = before.iter();
                let is_on = shards.all(|(shard, before)| now[shard] > *before);
                (is_on && before.len() == SHARDS as usize).then_some(())
            },
        );
    }

    fn names(&self) -> BTreeSet<String> {
        self.workers.iter().map(Service::worker).collect()
    }

    /// Waits until the workers share all, and each shard goes on.
    fn settle(&self) {
        self.wait_for_shares(&self.names());
        self.wait_to_go_on();
    }

    /// Notes that this worker is away from now on.
    fn miss(&mut self, worker: String, cause: Cause) {
        self.absences.push(Absence {
            worker,
            cause,
            from: Instant::now(),
            until: None,
        });
    }

    fn kill_one(&mut self) {
        let worker = self.workers.remove(0);
        self.miss(worker.worker(), Cause::Killed);
        worker.kill();
    }

    fn freeze_one(&mut self) {
        let worker = self.workers[0].worker();
        self.miss(worker, Cause::Frozen);
        self.workers[0].signal("STOP");
    }

    /// Waits until the others have all shards and have gone on with them.
    fn wait_for_others(&self) {
        let frozen = self.workers[0].worker();
        let mut others = self.names();
        others.remove(&frozen);
        self.wait_for_shares(&others);
        self.wait_to_go_on();
    }

    fn wake_it(&mut self) {
        self.absences.last_mut().unwrap().until = Some(Instant::now());
        self.workers[0].signal("CONT");
    }

    fn let_one_leave(&mut self) {
        let worker = self.workers.pop().unwrap();
        self.miss(worker.worker(), Cause::Left);
        worker.stop();
    }
}

/// Lets workers come and go.
fn scale(crews: &mut [Crew; 2], start: impl Fn(&str) -> Service) {
    crews.iter().for_each(Crew::settle);
    for crew in &mut *crews {
        crew.workers.extend((0..3).map(|_| start(crew.group)));
    }
    crews.iter().for_each(Crew::settle);
    crews.iter_mut().for_each(Crew::kill_one);
    crews.iter().for_each(Crew::settle);

    crews.iter_mut().for_each(Crew::freeze_one);
    let frozen_at = Instant::now();
    crews.iter().for_each(Crew::wait_for_others);
    thread::sleep(FROZEN.saturating_sub(frozen_at.elapsed()));
    crews.iter_mut().for_each(Crew::wake_it);
    crews.iter().for_each(Crew::settle);

    crews.iter_mut().for_each(Crew::let_one_leave);
    crews.iter().for_each(Crew::settle);
}

/// How long shards stood still, in words.
fn measured(crews: &[Crew; 2], tables: &[leases::Seen; 2], cache: &versions::Seen) -> Vec<String> {
    let changes = Changes::of(cache, &crews[0].leases.rows());
    let mut said = vec![format!(
        "between two changes of a shard: {}",
        changes.pauses()
    )];
    let rides = [Some(&changes), None];
    for ((crew, seen), rides) in crews.iter().zip(tables).zip(rides) {
        let hand_overs = hand_overs(&seen.sights);
        said.extend(report(crew.group, &hand_overs, &crew.absences, rides));
    }
    said
}

#[test]
fn no_ride_goes_backwards_while_workers_come_and_go() {
    let test = "no_ride_goes_backwards_while_workers_come_and_go";
    let Some(cloud) = Cloud::start(test, SHARDS, Plan::CALM) else {
        return;
    };
    let Some(python) = readers::python(test) else {
        return;
    };
    let Some(redis) = Redis::start(test) else {
        return;
    };
    let begun = Instant::now();
    let cache_url = format!("redis://{}", redis.address());
    let options = env::var(OPTIONS);
    let stream = cloud.stream(options.as_deref().unwrap_or(STREAM_OPTIONS));
    let (objects, archive) = (cloud.objects("state"), cloud.objects("archive"));
    let start = |group: &str| match group {
        "processor" => processor(&stream, &objects, &cache_url, EVERY),
        _ => archiver(&stream, &archive, EVERY),
    };
    let ingests = [0, 1].map(|_| ingest(&stream));
    let versions = versions::Watch::start(redis.address());
    let groups = ["processor", "archiver"];
    let mut crews = groups.map(|group| Crew::of(group, start(group), &cloud));
    let tables = crews.each_ref().map(|crew| crew.leases.watch());

    let is_over = AtomicBool::new(false);
    let acked = thread::scope(|scope| {
        let is_over = &is_over;
        let sending = ["north", "south"].into_iter().zip(&ingests);
        let sending: Vec<_> = sending
            .map(|(name, to)| {
                let of = move |number| (format!("{name}-{number}"), to.address("ingest"));
                scope.spawn(move || send_until(is_over, TRAFFIC, of))
            })
            .collect();
        // Whatever becomes of it, nobody sends for ever.
        let scaled = thread::scope(|scope| scope.spawn(|| scale(&mut crews, start)).join());
        is_over.store(true, Ordering::Relaxed);
        let acked = sending.into_iter().map(|sending| sending.join().unwrap());
        let acked: Acked = acked.flatten().collect();
        scaled.unwrap();
        acked
    });
    eprintln!("all have come and gone after {:?}", begun.elapsed());
    let tables = tables.map(leases::Watch::stop);
    let fleets: Vec<&str> = acked.keys().map(String::as_str).collect();
    let calm = undisturbed(&fleets, TRAFFIC);
    let count: usize = acked.values().map(Vec::len).sum();
    eprintln!("{count} pings, {} trips", calm.trips.len());
    assert!(calm.trips.len() > 10, "only {} trips", calm.trips.len());
    for processor in &crews[0].workers {
        wait_for("the rides of the undisturbed run in either", || {
            let now = state(processor.address("live"), acked.keys())?;
            (now == calm.state).then_some(())
        });
    }
    let cache = versions.stop();
    eprintln!("{}", measured(&crews, &tables, &cache).join("\n"));
    for seen in tables {
        assert!(seen.odd.is_empty(), "{:#?}", seen.odd);
    }
    assert!(cache.odd.is_empty(), "{:#?}", cache.odd);
    let [processors, archivers] = crews.map(|crew| crew.workers);
    let places = Places {
        streams: [stream.clone(), stream],
        state: objects,
        archive,
        cache: cache_url,
        spools: None,
    };
    let services = Services {
        places,
        ingests: ingests.into(),
        processors,
        archivers,
    };
    let bucket = Bucket {
        cloud: &cloud,
        python,
    };
    services.check(&bucket, &calm, &acked);
    eprintln!("all is there after {:?}", begun.elapsed());
}
