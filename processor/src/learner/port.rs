//! How workers and their learner speak: it calls, they offer lessons, and it says which of them are
//! stored; and it tells all of them by which models they predict. Nothing waits for an answer.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, oneshot, watch};

use crate::eta::{Lesson, Models};

/// Offers that wait for the learner at most: one a shard, of 1 MB.
const MAX_OFFERS: usize = 64;

/// A worker's side.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) news: watch::Receiver<News>,
    /// None where nobody learns.
    pub(crate) offers: Option<mpsc::Sender<Offer>>,
}

/// What a learner tells all workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct News {
    /// How often it has called for lessons.
    pub(crate) calls: u64,
    /// By which models they predict.
    pub(crate) models: Models,
}

/// Lessons that a worker offers.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) lessons: Vec<Lesson>,
    /// Hears which of them are stored; nothing, if none is.
    pub(crate) stored: oneshot::Sender<BTreeSet<Lesson>>,
}

/// The learner's side.
#[derive(Debug)]
pub(crate) struct Desk {
    news: watch::Sender<News>,
    offers: mpsc::Receiver<Offer>,
}

impl Port {
    /// The port of workers whose drives teach nobody.
    pub(crate) fn silent(models: Models) -> Self {
        let (_, news) = watch::channel(News { calls: 0, models });
        Self { news, offers: None }
    }
}

impl Desk {
    /// A desk and the port to it, where these models predict at first.
    pub(crate) fn open(models: Models) -> (Self, Port) {
        let (sender, news) = watch::channel(News { calls: 0, models });
        let (offers, receiver) = mpsc::channel(MAX_OFFERS);
        let desk = Self {
            news: sender,
            offers: receiver,
        };
        let offers = Some(offers);
        (desk, Port { news, offers })
    }

    /// Asks all workers for lessons.
    pub(crate) fn call(&self) {
        self.news.send_modify(|news| news.calls += 1);
    }

    /// Tells all workers to predict by these models.
    pub(crate) fn tell(&self, models: Models) {
        self.news.send_modify(|news| news.models = models);
    }

    /// What has been offered so far.
    pub(crate) fn take_offers(&mut self) -> Vec<Offer> {
        let mut offers = Vec::new();
        while offers.len() < MAX_OFFERS
            && let Ok(offer) = self.offers.try_recv()
        {
            offers.push(offer);
        }
        offers
    }
}
