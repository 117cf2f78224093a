//! Lessons, models and a storage where things happen, for the tests of what is learned.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use objects::{Key, ObjectError, Objects, Put, Swap, Tag, Upload};
use schemas::{Record, RideEventKind};

use super::school::School;
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

/// What happens at a put.
pub(crate) enum Before {
    /// Another learns a drive, and is first.
    Another(u32),
    /// The storage is away before.
    Fails,
    /// The storage is away after.
    IsUnanswered,
}

/// A storage where these things happen at puts, the last first.
pub(crate) struct Eventful {
    inner: Arc<dyn Objects>,
    events: Mutex<Vec<Before>>,
}

impl Eventful {
    pub(crate) fn storage(
        inner: &Arc<dyn Objects>,
        events: impl IntoIterator<Item = Before>,
    ) -> Arc<dyn Objects> {
        Arc::new(Self {
            inner: inner.clone(),
            events: Mutex::new(events.into_iter().collect()),
        })
    }
}

#[async_trait]
impl Objects for Eventful {
    fn uri(&self, key: &Key) -> String {
        self.inner.uri(key)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.inner.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        let event = self.events.lock().unwrap().pop();
        let away = || ObjectError::Unavailable {
            key: key.to_string(),
            reason: "away".into(),
        };
        match event {
            Some(Before::Another(drive)) => {
                let mut another = School::new(self.inner.clone(), Model::default());
                another
                    .learn(lessons(drive..drive + 1).into())
                    .await
                    .unwrap();
            }
            Some(Before::Fails) => return Err(away()),
            Some(Before::IsUnanswered) => {
                let _put = self.inner.put_if_absent(key, bytes).await?;
                return Err(away());
            }
            None => {}
        }
        self.inner.put_if_absent(key, bytes).await
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        self.inner.put_if_unchanged(key, bytes, tag).await
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        self.inner.upload(key).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.inner.get(key).await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        self.inner.get_tagged(key).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        self.inner.get_range(key, range).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        self.inner.list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.inner.delete(key).await
    }
}
