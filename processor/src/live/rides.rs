//! `GET /v1/rides` and `GET /v1/rides/{id}`: rides as they are now.
//! How they change is `events`'.

#![expect(unused_qualifications, reason = "utoipa's macros write paths in full")]

use std::time::Duration;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderName, header},
};
use schemas::{FleetId, Phase, RideId, RideNow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, now,
    problem::{Problem, ProblemBody},
    reader::Reader,
    recent::Aged,
};
use crate::cache::RidesQuery;

/// Rides on a page, unless asked otherwise, and at most.
const USUAL_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Says whose vehicle is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FleetParameter {
    /// The fleet; the reader's own if missing.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub(super) fleet: FleetId,
}

/// Says whose ride is meant, and by which link it is seen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RideParameters {
    /// The fleet; the reader's own if missing.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub(super) fleet: FleetId,
    /// What a link to the ride has instead of a credential.
    pub(super) share: Option<String>,
}

/// Says which rides to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// The fleet; the reader's own if missing.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    fleet: FleetId,
    /// Only rides in this phase.
    #[param(inline)]
    phase: Option<Phase>,
    /// So many rides at most: 1 to 1000, else 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<RideId>,
}

/// A page of rides, by their ids in byte order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RidesPage {
    /// The rides.
    rides: Vec<RideNow>,
    /// The cursor of the next page; missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    next_cursor: Option<RideId>,
}

/// Shows a ride.
#[utoipa::path(
    get,
    operation_id = "show_ride",
    path = "/v1/rides/{id}",
    params(("id" = String, Path, description = "The ride"), RideParameters),
    responses(
        (status = 200, description = "The ride as it is now", body = RideNow,
         headers(("Age" = u64, description = "Seconds since the cache gave this answer"))),
        (status = 400, description = "A parameter cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such ride", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "The cache is unavailable", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    ride: Result<Path<RideId>, PathRejection>,
    parameters: Result<Query<RideParameters>, QueryRejection>,
) -> Result<([(HeaderName, String); 1], Json<RideNow>), Problem> {
    let (Path(ride), Query(RideParameters { fleet, share })) = (ride?, parameters?);
    let fleet = reader.ride(fleet, ride, share.as_deref())?;
    let Aged { value, age } = app.ride(fleet, ride).await?;
    let ride = value.ok_or(Problem::UnknownRide)?;
    Ok((age_header(age), Json(ride.shown_at(now()))))
}

/// Lists rides.
#[utoipa::path(
    get,
    path = "/v1/rides",
    params(ListParameters),
    responses(
        (status = 200, description = "A page of rides", body = RidesPage),
        (status = 400, description = "A parameter cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "The cache is unavailable", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    parameters: Result<Query<ListParameters>, QueryRejection>,
) -> Result<Json<RidesPage>, Problem> {
    let Query(ListParameters {
        fleet,
        phase,
        limit,
        cursor,
    }) = parameters?;
    let (fleet, limit) = (reader.fleet(fleet)?, checked_limit(limit)?);
    // One more than asked for tells whether there is a next page.
    let query = RidesQuery {
        fleet,
        phase,
        after: cursor,
        limit: limit + 1,
    };
    let mut rides = app.cache.rides(query).await?;
    let has_more = rides.len() > limit;
    rides.truncate(limit);
    let next_cursor = rides.last().filter(|_| has_more).map(|ride| ride.ride_id);
    let now = now();
    let rides = rides.into_iter().map(|ride| ride.shown_at(now)).collect();
    Ok(Json(RidesPage { rides, next_cursor }))
}

/// How many seconds ago the cache gave an answer.
pub(super) fn age_header(age: Duration) -> [(HeaderName, String); 1] {
    [(header::AGE, age.as_secs().to_string())]
}

/// A limit within its bounds, or the usual one.
pub(super) fn checked_limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(USUAL_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::BadParameter(format!("limit is 1 to {MAX_LIMIT}"))),
    }
}
