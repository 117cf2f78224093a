//! `GET /v1/rides/{id}/events`: a ride as it is now and every change from then on, as server-sent
//! events. What a client missed while it was away is not kept for it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::StreamExt as _;
use schemas::{RideId, RideNow};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    App, now,
    problem::{Problem, ProblemBody},
    reader::Reader,
    rides::RideParameters,
};
use crate::metrics;

/// Proxies close connections on which nothing came for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Follows a ride: the event `progress` with the ride as its data, now and after every change. Between
/// two events clients count down by their own clock, and tell that it is stale by `stale_after_ms`. The
/// stream ends with the ride; a client should close its side then, or it connects again.
#[utoipa::path(
    get,
    path = "/v1/rides/{id}/events",
    params(("id" = String, Path, description = "The ride"), RideParameters),
    responses(
        (status = 200, description = "The ride now, and after every change", body = RideNow,
         content_type = "text/event-stream"),
        (status = 400, description = "A parameter cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such ride", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open, or the cache is unavailable",
         body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn follow(
    State(app): State<App>,
    reader: Reader,
    ride: Result<Path<RideId>, PathRejection>,
    parameters: Result<Query<RideParameters>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let (Path(ride), Query(RideParameters { fleet, share })) = (ride?, parameters?);
    let asked = fleet;
    let fleet = reader.ride(asked, ride, share.as_deref())?;
    let place = Place::take(&app.streams)?;
    let changes = app
        .cache
        .watch(fleet, ride)
        .await?
        .ok_or(Problem::UnknownRide)?;
    let events = changes.map(move |ride| {
        let _held = &place;
        Ok::<_, Infallible>(to_event(&ride.shown_at(now())))
    });
    let shutdown = app.shutdown;
    let over = async move {
        let lost = reader.loses(asked, ride, share.as_deref());
        tokio::select! {
            () = shutdown.requested() => {}
            () = lost => {}
        }
    };
    let events = events.take_until(Box::pin(over));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn to_event(shown: &RideNow) -> Event {
    let event = Event::default()
        .event("progress")
        .id(shown.ride.version.to_string());
    // Numbers and texts always become JSON; a comment keeps the stream should they not.
    event
        .json_data(shown)
        .unwrap_or_else(|error| Event::default().comment(error.to_string()))
}

/// One of the streams that may be open at once.
struct Place(#[expect(dead_code, reason = "held until dropped")] OwnedSemaphorePermit);

impl Place {
    fn take(streams: &Arc<Semaphore>) -> Result<Self, Problem> {
        let permit = streams
            .clone()
            .try_acquire_owned()
            .map_err(|_| Problem::TooManyStreams)?;
        metrics::live_streams_changed(1.0);
        Ok(Self(permit))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::live_streams_changed(-1.0);
    }
}
