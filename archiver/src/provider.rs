//! The Provider API of MDS 2.0, over the hours that `archiver export` has published: an agency asks here
//! for what it could also fetch as files. It computes nothing anew, so that both say the same, and it
//! knows nothing of the archive: what is not published yet is not answered.
//!
//! A [`follow::Follower`] reads the chain of exports; a request looks up its hour there, and its
//! [`document::Document`] is put together of the files as it is sent. `docs/exports.md` describes all of
//! it for agencies and operators.

mod accept;
mod document;
mod follow;
mod hour;
mod page;
mod problem;
mod published;
mod reader;
mod recent;
mod rows;
#[cfg(test)]
mod tests;
mod topics;
mod vehicles;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use access::Guard;
use anyhow::{Context as _, ensure};
use axum::{
    Router,
    extract::{
        MatchedPath, Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use objects::Objects;
use schemas::Timestamp;
use serde::Deserialize;
use service::{Listener, Shutdown};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::{
    document::Document,
    follow::{Follower, Known, LOOK_INTERVAL},
    hour::{Answer, Hour, decide},
    problem::Problem,
    published::Link,
    reader::Reader,
    topics::{PROFILE, Parts, TopicFiles, Topics},
};
use crate::{
    export::{Store, place::Place},
    metrics,
    worker::unix_ms,
};

/// Answers out of files that are under way at once: each holds a piece of a file, of 1 MiB.
const MAX_ANSWERS: usize = 64;
/// An answer that is under way at the end gets this long; a client that is stuck gets no more.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Data may be asked for again after this long, in ms: then new exports have been looked for.
const TTL_MS: u128 = LOOK_INTERVAL.as_millis();

/// What is served, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Where the exports are for, as it was exported by.
    pub(crate) jurisdiction: String,
    /// The fleet that credentials must be for.
    pub(crate) reader: String,
    /// Where agencies reach the API; links to further pages are relative without it.
    pub(crate) public_url: Option<String>,
    /// Vehicles that are kept in memory.
    pub(crate) max_vehicles: usize,
}

/// The Provider API before it is served.
pub(crate) struct Provider {
    app: App,
    follower: Follower,
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    store: Store,
    place: Place,
    topics: Arc<Topics>,
    known: Known,
    guard: Arc<Guard>,
    terms: Arc<Terms>,
    answers: Arc<Semaphore>,
    now_ms: fn() -> i64,
}

impl Terms {
    /// # Errors
    /// A URL that is none of HTTP.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let is_http = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        ensure!(
            self.public_url.as_ref().is_none_or(is_http),
            "--public-url: it begins with neither https:// nor http://"
        );
        Ok(())
    }
}

impl Provider {
    /// Reads all that is published so far: some seconds a year of hours.
    ///
    /// # Errors
    /// An error from the storage, and what is no export.
    pub(crate) async fn open(
        exports: Arc<dyn Objects>,
        guard: Arc<Guard>,
        terms: Terms,
    ) -> anyhow::Result<Self> {
        Self::open_at(exports, guard, terms, unix_ms).await
    }

    async fn open_at(
        exports: Arc<dyn Objects>,
        guard: Arc<Guard>,
        terms: Terms,
        now_ms: fn() -> i64,
    ) -> anyhow::Result<Self> {
        metrics::describe_provider();
        let app = App {
            store: Store::new(exports),
            place: Place::new(PROFILE, &terms.jurisdiction),
            topics: Arc::new(Topics::built_in()?),
            known: Known::new(terms.max_vehicles),
            guard,
            terms: Arc::new(terms),
            answers: Arc::new(Semaphore::new(MAX_ANSWERS)),
            now_ms,
        };
        let mut follower = Follower {
            store: app.store.clone(),
            place: app.place.clone(),
            topics: Arc::clone(&app.topics),
            known: app.known.clone(),
            now_ms,
            waiting: VecDeque::new(),
        };
        follower
            .catch_up()
            .await
            .context("read what is published")?;
        Ok(Self { app, follower })
    }

    /// Serves until `shutdown` is requested.
    ///
    /// # Errors
    /// None so far: trouble with one connection is not the port's. It is the form of services.
    pub(crate) async fn serve(self, listener: Listener, shutdown: Shutdown) -> anyhow::Result<()> {
        let router = routes(self.app);
        tokio::join!(
            service::serve_within(listener, router, shutdown.clone(), LAST_ANSWERS),
            self.follower.run(shutdown)
        );
        Ok(())
    }
}

fn routes(app: App) -> Router {
    Router::new()
        .route("/trips", get(trips))
        .route("/telemetry", get(telemetry))
        .route("/events/historical", get(historical_events))
        .route("/events/recent", get(recent::show))
        .route("/vehicles", get(list_vehicles))
        .route("/vehicles/{device_id}", get(show_vehicle))
        .fallback(async || Problem::NoSuchPage)
        .method_not_allowed_fallback(async || Problem::WrongMethod)
        .layer(middleware::from_fn(count))
        .with_state(app)
}

/// Which hour is asked for. Each endpoint has its own name of it.
#[expect(clippy::struct_field_names, reason = "MDS names them so")]
#[derive(Debug, Deserialize)]
struct AskedHour {
    end_time: Option<String>,
    telemetry_time: Option<String>,
    event_time: Option<String>,
}

type HourQuery = Result<Query<AskedHour>, QueryRejection>;

async fn trips(
    State(app): State<App>,
    _reader: Reader,
    query: HourQuery,
) -> Result<Response, Problem> {
    let hour = read_hour("end_time", query?.0.end_time.as_deref())?;
    app.hour(hour, &app.topics.trips).await
}

async fn telemetry(
    State(app): State<App>,
    _reader: Reader,
    query: HourQuery,
) -> Result<Response, Problem> {
    let hour = read_hour("telemetry_time", query?.0.telemetry_time.as_deref())?;
    app.hour(hour, &app.topics.telemetry).await
}

async fn historical_events(
    State(app): State<App>,
    _reader: Reader,
    query: HourQuery,
) -> Result<Response, Problem> {
    let hour = read_hour("event_time", query?.0.event_time.as_deref())?;
    app.hour(hour, &app.topics.events).await
}

async fn list_vehicles(State(app): State<App>, _reader: Reader) -> Result<Response, Problem> {
    let (rows, until) = app.known.look(|view| {
        let vehicles = &view.vehicles;
        vehicles.all().map(|rows| (rows, vehicles.until()))
    })?;
    let until = until.ok_or(Problem::NothingPublished)?;
    let head = &app.topics.vehicles.live_head;
    Ok(document::in_memory(head, rows, &live_tail(None, until)))
}

async fn show_vehicle(
    State(app): State<App>,
    _reader: Reader,
    device_id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(device_id) = device_id?;
    let (row, until) = app.known.look(|view| {
        let vehicles = &view.vehicles;
        vehicles.get(&device_id).map(|row| (row, vehicles.until()))
    })?;
    let (Some(row), Some(until)) = (row, until) else {
        return Err(Problem::UnknownVehicle);
    };
    let head = &app.topics.vehicles.live_head;
    let tail = live_tail(None, until);
    Ok(document::in_memory(head, vec![row], &tail))
}

/// What stands behind the rows of an answer about now.
fn live_tail(next: Option<&str>, until: Timestamp) -> String {
    let links = serde_json::json!({ "next": next });
    let until_ms = until.0;
    format!("\n],\"links\":{links},\"last_updated\":{until_ms},\"ttl\":{TTL_MS}}}\n")
}

fn read_hour(name: &str, text: Option<&str>) -> Result<Hour, Problem> {
    let hour = text.and_then(Hour::parse);
    hour.ok_or_else(|| {
        let is = if text.is_some() { "no hour" } else { "missing" };
        Problem::BadParameter(format!("{name} is {is}: YYYY-MM-DDTHH, in UTC"))
    })
}

impl App {
    /// The answer of an hour.
    async fn hour(&self, hour: Hour, topic: &TopicFiles) -> Result<Response, Problem> {
        let now = Timestamp((self.now_ms)());
        let answer = self.known.look(|view| {
            let hours = &view.hours;
            decide(hour, now, hours.first(), hours.get(hour))
        });
        match answer {
            Answer::NotOver => Err(Problem::NotOver),
            Answer::NotOperating => Err(Problem::NotOperating),
            Answer::NotYet => Ok(StatusCode::ACCEPTED.into_response()),
            Answer::Published(link) => {
                let place = self.place_for_answer()?;
                let document = Document::whole(self.parts(link, topic).await?);
                Ok(document.into_response(self.store.clone(), place))
            }
        }
    }

    /// The parts of a topic in a published hour.
    async fn parts(&self, link: Link, topic: &TopicFiles) -> anyhow::Result<Parts> {
        let published = follow::published(&self.store, &self.place, link.n).await?;
        let published =
            published.with_context(|| format!("{} is gone", self.place.link(link.n)))?;
        topic.parts(&self.store, &published.manifest).await
    }

    fn place_for_answer(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.answers).try_acquire_owned();
        place.map_err(|_| Problem::TooManyAnswers)
    }
}

async fn count(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let endpoint = path.as_ref().map_or("none", MatchedPath::as_str);
    metrics::provider_answered(endpoint, response.status().as_u16());
    response
}
