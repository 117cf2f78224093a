//! `POST /v1/rides/{id}/shares`: makes a link to one ride, for whom the rider trusts. It changes
//! nothing here: the link carries all that is needed to know it again.

#![expect(unused_qualifications, reason = "utoipa's macros write paths in full")]

use std::time::Duration;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use schemas::{FleetId, RideId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, now,
    problem::{Problem, ProblemBody},
    reader::Reader,
};

/// How long a link lasts unless asked otherwise, and at most.
const USUAL: Duration = Duration::from_hours(2);
const MOST: Duration = Duration::from_hours(24);

/// Says for which fleet's ride, and for how long.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ShareParameters {
    /// The fleet; the reader's own if missing.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    fleet: FleetId,
    /// Seconds until the link ends: 1 to 86400, else 7200.
    #[param(minimum = 1, maximum = 86_400)]
    lasts_s: Option<u64>,
}

/// A link to one ride.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Share {
    /// Where the ride is shown without a credential, after the address of this API; its events
    /// likewise, with `/events` before the `?`.
    path: String,
    /// When that ends, Unix ms UTC.
    until_ms: u64,
}

/// Makes a link that shows a ride for a while.
#[utoipa::path(
    post,
    path = "/v1/rides/{id}/shares",
    params(("id" = String, Path, description = "The ride"), ShareParameters),
    responses(
        (status = 200, description = "A link", body = Share),
        (status = 400, description = "A parameter cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such ride, or no such links here", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn make(
    State(app): State<App>,
    reader: Reader,
    ride: Result<Path<RideId>, PathRejection>,
    parameters: Result<Query<ShareParameters>, QueryRejection>,
) -> Result<Json<Share>, Problem> {
    let (Path(ride), Query(ShareParameters { fleet, lasts_s })) = (ride?, parameters?);
    let lasts = lasts_s.map_or(USUAL, Duration::from_secs);
    if lasts.is_zero() || lasts > MOST {
        return Err(Problem::BadParameter(format!(
            "lasts_s is 1 to {}",
            MOST.as_secs()
        )));
    }
    let fleet = reader.ride(fleet, ride, None)?;
    if app.ride(fleet, ride).await?.value.is_none() {
        return Err(Problem::UnknownRide);
    }
    let share = app.guard.share(fleet.as_str(), ride.as_str(), lasts);
    let share = share.ok_or(Problem::NoSuchPage)?;
    Ok(Json(Share {
        path: format!("/v1/rides/{ride}?fleet={fleet}&share={share}"),
        until_ms: now().0 as u64 + lasts.as_millis() as u64,
    }))
}
