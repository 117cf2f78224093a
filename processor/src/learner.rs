//! What a process learns: a task that gathers the lessons of all its workers every few minutes, has
//! the model of each city learn them, and tells the workers by which models they predict. It knows
//! no shards and no rides, and what it has not stored it forgets: lessons are in the snapshots of
//! their shards until a model that is stored has them.
//!
//! The way of a lesson: a [`port`] takes it here from a worker; the [`school`] of its city takes the
//! last link of `_models/<city>/<n>`, [`study`] adds the lesson to that, and the school puts the next
//! link; only then the worker lets go of it. A crash anywhere in between has it learned again, which
//! changes nothing: a model's memory is a set. So all processes on a storage learn from each other,
//! and each predicts by what any of them had heard two intervals ago.

mod cities;
pub(crate) mod metrics;
pub(crate) mod port;
mod school;
mod settings;
mod study;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use objects::Objects;
use rand::RngExt as _;
use tokio::time;
use tracing::warn;

use crate::eta::{Lesson, Models, Predictor};
use port::{Desk, Offer, Port};
use school::School;

pub use cities::Cities;
pub use settings::{Learning, Settings};
pub(crate) use study::Counts;

/// Lessons of one offer at most, so that all that wait take some 50 MB.
pub(crate) const MAX_OFFERED: usize = 2_000;
/// Workers that are called answer between two batches.
const ANSWERS_WAIT: Duration = Duration::from_millis(200);
/// Intervals are as long as they may be or down to this share of it, so that of processes that began
/// together none runs into the others each time.
const SHORTEST_SHARE: f64 = 0.75;

/// Learns for all workers of a process.
pub(crate) struct Learner {
    schools: Vec<School>,
    desk: Desk,
    told: Vec<Arc<Predictor>>,
    interval: Duration,
}

/// Whether workers have more lessons than they could offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backlog {
    None,
    Some,
}

impl Learner {
    /// The learner of these cities, and the port to it.
    pub(crate) fn new(
        interval: Duration,
        cities: Cities,
        objects: &Arc<dyn Objects>,
    ) -> (Self, Port) {
        let models = cities.into_models().into_iter();
        let schools: Vec<_> = models
            .map(|model| School::new(objects.clone(), model))
            .collect();
        let told = predictors(&schools);
        let (desk, port) = Desk::open(Models::of(told.clone()));
        let learner = Self {
            schools,
            desk,
            told,
            interval,
        };
        (learner, port)
    }

    /// Learns until it is dropped, which it may be at any time. It begins with what is stored, of
    /// which workers hear as soon as it is known.
    pub(crate) async fn run(mut self) {
        self.learn(Vec::new()).await;
        self.tell();
        loop {
            let share = rand::rng().random_range(SHORTEST_SHARE..1.0);
            time::sleep(self.interval.mul_f64(share)).await;
            while self.hold_lesson().await == Backlog::Some {}
        }
    }

    /// Calls for lessons and learns what is offered, and what others have learned.
    async fn hold_lesson(&mut self) -> Backlog {
        self.desk.call();
        time::sleep(ANSWERS_WAIT).await;
        let offers = self.desk.take_offers();
        let backlog = self.learn(offers).await;
        if self.is_news() {
            self.tell();
        }
        backlog
    }

    async fn learn(&mut self, offers: Vec<Offer>) -> Backlog {
        let mut parts: Vec<_> = self.schools.iter().map(|_| Part::default()).collect();
        let mut stored: Vec<_> = offers.iter().map(|_| BTreeSet::new()).collect();
        let mut replies = Vec::new();
        let mut backlog = Backlog::None;
        for (from, offer) in offers.into_iter().enumerate() {
            if offer.lessons.len() >= MAX_OFFERED {
                backlog = Backlog::Some;
            }
            for lesson in offer.lessons {
                if let Some(at) = self.school_of(&lesson) {
                    parts[at].push(from, lesson);
                } else {
                    metrics::lesson_nowhere();
                    stored[from].insert(lesson);
                }
            }
            replies.push(offer.stored);
        }
        for (school, part) in self.schools.iter_mut().zip(parts) {
            let lessons: Arc<[Lesson]> = part.lessons.into();
            let learned = school.learn(lessons.clone()).await;
            report(school, &learned);
            if learned.is_err() {
                backlog = Backlog::None;
                continue;
            }
            for (from, lesson) in part.from.iter().zip(&*lessons) {
                stored[*from].insert(lesson.clone());
            }
        }
        for (reply, stored) in replies.into_iter().zip(stored) {
            // Who has left its shard has left its lessons to the next owner.
            let _heard = reply.send(stored);
        }
        backlog
    }

    /// Where a lesson is taught; nowhere, if it tells of no place.
    fn school_of(&self, lesson: &Lesson) -> Option<usize> {
        let place = lesson.place()?;
        self.schools.iter().position(|school| school.has(place))
    }

    fn is_news(&self) -> bool {
        let mut both = self.schools.iter().zip(&self.told);
        both.any(|(school, told)| !Arc::ptr_eq(school.predictor(), told))
    }

    fn tell(&mut self) {
        self.told = predictors(&self.schools);
        self.desk.tell(Models::of(self.told.clone()));
    }
}

/// What one city is to learn, and by whose offers.
#[derive(Default)]
struct Part {
    lessons: Vec<Lesson>,
    from: Vec<usize>,
}

impl Part {
    fn push(&mut self, from: usize, lesson: Lesson) {
        self.lessons.push(lesson);
        self.from.push(from);
    }
}

fn predictors(schools: &[School]) -> Vec<Arc<Predictor>> {
    let predictors = schools.iter().map(School::predictor);
    predictors.cloned().collect()
}

fn report(school: &School, learned: &anyhow::Result<Counts>) {
    let city = school.city().name();
    match learned {
        Ok(counts) => metrics::lessons(*counts),
        Err(error) => {
            metrics::model_failed();
            warn!(
                city,
                error = format!("{error:#}"),
                "learning later: lessons wait"
            );
        }
    }
    metrics::model(city, school.drives(), school.age());
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
