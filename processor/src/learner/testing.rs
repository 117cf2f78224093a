//! Lessons and models for the tests of what is learned. No behaviour.

use std::ops::Range;

use schemas::{Record, RideEventKind};

use crate::{
    ShardState,
    eta::{City, Lesson, Model},
    testing::{assigned, event, ping, second},
};

/// A drive takes so long, s.
pub(crate) const DRIVE_S: i64 = 100;

/// The records of a ride that teaches one lesson: a drive from there to the east.
pub(crate) fn ride(name: &str, from_east_m: f64) -> Vec<Record> {
    let to_east_m = from_east_m + DRIVE_S as f64 * 10.0;
    let mut records = vec![
        event(name, name, 0, assigned(from_east_m, to_east_m)),
        event(name, name, 1, RideEventKind::PickedUp),
    ];
    for at_s in (2..DRIVE_S).step_by(10) {
        records.push(ping(name, at_s, from_east_m + at_s as f64 * 10.0));
    }
    let end = RideEventKind::DroppedOff { fare: None };
    records.push(event(name, name, DRIVE_S, end));
    records
}

/// What the drives of these numbers teach, which begin there.
pub(crate) fn lessons_from(drives: Range<u32>, from_east_m: f64) -> Vec<Lesson> {
    let mut state = ShardState::default();
    let count = drives.len();
    for drive in drives {
        for record in ride(&format!("d{drive}"), from_east_m) {
            state.apply(&record, second(0).0);
        }
    }
    let lessons: Vec<_> = state.lessons().cloned().collect();
    assert_eq!(lessons.len(), count);
    lessons
}

/// The same, in San Francisco.
pub(crate) fn lessons(drives: Range<u32>) -> Vec<Lesson> {
    lessons_from(drives, 0.0)
}

/// The model of a city that has learned these.
pub(crate) fn model_of(city: City, lessons: &[Lesson]) -> Model {
    let mut model = Model::new(city);
    for lesson in lessons {
        model.learn(lesson.clone());
    }
    model
}
