//! `GET /v1/vehicles` and `GET /v1/vehicles/{id}`: vehicles where they are now.

#![expect(unused_qualifications, reason = "utoipa's macros write paths in full")]

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::HeaderName,
};
use schemas::{Coordinate, FleetId, Meters, VehicleId, VehiclePosition};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App,
    problem::{Problem, ProblemBody},
    reader::Reader,
    recent::Aged,
    rides::{FleetParameter, age_header, checked_limit},
};
use crate::cache::{NearQuery, Nearby};

/// The radius unless asked otherwise, and at most: a region, not a country.
const USUAL_RADIUS_M: f64 = 1_000.0;
const MAX_RADIUS_M: f64 = 50_000.0;

/// Says around which place to look for vehicles.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NearParameters {
    /// The place: latitude and longitude in degrees, as `37.77,-122.42`.
    near: String,
    /// Metres, up to 50000; 1000 if missing.
    #[param(minimum = 0, maximum = 50_000)]
    radius_m: Option<f64>,
    /// So many vehicles at most: 1 to 1000, else 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
    /// The fleet; the reader's own if missing.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    fleet: FleetId,
}

/// Vehicles around a place, the nearest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VehiclesNear {
    /// The vehicles.
    vehicles: Vec<VehicleNear>,
}

/// A vehicle and how far off it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VehicleNear {
    /// The vehicle.
    #[serde(flatten)]
    vehicle: VehiclePosition,
    /// From the place, by the crow, m.
    distance_m: f64,
}

/// Shows a vehicle.
#[utoipa::path(
    get,
    operation_id = "show_vehicle",
    path = "/v1/vehicles/{id}",
    params(("id" = String, Path, description = "The vehicle"), FleetParameter),
    responses(
        (status = 200, description = "The vehicle where it is now", body = VehiclePosition,
         headers(("Age" = u64, description = "Seconds since the cache gave this answer"))),
        (status = 400, description = "A parameter cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such vehicle", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "The cache is unavailable", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    vehicle: Result<Path<VehicleId>, PathRejection>,
    fleet: Result<Query<FleetParameter>, QueryRejection>,
) -> Result<([(HeaderName, String); 1], Json<VehiclePosition>), Problem> {
    let (Path(vehicle), Query(FleetParameter { fleet })) = (vehicle?, fleet?);
    let fleet = reader.vehicle(fleet, vehicle)?;
    let Aged { value, age } = app.vehicle(fleet, vehicle).await?;
    let vehicle = value.ok_or(Problem::UnknownVehicle)?;
    Ok((age_header(age), Json(vehicle)))
}

/// Lists the vehicles around a place.
#[utoipa::path(
    get,
    path = "/v1/vehicles",
    params(NearParameters),
    responses(
        (status = 200, description = "The nearest vehicles", body = VehiclesNear),
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
pub(super) async fn near(
    State(app): State<App>,
    reader: Reader,
    parameters: Result<Query<NearParameters>, QueryRejection>,
) -> Result<Json<VehiclesNear>, Problem> {
    let Query(NearParameters {
        near,
        radius_m,
        limit,
        fleet,
    }) = parameters?;
    let query = NearQuery {
        fleet: reader.fleet(fleet)?,
        place: place(&near)?,
        radius: radius(radius_m)?,
        limit: checked_limit(limit)?,
    };
    let vehicles = app
        .cache
        .near(query)
        .await?
        .into_iter()
        .map(VehicleNear::from)
        .collect();
    Ok(Json(VehiclesNear { vehicles }))
}

impl From<Nearby> for VehicleNear {
    fn from(Nearby { vehicle, distance }: Nearby) -> Self {
        Self {
            vehicle,
            distance_m: (distance.0 * 10.0).round() / 10.0,
        }
    }
}

fn place(text: &str) -> Result<Coordinate, Problem> {
    let parse = || {
        let (lat, lng) = text.split_once(',')?;
        let (lat, lng) = (lat.trim().parse().ok()?, lng.trim().parse().ok()?);
        Coordinate::from_degrees(lat, lng).ok()
    };
    parse().ok_or_else(|| {
        Problem::BadParameter("near is latitude,longitude in degrees, as 37.77,-122.42".to_owned())
    })
}

fn radius(meters: Option<f64>) -> Result<Meters, Problem> {
    let meters = meters.unwrap_or(USUAL_RADIUS_M);
    if (0.0..=MAX_RADIUS_M).contains(&meters) {
        Ok(Meters(meters))
    } else {
        Err(Problem::BadParameter(format!(
            "radius_m is 0 to {MAX_RADIUS_M}"
        )))
    }
}
