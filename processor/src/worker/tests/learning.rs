//! What workers and their learner promise together: every drive is learned once, wherever they are
//! killed, and is let go once it is.

use objects::Chain;

use super::*;
use crate::{
    eta::{City, Lesson, Model},
    learner::{
        Learner, Settings as LearningSettings,
        testing::{model_of, ride},
    },
    snapshot,
};

fn rides() -> Vec<Record> {
    let names = (0..RIDES).map(|ride| format!("r{ride}"));
    names.flat_map(|name| ride(&name, 0.0)).collect()
}

/// What the rides teach.
fn taught() -> Model {
    let mut state = ShardState::default();
    for record in rides() {
        state.apply(&record, 0);
    }
    let lessons: Vec<_> = state.lessons().cloned().collect();
    assert_eq!(lessons.len(), RIDES);
    model_of(City::default(), &lessons)
}

/// Runs a process until all is learned and nothing waits to be, and then to its end.
async fn run_until_learned(
    stream: Arc<dyn Stream>,
    objects: Arc<dyn Objects>,
    seen: Arc<dyn Objects>,
) {
    let drain = Shutdown::new();
    let settings = Settings {
        learning: LearningSettings {
            learn_interval: Duration::from_millis(50),
            ..LearningSettings::default()
        },
        ..settings()
    };
    let ports = ports(stream, objects, Arc::new(MemoryCache::default()));
    let running = run(&settings, ports, Drain::ReadOut(drain.clone()));
    let end = async {
        while !is_learned(&seen).await {
            time::sleep(Duration::from_millis(5)).await;
        }
        drain.request();
    };
    // By the clock of the test, which waits for nobody.
    let end = time::timeout(Duration::from_hours(1), end);
    let end = async { end.await.expect("something waits to be learned") };
    let (ended, ()) = tokio::join!(running, end);
    ended.unwrap();
}

async fn is_learned(objects: &Arc<dyn Objects>) -> bool {
    let model = learned(objects).await;
    let drives = model.map_or(0, |model| model.memory().len());
    drives == RIDES && waiting(objects).await.is_empty()
}

async fn learned(objects: &Arc<dyn Objects>) -> Option<Model> {
    let chain = Chain::new(objects.clone(), "_models/everywhere");
    let (_, bytes) = chain.last().await.unwrap()?;
    Some(Model::decode(&bytes).unwrap())
}

/// Lessons in the last snapshots.
async fn waiting(objects: &Arc<dyn Objects>) -> Vec<Lesson> {
    let mut waiting = Vec::new();
    for shard in ["shard-0", "shard-1"] {
        let loaded = snapshot::last(objects, shard).await.unwrap();
        let states = loaded.iter().map(|loaded| &loaded.state);
        waiting.extend(states.flat_map(|state| state.lessons().cloned()));
    }
    waiting
}

async fn stream_of_rides() -> Arc<dyn Stream> {
    let stream: Arc<dyn Stream> = Arc::new(MemoryStream::open("memory:?shards=2").unwrap());
    append(&stream, &rides()).await;
    stream
}

#[tokio::test(start_paused = true)]
async fn wherever_they_are_killed_every_drive_is_learned_once_and_let_go() {
    let expected = taught();
    for kill_at in 1.. {
        let stream = stream_of_rides().await;
        let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
        let fuse = Arc::new(Fuse::burning(kill_at));
        let fused: Arc<dyn Objects> = Arc::new(Fused {
            inner: objects.clone(),
            fuse: fuse.clone(),
        });
        let killed = tokio::spawn(run_until_learned(stream.clone(), fused, objects.clone()));
        let kill = killed.abort_handle();
        let is_killed = tokio::select! {
            () = fuse.blown() => true,
            _ = killed => false,
        };
        kill.abort();
        while !kill.is_finished() {
            tokio::task::yield_now().await;
        }
        run_until_learned(stream, objects.clone(), objects.clone()).await;
        let model = learned(&objects).await.unwrap();
        assert_eq!(model.memory(), expected.memory(), "killed at {kill_at}");
        if !is_killed {
            assert!(kill_at > 10, "there is little to kill it at: {kill_at}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lessons_that_are_not_learned_are_in_the_last_snapshot() {
    let objects: Arc<dyn Objects> = Arc::new(MemoryObjects::default());
    let drain = Shutdown::new();
    drain.request();
    let (stream, cache) = (stream_of_rides().await, Arc::new(MemoryCache::default()));
    let mut consumer = stream.consumer(GROUP);
    // One that is dropped would be handed out again.
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut shard = consumer.acquire().await.unwrap();
        let tools = Tools {
            settings: settings(),
            snapshots: Snapshots::of(objects.clone(), shard.id()),
            producer: stream.producer(),
            cache: cache.clone(),
            learner: learner(&objects),
            drain: Drain::ReadOut(drain.clone()),
        };
        let mut worker = Worker::start(&mut *shard, tools).await.unwrap();
        let end = worker.follow(&mut *shard).await.unwrap();
        assert_eq!(end, End::Drained);
        held.push(shard);
    }
    drop((held, consumer));
    assert_eq!(waiting(&objects).await.len(), RIDES);
    assert!(learned(&objects).await.is_none());
    run_until_learned(stream, objects.clone(), objects.clone()).await;
    assert_eq!(learned(&objects).await.unwrap().memory(), taught().memory());
}

/// The port to a learner that never gets to learn.
fn learner(objects: &Arc<dyn Objects>) -> Port {
    let cities = Cities::default();
    let (_, port) = Learner::new(Duration::from_hours(1), cities, objects);
    port
}
