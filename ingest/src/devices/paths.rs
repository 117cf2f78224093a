//! The paths of apps: what each sends there, and what it is thanked with. What it says is read by
//! its protocol's module.

use axum::{
    Json,
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use schemas::Protocol;

use super::{App, Sent, gpslogger, osmand, owntracks, parameters::Parameters, take, traccar};
use crate::{
    answer::Answer, api::SharedIngest, format::Format, problem::Problem, upload::ItemRejection,
};

const OSMAND: App = App {
    protocol: Protocol::Osmand,
    read: |sent| match sent.form() {
        Ok(form) => vec![osmand::reading(&form, sent.received_at)],
        Err(rejection) => vec![Err(rejection)],
    },
    thank,
};

const TRACCAR: App = App {
    protocol: Protocol::Traccar,
    read: |sent| traccar::readings(sent.body, sent.query.get(&osmand::ID)),
    thank,
};

const OWNTRACKS: App = App {
    protocol: Protocol::Owntracks,
    read: |sent| {
        vec![owntracks::location(
            sent.body,
            sent.user_device().as_deref(),
        )]
    },
    // Commands for the device: none.
    thank: |_| Json([(); 0]).into_response(),
};

const GPSLOGGER: App = App {
    protocol: Protocol::Gpslogger,
    read: |sent| match sent.form() {
        Ok(form) => vec![gpslogger::reading(&form, sent.received_at)],
        Err(rejection) => vec![Err(rejection)],
    },
    thank,
};

fn thank(answer: Answer) -> Response {
    Json(answer).into_response()
}

impl Sent<'_> {
    /// What stands in the query and, after it, in the body: a form, unless it says that it is JSON.
    fn form(&self) -> Result<Parameters, ItemRejection> {
        let body = if is_json(self.headers) {
            Parameters::of_json(self.body)?
        } else {
            Parameters::of_form(self.body)
        };
        Ok(self.query.clone().and(body))
    }

    /// The vehicle by the query, or else by the headers that OwnTracks sets. The query goes first,
    /// as it is what the fleet chose: the app's headers say `user` and `device` unless told better.
    fn user_device(&self) -> Option<String> {
        let by_query = owntracks::vehicle_of(self.query.get(&["u"]), self.query.get(&["d"]));
        by_query.or_else(|| {
            let header = |name| self.headers.get(name)?.to_str().ok();
            owntracks::vehicle_of(header("x-limit-u"), header("x-limit-d"))
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    Format::of(headers) == Some(Format::Json)
}

/// Takes a position of OsmAnd, of an older Traccar Client or of a tracker.
///
/// The parameters may come as a form, too. A JSON body is read as on `/traccar`.
#[utoipa::path(
    method(get, post),
    path = "/osmand",
    tag = "apps",
    params(
        ("id" = String, Query, description = "The vehicle; `deviceid` is the same"),
        ("lat" = Option<f64>, Query, description = "Latitude, degrees; without a position the \
            request is accepted and not kept"),
        ("lon" = Option<f64>, Query, description = "Longitude, degrees"),
        ("location" = Option<String>, Query, description = "`lat,lon` instead"),
        ("timestamp" = Option<String>, Query, description = "Unix s or ms, ISO 8601 or \
            `yyyy-MM-dd HH:mm:ss` in UTC; now if missing"),
        ("speed" = Option<f64>, Query, description = "Knots"),
        ("speed_mps" = Option<f64>, Query, description = "m/s, instead"),
        ("bearing" = Option<f64>, Query, description = "Degrees; `heading` is the same"),
        ("accuracy" = Option<f64>, Query, description = "Metres"),
        ("altitude" = Option<f64>, Query, description = "Metres"),
        ("valid" = Option<bool>, Query, description = "Whether the position is a fix"),
        ("driverUniqueId" = Option<String>, Query, description = "Who drives"),
        ("fleet" = Option<String>, Query, description = "The fleet; `default` if missing"),
        ("key" = Option<String>, Query, description = "The credential, if the app can set no header"),
    ),
    responses(
        (status = 200, description = "What is accepted is durable, and nothing needs to be sent \
            again", body = Answer),
        (status = 400, description = "No vehicle is named, or the body cannot be read",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The vehicle is not the sender's",
            body = Problem, content_type = "application/problem+json"),
        (status = 414, description = "The query is too long",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The fleet sends more than its share: send it again",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the stream is not available: send it again",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn osmand(State(ingest): State<SharedIngest>, request: Request) -> Response {
    let app = if is_json(request.headers()) {
        &TRACCAR
    } else {
        &OSMAND
    };
    take(&ingest, request, app).await
}

/// Takes the JSON of Traccar Client 9, or a batch of the background-geolocation plugin.
///
/// The body is `{"location": .., "device_id": ".."}`, where `location` is one location or an array
/// of at most 10,000, in any order. 200 says that the phone may delete all of them.
#[utoipa::path(
    post,
    path = "/traccar",
    tag = "apps",
    params(
        ("id" = Option<String>, Query, description = "The vehicle, if the body has no `device_id`"),
        ("fleet" = Option<String>, Query, description = "The fleet; `default` if missing"),
        ("key" = Option<String>, Query, description = "The credential, if the app can set no header"),
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "What is accepted is durable, and nothing needs to be sent \
            again", body = Answer),
        (status = 400, description = "No vehicle is named, or the body cannot be read",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The vehicle is not the sender's",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes or locations",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The fleet sends more than its share: send it all again",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the stream is not available: send it again",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn traccar(State(ingest): State<SharedIngest>, request: Request) -> Response {
    take(&ingest, request, &TRACCAR).await
}

/// Takes a message of OwnTracks.
///
/// Locations are kept; all others are accepted. The vehicle is `u:d`, or `d` without `u`, by the
/// query, by the headers `X-Limit-U` and `X-Limit-D`, or by the message's topic.
#[utoipa::path(
    post,
    path = "/owntracks",
    tag = "apps",
    params(
        ("u" = Option<String>, Query, description = "The user"),
        ("d" = Option<String>, Query, description = "The device"),
        ("fleet" = Option<String>, Query, description = "The fleet; `default` if missing"),
        ("key" = Option<String>, Query, description = "The credential, if the app can set no header"),
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "What is accepted is durable: an empty array, as there are no \
            commands for the device", body = Vec<Object>),
        (status = 400, description = "No vehicle is named, or the body cannot be read",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The vehicle is not the sender's",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The fleet sends more than its share: send it again",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the stream is not available: send it again",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn owntracks(State(ingest): State<SharedIngest>, request: Request) -> Response {
    take(&ingest, request, &OWNTRACKS).await
}

/// Takes a position of GPSLogger.
///
/// The parameters may come as a form or as a flat JSON object, too.
#[utoipa::path(
    method(get, post),
    path = "/gpslogger",
    tag = "apps",
    params(
        ("id" = Option<String>, Query, description = "The vehicle; else `aid`, else `ser`"),
        ("lat" = Option<f64>, Query, description = "Latitude, degrees; without a position the \
            request is accepted and not kept"),
        ("lon" = Option<f64>, Query, description = "Longitude, degrees"),
        ("time" = Option<String>, Query, description = "ISO 8601; else `timestamp`; now if missing"),
        ("timestamp" = Option<String>, Query, description = "Unix s"),
        ("spd" = Option<f64>, Query, description = "m/s"),
        ("dir" = Option<f64>, Query, description = "Degrees"),
        ("acc" = Option<f64>, Query, description = "Metres"),
        ("alt" = Option<f64>, Query, description = "Metres"),
        ("fleet" = Option<String>, Query, description = "The fleet; `default` if missing"),
        ("key" = Option<String>, Query, description = "The credential, if the app can set no header"),
    ),
    responses(
        (status = 200, description = "What is accepted is durable, and nothing needs to be sent \
            again", body = Answer),
        (status = 400, description = "No vehicle is named, or the body cannot be read",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The vehicle is not the sender's",
            body = Problem, content_type = "application/problem+json"),
        (status = 414, description = "The query is too long",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The fleet sends more than its share: send it again",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the stream is not available: send it again",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn gpslogger(State(ingest): State<SharedIngest>, request: Request) -> Response {
    take(&ingest, request, &GPSLOGGER).await
}
