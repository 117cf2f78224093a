//! The paths of apps: what each sends there, and what it is thanked with. What it says is read by
//! its protocol's module.

use axum::{
    Json,
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use schemas::Protocol;

use super::{
    App, Sent,
    documents::{Common, Gpslogger, Osmand, Owntracks, Refusals, Traccar},
    gpslogger, osmand, owntracks,
    parameters::Parameters,
    take, traccar,
};
use crate::{answer::Answer, api::SharedIngest, format::Format, upload::ItemRejection};

pub(crate) const OSMAND: App = App {
    protocol: Protocol::Osmand,
    read: |sent| match sent.form() {
        Ok(form) => vec![osmand::reading(&form, sent.received_at)],
        Err(rejection) => vec![Err(rejection)],
    },
    thank,
};

pub(crate) const TRACCAR: App = App {
    protocol: Protocol::Traccar,
    read: |sent| traccar::readings(sent.body, sent.query.get(&osmand::ID)),
    thank,
};

pub(crate) const OWNTRACKS: App = App {
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

pub(crate) const GPSLOGGER: App = App {
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
    /// What stands in the query and, after it, in the body: a form, unless it says that it is JSON or
    /// begins like it, as the body that a user of GPSLogger writes may bear no type.
    fn form(&self) -> Result<Parameters, ItemRejection> {
        let body = self.body.trim_ascii();
        let is_object = is_json(self.headers) || body.starts_with(b"{");
        let body = if is_object && !body.is_empty() {
            Parameters::of_json(body)?
        } else {
            Parameters::of_form(body)
        };
        Ok(self.query.clone().and(body))
    }

    /// The vehicle by the query, or else by the headers that OwnTracks sets. The query goes first,
    /// as it is what the fleet chose: the app's headers say `user` and `device` unless told better.
    fn user_device(&self) -> Option<String> {
        let by_query = owntracks::vehicle_of(self.query.get(&["u"]), self.query.get(&["d"]));
        by_query.or_else(|| {
            let header = |name| {
                let value = self.headers.get(name)?.to_str().ok()?.trim();
                (!value.is_empty()).then_some(value)
            };
            owntracks::vehicle_of(header("x-limit-u"), header("x-limit-d"))
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    Format::of(headers) == Some(Format::Json)
}

/// Takes a position of OsmAnd, of an older Traccar Client or of a tracker.
#[utoipa::path(
    get,
    path = "/osmand",
    tag = "apps",
    params(Osmand, Common),
    responses(
        (status = 200, description = "What is accepted is durable; nothing needs to be sent again", body = Answer),
        Refusals,
    ),
)]
pub(crate) async fn get_osmand(State(ingest): State<SharedIngest>, request: Request) -> Response {
    take(&ingest, request, &OSMAND).await
}

/// Takes a position of OsmAnd, of an older Traccar Client or of a tracker, or JSON.
///
/// The parameters may be a form in the body. JSON is read as on `/traccar`.
#[utoipa::path(
    post,
    path = "/osmand",
    tag = "apps",
    params(Osmand, Common),
    request_body(content((String = "application/x-www-form-urlencoded"), (Object = "application/json"))),
    responses(
        (status = 200, description = "What is accepted is durable; nothing needs to be sent again", body = Answer),
        Refusals,
    ),
)]
pub(crate) async fn post_osmand(State(ingest): State<SharedIngest>, request: Request) -> Response {
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
    params(Traccar, Common),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "What is accepted is durable; nothing needs to be sent again", body = Answer),
        Refusals,
    ),
)]
pub(crate) async fn post_traccar(State(ingest): State<SharedIngest>, request: Request) -> Response {
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
    params(Owntracks, Common),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "What is accepted is durable: an empty array, as there are no commands for the device", body = Vec<Object>),
        Refusals,
    ),
)]
pub(crate) async fn post_owntracks(
    State(ingest): State<SharedIngest>,
    request: Request,
) -> Response {
    take(&ingest, request, &OWNTRACKS).await
}

/// Takes a position of GPSLogger.
#[utoipa::path(
    get,
    path = "/gpslogger",
    tag = "apps",
    params(Gpslogger, Common),
    responses(
        (status = 200, description = "What is accepted is durable; nothing needs to be sent again", body = Answer),
        Refusals,
    ),
)]
pub(crate) async fn get_gpslogger(
    State(ingest): State<SharedIngest>,
    request: Request,
) -> Response {
    take(&ingest, request, &GPSLOGGER).await
}

/// Takes a position of GPSLogger.
///
/// The parameters may be a form or a flat JSON object in the body.
#[utoipa::path(
    post,
    path = "/gpslogger",
    tag = "apps",
    params(Gpslogger, Common),
    request_body(content((String = "application/x-www-form-urlencoded"), (Object = "application/json"))),
    responses(
        (status = 200, description = "What is accepted is durable; nothing needs to be sent again", body = Answer),
        Refusals,
    ),
)]
pub(crate) async fn post_gpslogger(
    State(ingest): State<SharedIngest>,
    request: Request,
) -> Response {
    take(&ingest, request, &GPSLOGGER).await
}
