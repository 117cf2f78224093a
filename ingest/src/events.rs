//! `POST /v1/rides/{ride_id}/events`: what happens to a ride, one event a request.

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use schemas::{Protocol, Rejection, RideEvent, RideId, Timestamp, upload::RideEventUpload};

use crate::{
    answer::Answer,
    api::{Ingest, SharedIngest},
    body::UploadBody,
    format::Format,
    problem::{self, Problem, Stop},
    upload::{ItemRejection, Upload},
};

/// Takes a ride event.
///
/// Events and pings of a vehicle keep the order in which they were sent, if each is answered
/// before the next is sent. Ride, type and `time_ms` name an event: one that is sent again is
/// recognised, and two of one type within a ride must differ in `time_ms`. A ride may go on under
/// another vehicle: assign it again. The former vehicle's later events are passed over then.
#[utoipa::path(
    post,
    path = "/v1/rides/{ride_id}/events",
    tag = "rides",
    params(("ride_id" = String, Path, description = "The ride, unique within the fleet")),
    request_body(content = RideEventUpload, content_type = "application/json"),
    responses(
        (status = 200, description = "The event is durable", body = Answer),
        (status = 400, description = "The event is not accepted",
            body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far",
            body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body paused for too long",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes",
            body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Unknown Content-Type or Content-Encoding",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the stream is not available: send it again",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post_event(
    State(ingest): State<SharedIngest>,
    ride: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if Format::of(&headers) != Some(Format::Json) {
        return problem::stopped(&Stop::UnknownFormat("application/json"), Answer::default());
    }
    let authority = match ingest.admit(&headers, None) {
        Ok(authority) => authority,
        Err(stop) => return problem::stopped(&stop, Answer::default()),
    };
    let mut upload = Upload::new(&ingest, authority, Protocol::HttpJson);
    // A path that is no UTF-8 names no ride: the empty id says so like any other that is none.
    let ride = ride.map_or_else(|_| String::new(), |Path(ride)| ride);
    match take(&ingest, (&headers, body), &ride, &mut upload).await {
        Ok(()) => problem::finished(upload.into_answer()),
        Err(stop) => problem::stopped(&stop, upload.into_answer()),
    }
}

async fn take(
    ingest: &Ingest,
    (headers, body): (&HeaderMap, Body),
    ride: &str,
    upload: &mut Upload<'_>,
) -> Result<(), Stop> {
    let (json, _share) = UploadBody::open(ingest, headers, body)?.whole().await?;
    let (received_at, _) = upload.origin();
    upload.event(parse(&json, ride, received_at));
    upload.append().await
}

/// Reads an event of a ride.
///
/// # Errors
/// [`Rejection`] by what is wrong with it.
pub(crate) fn parse(
    json: &[u8],
    ride: &str,
    received_at: Timestamp,
) -> Result<RideEvent, ItemRejection> {
    let ride = RideId::new(ride).map_err(|_| Rejection::InvalidId)?;
    let upload: RideEventUpload = serde_json::from_slice(json)?;
    Ok(upload.check(ride, received_at)?)
}
