//! A process of the processor: it shares out the shards that fall to it to workers, beside the learner
//! that all of them teach. What is done with a shard is `worker`'s.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use objects::Objects;
use service::Drain;
use tokio::{task::JoinSet, time};
use transport::Stream;

use crate::{
    Cache, Settings,
    eta::Models,
    learner::{Cities, Learner, Learning, port::Port},
    metrics,
    snapshot::Snapshots,
    worker::{Tools, work},
};

/// The group under which all processors share out the shards.
pub(crate) const GROUP: &str = "processor";
/// Shards are not waited with for longer until it is known what was learned.
const FIRST_NEWS_WAIT: Duration = Duration::from_secs(10);

/// What a processor acts on.
pub struct Ports {
    /// What it reads, and writes trips to.
    pub stream: Arc<dyn Stream>,
    /// Where the state of the shards is kept, and what was learned.
    pub objects: Arc<dyn Objects>,
    /// Where it shows rides and vehicles.
    pub cache: Arc<dyn Cache>,
    /// What is known of cities to begin with.
    pub cities: Cities,
}

/// Follows all shards that fall to this process, until `drain` is requested and what it says is
/// to be read is processed and stored.
///
/// # Errors
/// An error that needs a human: the stream is broken for good, or a snapshot cannot be read.
pub async fn run(settings: &Settings, ports: Ports, drain: Drain) -> anyhow::Result<()> {
    metrics::describe();
    let Ports {
        stream,
        objects,
        cache,
        cities,
    } = ports;
    let mut consumer = stream.consumer(GROUP);
    let mut learning = JoinSet::new();
    let port = learn(settings, cities, &objects, &mut learning);
    tokio::select! {
        () = drain.requested() => {}
        () = first_news(port.clone()) => {}
    }
    let mut workers = JoinSet::new();
    loop {
        tokio::select! {
            () = drain.requested() => break,
            shard = consumer.acquire() => {
                let shard = shard.context("acquire a shard")?;
                let tools = Tools {
                    settings: settings.clone(),
                    snapshots: Snapshots::of(objects.clone(), shard.id()),
                    producer: stream.producer(),
                    cache: cache.clone(),
                    learner: port.clone(),
                    drain: drain.clone(),
                };
                workers.spawn(work(shard, tools));
            }
            Some(ended) = workers.join_next() => ended.context("a worker panicked")??,
            Some(ended) = learning.join_next() => ended.context("the learner panicked")?,
        }
    }
    drop(consumer);
    while let Some(ended) = workers.join_next().await {
        ended.context("a worker panicked")??;
    }
    // What waits to be learned is in the snapshots: the learner may be dropped in what it does.
    Ok(())
}

/// Begins to learn, unless that is not wanted.
fn learn(
    settings: &Settings,
    cities: Cities,
    objects: &Arc<dyn Objects>,
    learning: &mut JoinSet<()>,
) -> Port {
    let settings = &settings.learning;
    match settings.learning {
        Learning::On => {
            let (learner, port) = Learner::new(settings.learn_interval, cities, objects);
            learning.spawn(learner.run());
            port
        }
        Learning::Off => {
            let models = cities.models().iter();
            Port::silent(Models::of(models.map(|model| model.predictor().clone())))
        }
    }
}

/// Waits until it is known what was learned so far, and not for long.
async fn first_news(mut port: Port) {
    if port.offers.is_some() {
        // Without news they predict by what was given, and else by a formula.
        let _news = time::timeout(FIRST_NEWS_WAIT, port.news.changed()).await;
    }
}
