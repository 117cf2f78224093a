//! The protocols of apps that others wrote, each on its own path, each mapped to the one ping.
//! What a ping may be, how it becomes durable and who may send it is decided where all pings are.
//!
//! [`paths`] has a handler for each app; [`osmand`], [`traccar`], [`owntracks`] and [`gpslogger`]
//! read what it sent; [`fix`] makes a ping of it.
//!
//! An app cannot be told what is wrong: all but OwnTracks keep what got no 2xx and send it again,
//! and nothing behind it, for ever. So the status says whether sending again can help:
//!
//! - 200, and what was accepted is durable. What was rejected would be rejected for ever: too old,
//!   too new, no position on earth, a field that cannot be read, refused by the stream. It is in the
//!   answer (but for OwnTracks, which takes an array of commands) and counted by reason. What is no
//!   fix is accepted and counted by protocol.
//! - 400: the request names no vehicle, or its body cannot be read; 401, 403: the credential is
//!   missing, wrong or another vehicle's; 413, 414: it is too large. Its settings must be mended, and
//!   then what waits in the phone is taken.
//! - 429, 503: later.
//!
//! A batch is sent again whole if any of it may be taken later; repeats are recognised by their
//! names. What is too new might be taken once its time has come, but then one fix of a receiver that
//! is years ahead would hold up its phone for years.

mod documents;
pub(crate) mod fix;
mod gpslogger;
mod moment;
mod osmand;
pub(crate) mod owntracks;
pub(crate) mod parameters;
pub(crate) mod paths;
mod traccar;

#[cfg(test)]
mod testing;

use axum::{
    extract::Request,
    http::{HeaderMap, request::Parts},
    response::Response,
};
use schemas::{FleetId, Ping, Protocol, Rejection, Timestamp};

use crate::{
    answer::Answer,
    api::Ingest,
    body::UploadBody,
    metrics,
    problem::{self, Stop},
    upload::{ItemRejection, Upload},
};
use fix::Reading;
use parameters::Parameters;

/// Apps send some 300 bytes; a description in it may be long.
const MAX_QUERY_BYTES: usize = 8 << 10;

/// The parameter with the credential.
const KEY: &[&str] = &["key"];

/// How one app is read and answered.
pub(crate) struct App {
    pub(crate) protocol: Protocol,
    pub(crate) read: fn(&Sent<'_>) -> Vec<Result<Reading, ItemRejection>>,
    pub(crate) thank: fn(Answer) -> Response,
}

/// What an app sent.
pub(crate) struct Sent<'a> {
    pub(crate) query: &'a Parameters,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) received_at: Timestamp,
}

/// The credential that a query bears, of apps that set no headers.
pub(crate) fn key_in(query: &str) -> Option<String> {
    let parameters = Parameters::of_form(query.as_bytes());
    parameters.get(KEY).map(ToOwned::to_owned)
}

/// Takes a request of an app and answers when what it told is durable.
async fn take(ingest: &Ingest, request: Request, app: &App) -> Response {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return problem::stopped(&Stop::QueryTooLong(MAX_QUERY_BYTES), Answer::default());
    }
    let query = Parameters::of_form(query.as_bytes());
    let authority = match ingest.admit(&parts.headers, query.get(KEY)) {
        Ok(authority) => authority,
        Err(stop) => return problem::stopped(&stop, Answer::default()),
    };
    let body = match UploadBody::open(ingest, &parts.headers, body) {
        Ok(body) => body,
        Err(stop) => return problem::stopped(&stop, Answer::default()),
    };
    let mut upload = Upload::new(ingest, authority, app.protocol);
    match take_all(body, (&parts, &query), app, &mut upload).await {
        Ok(()) => problem::finished_for_app(upload.into_answer(), app.thank),
        Err(stop) => problem::stopped(&stop, upload.into_answer()),
    }
}

async fn take_all(
    body: UploadBody<'_>,
    (parts, query): (&Parts, &Parameters),
    app: &App,
    upload: &mut Upload<'_>,
) -> Result<(), Stop> {
    let (body, _share) = body.whole().await?;
    let sent = Sent {
        query,
        headers: &parts.headers,
        body: &body,
        received_at: upload.origin().0,
    };
    for (index, ping) in pings(app, &sent) {
        upload.ping_at(index, ping);
        if upload.is_full() {
            upload.append().await?;
        }
    }
    upload.append().await
}

/// The pings of a request with their index, oldest first. What is no fix is counted and passed over.
pub(crate) fn pings(
    app: &App,
    sent: &Sent<'_>,
) -> impl Iterator<Item = (u64, Result<Ping, ItemRejection>)> + use<> {
    let fleet = sent.query.get(&["fleet"]).map(FleetId::new).transpose();
    let origin = (sent.received_at, app.protocol);
    let items = in_order_of_time((app.read)(sent)).into_iter();
    items.filter_map(move |(index, item)| {
        let fix = match item {
            Ok(Reading::NoFix) => {
                metrics::without_fix(origin.1);
                return None;
            }
            Ok(Reading::Fix(fix)) => Ok(fix),
            Err(rejection) => Err(rejection),
        };
        let ping = fix.and_then(|fix| {
            let fleet = fleet.map_err(|_| Rejection::InvalidId)?;
            Ok(fix.into_ping(fleet.unwrap_or_default(), origin))
        });
        Some((index, ping))
    })
}

/// The items of a request with their index, oldest fix first: a batch may come newest first, and a
/// vehicle that is told of its newest fix moves there at once.
fn in_order_of_time(
    items: Vec<Result<Reading, ItemRejection>>,
) -> Vec<(u64, Result<Reading, ItemRejection>)> {
    let mut items: Vec<_> = (0..).zip(items).collect();
    items.sort_by_key(|(_, item)| match item {
        Ok(Reading::Fix(fix)) => Some(fix.time),
        Ok(Reading::NoFix) | Err(_) => None,
    });
    items
}
