//! What a learner promises its workers: lessons are stored before it says so, in their cities, and
//! what others have learned comes within an interval.

use objects::{Chain, memory::MemoryObjects};
use proptest::{collection::vec, prelude::*};
use tokio::{sync::oneshot, task::JoinSet};

use super::{
    testing::{Before, Eventful, lessons, lessons_from, model_of},
    *,
};
use crate::eta::{City, Model};

const INTERVAL: Duration = Duration::from_mins(5);
const SF: &str = "sf=37.77,-122.42,80,America/Los_Angeles";
const FAR_M: f64 = 200_000.0;

/// A process that learns; it falls when it is dropped.
struct Process {
    port: Port,
    learning: JoinSet<()>,
}

impl Process {
    async fn start(objects: &Arc<dyn Objects>, cities: &str) -> Self {
        let settings = Settings {
            cities: cities
                .split_whitespace()
                .map(|city| city.parse().unwrap())
                .collect(),
            ..Settings::default()
        };
        let cities = Cities::open(&settings).await.unwrap();
        let (learner, port) = Learner::new(INTERVAL, cities, objects);
        let mut process = Self {
            port,
            learning: JoinSet::new(),
        };
        process.learning.spawn(learner.run());
        process.port.news.changed().await.unwrap();
        process
    }

    fn offer(&self, lessons: &[Lesson]) -> oneshot::Receiver<BTreeSet<Lesson>> {
        let (stored, answer) = oneshot::channel();
        let offer = Offer {
            lessons: lessons.to_vec(),
            stored,
        };
        self.port.offers.as_ref().unwrap().try_send(offer).unwrap();
        answer
    }
}

fn storage() -> Arc<dyn Objects> {
    Arc::new(MemoryObjects::default())
}

async fn stored(objects: &Arc<dyn Objects>, city: &str) -> Option<Model> {
    let chain = Chain::new(objects.clone(), format!("_models/{city}"));
    let (_, bytes) = chain.last().await.unwrap()?;
    Some(Model::decode(&bytes).unwrap())
}

fn set(lessons: &[Lesson]) -> BTreeSet<Lesson> {
    lessons.iter().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn lessons_of_all_workers_are_in_one_link_by_the_time_they_are_let_go() {
    let objects = storage();
    let process = Process::start(&objects, "").await;
    let (one, other) = (lessons(0..3), lessons(3..5));
    let answers = (process.offer(&one), process.offer(&other));
    assert_eq!(answers.0.await.unwrap(), set(&one));
    let model = stored(&objects, "everywhere").await.unwrap();
    assert_eq!(model.memory().len(), 5);
    assert_eq!(answers.1.await.unwrap(), set(&other));
}

#[tokio::test(start_paused = true)]
async fn a_drive_teaches_the_city_where_it_began_and_else_everywhere() {
    let objects = storage();
    let process = Process::start(&objects, SF).await;
    let (near, far) = (lessons(0..2), lessons_from(2..5, FAR_M));
    let all = [near, far].concat();
    assert_eq!(process.offer(&all).await.unwrap(), set(&all));
    for (city, drives) in [("sf", 2), ("everywhere", 3)] {
        let model = stored(&objects, city).await.unwrap();
        assert_eq!(model.memory().len(), drives, "{city}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_city_that_cannot_learn_keeps_its_lessons_and_no_others() {
    let objects = storage();
    let chain = Chain::new(objects.clone(), "_models/sf");
    let _put = chain.put(1, b"no model"[..].into()).await.unwrap();
    let process = Process::start(&objects, SF).await;
    let (near, far) = (lessons(0..2), lessons_from(2..5, FAR_M));
    let answer = process.offer(&[near, far.clone()].concat());
    assert_eq!(answer.await.unwrap(), set(&far));
}

#[tokio::test(start_paused = true)]
async fn what_others_learn_is_news_once() {
    let objects = storage();
    let (mut learner, _port) = Learner::new(INTERVAL, Cities::default(), &objects);
    let other = Process::start(&objects, "").await;
    learner.learn(Vec::new()).await;
    learner.tell();
    other.offer(&lessons(0..3)).await.unwrap();
    learner.learn(Vec::new()).await;
    assert!(learner.is_news());
    learner.tell();
    learner.learn(Vec::new()).await;
    assert!(!learner.is_news());
}

#[tokio::test(start_paused = true)]
async fn a_call_comes_within_an_interval() {
    let mut process = Process::start(&storage(), "").await;
    for calls in 1..5 {
        let called = time::Instant::now();
        process.port.news.changed().await.unwrap();
        assert_eq!(process.port.news.borrow().calls, calls);
        let limits = INTERVAL.mul_f64(SHORTEST_SHARE)..=INTERVAL + ANSWERS_WAIT;
        assert!(limits.contains(&called.elapsed()), "{:?}", called.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_delays_what_is_learned() {
    let objects = storage();
    let failing = Eventful::storage(
        &objects,
        [Before::Fails, Before::IsUnanswered, Before::Fails],
    );
    let process = Process::start(&failing, "").await;
    let lessons = lessons(0..3);
    for expected in [BTreeSet::new(), BTreeSet::new(), set(&lessons)] {
        assert_eq!(process.offer(&lessons).await.unwrap(), expected);
    }
    let expected = model_of(City::default(), &lessons);
    let model = stored(&objects, "everywhere").await.unwrap();
    assert_eq!(model.memory(), expected.memory());
}

/// Lessons of one process, and whether that falls before it hears that they are stored.
#[derive(Debug, Clone)]
struct Day {
    drives: Vec<u32>,
    process: usize,
    falls: bool,
}

fn days() -> impl Strategy<Value = Vec<Day>> {
    let day = (vec(0_u32..20, 1..6), 0_usize..3, any::<bool>());
    let day = day.prop_map(|(drives, process, falls)| Day {
        drives,
        process,
        falls,
    });
    vec(day, 1..8)
}

/// What is stored after these days; who falls has its lessons in a snapshot, and offers them again.
async fn after(days: Vec<Day>) -> Option<Model> {
    let objects = storage();
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(Process::start(&objects, "").await);
    }
    for day in days {
        let drives = day.drives.iter();
        let taught: Vec<_> = drives
            .flat_map(|drive| lessons(*drive..drive + 1))
            .collect();
        let answer = processes[day.process].offer(&taught).await.unwrap();
        assert_eq!(answer, set(&taught));
        if day.falls {
            processes[day.process] = Process::start(&objects, "").await;
            processes[day.process].offer(&taught).await.unwrap();
        }
    }
    stored(&objects, "everywhere").await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whoever_learns_in_whatever_order_and_falls_the_model_is_the_same(days in days()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let drives: BTreeSet<_> = days.iter().flat_map(|day| day.drives.clone()).collect();
        let all: Vec<_> = drives.into_iter().flat_map(|drive| lessons(drive..drive + 1)).collect();
        let model = runtime.block_on(after(days)).unwrap();
        let expected = model_of(City::default(), &all);
        prop_assert_eq!(model.memory(), expected.memory());
    }
}
