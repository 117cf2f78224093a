//! The model of a city: what it remembers, and what follows from that. It is one object wherever
//! it is stored, and one file.

use std::sync::Arc;

use anyhow::{Context, ensure};
use schemas::{Coordinate, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    City, Estimate, Lesson, Memory, Stage, drive::Goal, fit::Fitted, formula, memory::Learned,
    motion::Motion,
};
use crate::fix::Spot;

/// Says that the bytes are a model, in which layout.
const FORMAT: [u8; 8] = *b"hansomM1";
const ZSTD_LEVEL: i32 = 3;
/// Of fewer drives nothing is learned that holds.
const LEAST_DRIVES: usize = 50;
/// It is fitted again when a tenth of its drives is new, and after a day if any is.
const FIT_AT_ONE_NEW_OF: usize = 10;
const FIT_AFTER_S: f64 = 86_400.0;

/// A city's memory, and what was learned of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Model {
    predictor: Arc<Predictor>,
    memory: Memory,
}

/// What predicts: the part of a model that every shard has.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Predictor {
    city: City,
    fitted: Option<Fitted>,
    /// How many drives it was fitted to, and when the last of them ended.
    drives: usize,
    newest: Timestamp,
}

/// The predictors of all cities; where there is none, it is everywhere's, and without that the
/// formula.
#[derive(Debug, Clone, Default)]
pub struct Models(Arc<[Arc<Predictor>]>);

/// A drive at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) stage: Stage,
    pub(crate) began: Timestamp,
    pub(crate) from: Coordinate,
    pub(crate) here: Spot,
    pub(crate) motion: Motion,
    /// By which logarithm its vehicle's drives took longer lately.
    pub(crate) longer: f32,
    pub(crate) goal: Goal,
}

impl Model {
    /// One that knows nothing yet.
    pub fn new(city: City) -> Self {
        Self {
            predictor: Arc::new(Predictor {
                city,
                fitted: None,
                drives: 0,
                newest: Timestamp::default(),
            }),
            memory: Memory::default(),
        }
    }

    /// Of which city it is.
    pub fn city(&self) -> &City {
        &self.predictor.city
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What predicts, until it is fitted again.
    pub fn predictor(&self) -> &Arc<Predictor> {
        &self.predictor
    }

    /// Takes a lesson. It counts in predictions once the model is fitted again.
    pub fn learn(&mut self, lesson: Lesson) -> Learned {
        self.memory.learn(lesson)
    }

    /// Takes what another model of the city remembers; says how many drives were new.
    pub fn merge(&mut self, other: &Self) -> usize {
        self.memory.merge(&other.memory)
    }

    /// Whether enough was learned since it was fitted for that to be worth the time.
    pub fn is_fit_due(&self) -> bool {
        let known = &self.predictor;
        let (now, newest) = (self.memory.len(), self.memory.newest());
        let new = self.memory.ended_after(known.newest) + now.abs_diff(known.drives);
        let is_much = new * FIT_AT_ONE_NEW_OF >= now;
        let is_late = newest.seconds_since(known.newest) >= FIT_AFTER_S;
        now >= LEAST_DRIVES && new > 0 && (is_much || is_late)
    }

    /// Makes the predictor anew of all that it remembers. It takes seconds of a core.
    #[must_use]
    pub fn fitted(&self) -> Self {
        let city = self.city().clone();
        let fitted = Fitted::to(&self.memory, &city);
        Self {
            predictor: Arc::new(Predictor {
                city,
                fitted: Some(fitted),
                drives: self.memory.len(),
                newest: self.memory.newest(),
            }),
            memory: self.memory.clone(),
        }
    }

    /// The bytes in which it is stored.
    ///
    /// # Errors
    /// None so far.
    pub fn encode(&self) -> anyhow::Result<Vec<u8>> {
        let body = postcard::to_stdvec(self)?;
        let mut bytes = FORMAT.to_vec();
        bytes.extend(zstd::encode_all(&body[..], ZSTD_LEVEL)?);
        Ok(bytes)
    }

    /// The model that was stored.
    ///
    /// # Errors
    /// An error for bytes that are no model of a layout that this version knows, or are damaged.
    pub fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let body = bytes.strip_prefix(&FORMAT);
        ensure!(
            body.is_some(),
            "it is no model of a layout that this version knows"
        );
        let body = zstd::decode_all(body.unwrap_or_default()).context("it is damaged")?;
        let model: Self = postcard::from_bytes(&body).context("it is damaged")?;
        let fitted = model.predictor.fitted.as_ref();
        ensure!(fitted.is_none_or(Fitted::is_whole), "it is damaged");
        Ok(model)
    }
}

impl Models {
    /// The models of these cities. Where two have a place, the earlier one's counts.
    pub fn of(predictors: impl IntoIterator<Item = Arc<Predictor>>) -> Self {
        Self(predictors.into_iter().collect())
    }

    /// How long a drive still takes.
    pub(crate) fn estimate(&self, view: &View) -> Estimate {
        let predictor = self
            .0
            .iter()
            .find(|predictor| predictor.city.has(view.from));
        match predictor {
            Some(predictor) => predictor.estimate(view),
            None => formula::estimate(view),
        }
    }
}

impl Predictor {
    fn estimate(&self, view: &View) -> Estimate {
        let Some(fitted) = &self.fitted else {
            return formula::estimate(view);
        };
        let predicted = fitted.predict(view, &self.city);
        Estimate::of(predicted.map(|seconds| (seconds + view.longer).exp()))
    }
}
