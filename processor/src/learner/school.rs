//! A city's model and where it is kept: a chain of links in object storage, each the whole model, of
//! which the last is the truth. Whoever learns puts the next one; of two that do one wins, and the
//! other learns from it and tries again. What a model makes of lessons is `study`'s.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use bytes::Bytes;
use objects::{Chain, Objects, Put};
use schemas::Coordinate;
use tokio::{task, time::Instant};
use tracing::{info, warn};

use super::{
    metrics,
    study::{Change, Counts, Material, Studied, study},
};
use crate::eta::{City, Lesson, Model, Predictor};

/// What the keys of all models begin with.
pub(crate) const ROOT: &str = "_models/";
/// Links kept: the last, and one to go back to.
const KEPT_LINKS: u64 = 2;
/// Others that store the same city's model at the same moment are gone round so often.
const MAX_TRIES: u32 = 5;

/// A city that learns.
pub(super) struct School {
    city: City,
    chain: Chain,
    /// What was given to begin with, until it is stored or known to be.
    given: Option<Arc<Model>>,
    /// The last link, as far as is known.
    held: Option<Held>,
    predictor: Arc<Predictor>,
    /// When its model was last known to be the last one.
    seen: Instant,
}

/// A link as it is stored; nothing may be learned by it but in a copy that is stored next.
struct Held {
    /// 0 where the chain is empty.
    link: u64,
    model: Model,
}

/// What is to be taught, on a thread that may take long over it.
struct Class {
    link: u64,
    model: Model,
    given: Option<Arc<Model>>,
    lessons: Arc<[Lesson]>,
}

/// A model that was taught, and its bytes where it is to be stored.
struct Taught {
    model: Model,
    counts: Counts,
    bytes: Option<Bytes>,
}

impl School {
    /// The school of a model's city, which begins with what that knows.
    pub(super) fn new(objects: Arc<dyn Objects>, begin: Model) -> Self {
        let city = begin.city().clone();
        Self {
            chain: Chain::new(objects, format!("{ROOT}{}", city.name())),
            predictor: begin.predictor().clone(),
            given: (!begin.memory().is_empty()).then(|| begin.into()),
            held: None,
            seen: Instant::now(),
            city,
        }
    }

    pub(super) fn city(&self) -> &City {
        &self.city
    }

    /// Whether a drive that began there is its to learn.
    pub(super) fn has(&self, place: Coordinate) -> bool {
        self.city.has(place)
    }

    /// What predicts now.
    pub(super) fn predictor(&self) -> &Arc<Predictor> {
        &self.predictor
    }

    /// Learns these lessons, if any, and what others have learned. On Ok the last link has all of
    /// them. Safe to drop, but for the time that it took.
    ///
    /// # Errors
    /// An error of the storage, or one that says what to do about a link that is no model. What
    /// predicts stays. What was learned may be stored; learning it again changes nothing.
    pub(super) async fn learn(&mut self, lessons: Arc<[Lesson]>) -> anyhow::Result<Counts> {
        for _ in 0..MAX_TRIES {
            let Held { link, model } = self.load().await?;
            let class = Class {
                link,
                model,
                given: self.given.clone(),
                lessons: lessons.clone(),
            };
            let taught = task::spawn_blocking(|| class.teach()).await;
            let taught = taught.context("learn")??;
            let (counts, model) = (taught.counts, taught.model);
            let Some(bytes) = taught.bytes else {
                self.keep(Held { link, model });
                return Ok(counts);
            };
            let link = link + 1;
            let put = self.chain.put(link, bytes).await;
            match put.context("put the model")? {
                Put::Created => {
                    metrics::model_stored();
                    self.keep(Held { link, model });
                    self.prune(link).await;
                    return Ok(counts);
                }
                Put::Exists => metrics::model_lost(),
            }
        }
        bail!("others stored theirs first, {MAX_TRIES} times")
    }

    /// For how long what predicts was not known to be the last.
    pub(super) fn age(&self) -> Duration {
        self.seen.elapsed()
    }

    /// Drives that the model remembers, if it is known.
    pub(super) fn drives(&self) -> Option<usize> {
        self.held.as_ref().map(|held| held.model.memory().len())
    }

    /// Takes out what is held, if it is the last link, and else that from the storage.
    async fn load(&mut self) -> anyhow::Result<Held> {
        let last = self.chain.last_number().await;
        let last = last.context("look for the last model")?;
        // What is held is let go until it is known to be stored again.
        let held = self.held.take();
        if let Some(held) = held.filter(|held| held.link == last.unwrap_or(0)) {
            return Ok(self.seen(held));
        }
        let found = match last {
            Some(_) => self.chain.last().await.context("read the last model")?,
            None => None,
        };
        let Some((link, bytes)) = found else {
            let given = self.given.as_deref().cloned();
            let model = given.unwrap_or_else(|| Model::new(self.city.clone()));
            return Ok(self.seen(Held { link: 0, model }));
        };
        let name = self.city.name();
        let model = decode(bytes).await.with_context(|| {
            format!(
                "model {ROOT}{name}/{link:020} cannot be read; delete it to go on from the one \
                 before, or the whole of {ROOT}{name} to begin anew"
            )
        })?;
        info!(
            city = name,
            link,
            drives = model.memory().len(),
            "took a model"
        );
        let model = self.own(model);
        Ok(self.seen(Held { link, model }))
    }

    /// The model, as one of this city: where it is and what its clocks say is chosen here.
    fn own(&self, model: Model) -> Model {
        if *model.city() == self.city {
            return model;
        }
        let mut own = Model::new(self.city.clone());
        own.merge(&model);
        own
    }

    /// Takes note of what was found as the last link. Where something is given that it may lack, that
    /// goes on predicting until both are one.
    fn seen(&mut self, held: Held) -> Held {
        if self.given.is_none() {
            self.predictor = held.model.predictor().clone();
        }
        self.seen = Instant::now();
        held
    }

    /// Keeps the last link, which has all that was given.
    fn keep(&mut self, held: Held) {
        self.given = None;
        let held = self.seen(held);
        self.held = Some(held);
    }

    /// Lets old links go. Those that stay are let go with the next.
    async fn prune(&self, last: u64) {
        if last <= KEPT_LINKS {
            return;
        }
        if let Err(error) = self.chain.prune(last - KEPT_LINKS).await {
            warn!(city = self.city.name(), %error, "old models stay");
        }
    }
}

impl Class {
    fn teach(self) -> anyhow::Result<Taught> {
        let material = Material {
            given: self.given.as_deref(),
            lessons: &self.lessons,
        };
        let Studied {
            mut model,
            counts,
            change,
        } = study(self.model, material);
        if change == Change::FitDue {
            let began = Instant::now();
            model = model.fitted();
            metrics::model_fitted(began.elapsed());
        }
        let is_first = self.link == 0 && !model.memory().is_empty();
        let bytes = (is_first || change != Change::Nothing).then(|| model.encode());
        Ok(Taught {
            counts,
            bytes: bytes.transpose()?.map(Bytes::from),
            model,
        })
    }
}

async fn decode(bytes: Bytes) -> anyhow::Result<Model> {
    let decoded = task::spawn_blocking(move || Model::decode(&bytes)).await;
    decoded.context("decode a model")?
}

#[cfg(test)]
mod tests;
