//! What the OpenAPI document says of the apps' paths. It describes and does nothing: the values are
//! read by each protocol's module.

use utoipa::{IntoParams, IntoResponses};

use crate::problem::Problem;

/// The parameters of `/osmand`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes a query and is never made")]
pub(super) struct Osmand {
    /// The vehicle; `deviceid` is the same.
    id: String,
    /// Latitude, degrees; without a position the request is accepted and not kept.
    lat: Option<f64>,
    /// Longitude, degrees.
    lon: Option<f64>,
    /// `lat,lon`, instead.
    location: Option<String>,
    /// Unix s or ms, ISO 8601, or `yyyy-MM-dd HH:mm:ss` in UTC; now if missing.
    timestamp: Option<String>,
    /// Knots.
    speed: Option<f64>,
    /// m/s, instead.
    speed_mps: Option<f64>,
    /// Degrees; `heading` is the same.
    bearing: Option<f64>,
    /// Metres.
    accuracy: Option<f64>,
    /// Metres.
    altitude: Option<f64>,
    /// Whether the position is a fix.
    valid: Option<bool>,
    /// Who drives.
    #[param(rename = "driverUniqueId")]
    driver_unique_id: Option<String>,
}

/// The parameters of `/traccar`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes a query and is never made")]
pub(super) struct Traccar {
    /// The vehicle, if the body has no `device_id`.
    id: Option<String>,
}

/// The parameters of `/owntracks`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes a query and is never made")]
pub(super) struct Owntracks {
    /// The user.
    u: Option<String>,
    /// The device.
    d: Option<String>,
}

/// The parameters of `/gpslogger`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes a query and is never made")]
pub(super) struct Gpslogger {
    /// The vehicle; else `aid`, else `ser`.
    id: Option<String>,
    /// Latitude, degrees; without a position the request is accepted and not kept.
    lat: Option<f64>,
    /// Longitude, degrees.
    lon: Option<f64>,
    /// ISO 8601; else `timestamp`; now if missing.
    time: Option<String>,
    /// Unix s.
    timestamp: Option<String>,
    /// m/s.
    spd: Option<f64>,
    /// Degrees.
    dir: Option<f64>,
    /// Metres.
    acc: Option<f64>,
    /// Metres.
    alt: Option<f64>,
}

/// The parameters of every app.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes a query and is never made")]
pub(super) struct Common {
    /// The fleet; `default` if missing.
    fleet: Option<String>,
    /// The credential, of an app that can set no header.
    key: Option<String>,
}

/// What every app is answered that may not forget what it sent.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers and is never made")]
pub(super) enum Refusals {
    /// No vehicle is named, or the body cannot be read
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// No credential, or none that is known
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The vehicle is not the sender's
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// The body did not arrive in time
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// Too many bytes or items
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The query is too long
    #[response(status = 414, content_type = "application/problem+json")]
    QueryTooLong(Problem),
    /// Unknown Content-Encoding
    #[response(status = 415, content_type = "application/problem+json")]
    UnknownEncoding(Problem),
    /// The fleet sends more than its share: send it all again
    #[response(status = 429, content_type = "application/problem+json")]
    TooFrequent(Problem),
    /// Busy, or the stream is not available: send it again
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}
