//! Follows the chain of exports: new links become known hours, and their vehicles known vehicles. It
//! believes the storage and verifies no signature: `archiver verify` does that.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use schemas::{Timestamp, regulators::HOUR_MS};
use service::Shutdown;
use tokio::time;
use tracing::{error, info, warn};

use super::{
    document::read_rows,
    hour::Hour,
    published::{Link, PublishedHours},
    rows::RowCutter,
    topics::Topics,
    vehicles::Vehicles,
};
use crate::{
    export::{
        Store,
        chain::{self, Published},
        place::Place,
    },
    metrics,
};

/// It is looked this often whether there are new links: a request each time.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// So many links are asked for at once while there are many: a year of hours in a few seconds.
const MAX_LINKS_AT_ONCE: u64 = 32;
/// Vehicles are those of the last 30 days, by the specification.
const VEHICLES_MS: i64 = 30 * 24 * HOUR_MS;

/// What is known of the exports, for all requests.
#[derive(Debug, Clone)]
pub(crate) struct Known(Arc<RwLock<View>>);

/// What one request sees.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) hours: PublishedHours,
    pub(crate) vehicles: Vehicles,
}

/// Keeps what is known up to date.
pub(crate) struct Follower {
    pub(crate) store: Store,
    pub(crate) place: Place,
    pub(crate) topics: Arc<Topics>,
    pub(crate) known: Known,
    pub(crate) now_ms: fn() -> i64,
    /// Hours whose vehicles are not read yet.
    pub(crate) waiting: VecDeque<(Hour, Link)>,
}

impl Known {
    /// Nothing so far, and as many vehicles at any time.
    pub(crate) fn new(max_vehicles: usize) -> Self {
        Self(Arc::new(RwLock::new(View {
            hours: PublishedHours::default(),
            vehicles: Vehicles::new(max_vehicles),
        })))
    }

    /// Looks at it. No look waits for anything.
    pub(crate) fn look<Seen>(&self, look: impl FnOnce(&View) -> Seen) -> Seen {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<Seen>(&self, change: impl FnOnce(&mut View) -> Seen) -> Seen {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Follower {
    /// Follows until `stop` is requested. What cannot be read is tried again.
    pub(crate) async fn run(mut self, stop: Shutdown) {
        loop {
            let look = async {
                time::sleep(LOOK_INTERVAL).await;
                self.catch_up().await
            };
            match stop.unless_requested(look).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    metrics::provider_follow_failed();
                    let error = format!("{error:#}");
                    warn!(error, "new exports cannot be read, trying again");
                }
            }
        }
    }

    /// Reads all that is new. May be dropped: what was read stays, and the rest is read the next time.
    ///
    /// # Errors
    /// An error from the storage, and what is no export.
    pub(crate) async fn catch_up(&mut self) -> anyhow::Result<()> {
        self.read_links().await?;
        if !self.waiting.is_empty() {
            info!(hours = self.waiting.len(), "new exports");
        }
        let oldest = Hour::of(Timestamp((self.now_ms)().saturating_sub(VEHICLES_MS)));
        while let Some(&(hour, link)) = self.waiting.front() {
            let is_corrected = self.known.look(|view| view.hours.get(hour)) != Some(link);
            if hour >= oldest && !is_corrected {
                self.read_vehicles(hour, link).await?;
            }
            self.waiting.pop_front();
        }
        self.known
            .change(|view| view.vehicles.forget_before(oldest));
        let (until, vehicles) = self
            .known
            .look(|view| (view.hours.until(), view.vehicles.count()));
        if let Some(until) = until {
            metrics::provider_published_until(until.0);
        }
        metrics::provider_vehicles(vehicles);
        Ok(())
    }

    async fn read_links(&mut self) -> anyhow::Result<()> {
        let mut at_once = 1;
        loop {
            let next = self.known.look(|view| view.hours.next_link());
            let links = (next..next + at_once).map(|n| published(&self.store, &self.place, n));
            let links = try_join_all(links).await?;
            let is_end = links.iter().any(Option::is_none);
            for Published { manifest, .. } in links.into_iter().map_while(|link| link) {
                let taken = self.known.change(|view| view.hours.take(&manifest));
                self.waiting.extend(taken);
            }
            if is_end {
                return Ok(());
            }
            at_once = MAX_LINKS_AT_ONCE.min(at_once * 2);
        }
    }

    async fn read_vehicles(&self, hour: Hour, link: Link) -> anyhow::Result<()> {
        let published = published(&self.store, &self.place, link.n).await?;
        let manifest = published.context("a link is gone")?.manifest;
        let found = self.topics.vehicles.parts(&self.store, &manifest).await?;
        for part in &found.parts {
            let mut cutter = RowCutter::default();
            let read = read_rows(&self.store, part, |bytes| {
                self.known.change(|view| {
                    let vehicles = &mut view.vehicles;
                    cutter.feed(bytes, &mut |row: &[u8]| vehicles.take(hour, row))
                })
            });
            read.await.with_context(|| part.key.to_string())?;
            let ended = self.known.change(|view| {
                let vehicles = &mut view.vehicles;
                cutter.end(&mut |row: &[u8]| vehicles.take(hour, row))
            });
            ended.with_context(|| part.key.to_string())?;
        }
        let is_over = self.known.change(|view| {
            view.vehicles.end(hour);
            view.vehicles.is_over()
        });
        if is_over {
            error!("there are more vehicles than --max-vehicles: /vehicles is not answered");
        }
        Ok(())
    }
}

/// What link `n` says; None where there is none yet.
///
/// # Errors
/// An error from the storage, and what is no link.
pub(crate) async fn published(
    store: &Store,
    place: &Place,
    n: u64,
) -> anyhow::Result<Option<Published>> {
    let Some(link) = store.link(&place.chain(), n).await? else {
        return Ok(None);
    };
    let published = chain::parse(&link).with_context(|| place.link(n))?;
    Ok(Some(published))
}
