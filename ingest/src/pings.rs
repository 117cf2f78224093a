//! `POST /v1/pings`: one JSON object, a JSON array, NDJSON or Protobuf.
//! NDJSON is read as it comes, in memory that does not grow with it; the others are held whole,
//! within a limit.

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use buffa::MessageView as _;
use schemas::{Ping, Protocol, Rejection, Timestamp, proto, record, upload::PingUpload};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    answer::Answer,
    api::{SharedIngest, now},
    body::UploadBody,
    format::Format,
    lines::{Line, Lines},
    problem::{self, Problem, Stop},
    upload::{ItemRejection, Upload},
};

/// An array or a Protobuf batch has at most this many pings; larger uploads are NDJSON.
const MAX_ITEMS: usize = 10_000;
/// What is said of any other.
const FORMATS: &str = "application/json, application/x-ndjson or application/x-protobuf";

/// One ping, or an array of at most 10,000.
#[derive(ToSchema)]
#[schema(as = Pings)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub(crate) enum OneOrMany {
    One(Box<PingUpload>),
    Many(Vec<PingUpload>),
}

/// A `hansom.v1.PingBatch` of at most 10,000 pings.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub(crate) struct Binary(Vec<u8>);

/// Takes pings.
///
/// Answers 2xx once the stream has every accepted ping durably; a ping that is not accepted is
/// listed with its index and touches no other. Without a 2xx answer send the whole upload again:
/// repeats are recognised by vehicle, epoch and seq, of a vehicle that counts without holes for 8
/// days after its last ping, of one that sends no seq among its last 1,024 pings.
#[utoipa::path(
    post,
    path = "/v1/pings",
    tag = "pings",
    request_body(
        description = "One object, an array of at most 10,000, or an object a line; or a \
                       Protobuf `hansom.v1.PingBatch`. Content-Encoding gzip and zstd are taken.",
        content(
            (OneOrMany = "application/json"),
            (PingUpload = "application/x-ndjson"),
            (Binary = "application/x-protobuf"),
        ),
    ),
    responses(
        (status = 200, description = "What is accepted is durable: at least one ping, unless \
            the upload had none", body = Answer),
        (status = 400, description = "No ping was accepted, or the body cannot be read",
            body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No credential, or none that is known",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The credential does not reach so far",
            body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body paused for too long",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes or items",
            body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Unknown Content-Type or Content-Encoding",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The fleet sends more than its share: send it all again",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the stream is not available: send it again",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post_pings(
    State(ingest): State<SharedIngest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(format) = Format::of(&headers) else {
        return problem::stopped(&Stop::UnknownFormat(FORMATS), Answer::default());
    };
    let authority = match ingest.admit(&headers, None) {
        Ok(authority) => authority,
        Err(stop) => return problem::stopped(&stop, Answer::default()),
    };
    let body = match UploadBody::open(&ingest, &headers, body) {
        Ok(body) => body,
        Err(stop) => return problem::stopped(&stop, Answer::default()),
    };
    let mut upload = Upload::new(&ingest, authority, format.protocol());
    let read = match format {
        Format::Ndjson => read_ndjson(body, ingest.settings.max_ndjson_bytes, &mut upload).await,
        Format::Json => read_json(body, &mut upload).await,
        Format::Protobuf => read_protobuf(body, &mut upload).await,
    };
    // What was taken before a stop is made durable too, so that the answer's counts are true.
    let appended = upload.append().await;
    match read.and(appended) {
        Ok(()) => problem::finished(upload.into_answer()),
        Err(stop) => problem::stopped(&stop, upload.into_answer()),
    }
}

async fn read_ndjson(
    mut body: UploadBody<'_>,
    limit: u64,
    upload: &mut Upload<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::default();
    while let Some(chunk) = body.next().await? {
        if body.bytes() > limit {
            return Err(Stop::TooLarge(format!("{limit} bytes")));
        }
        upload.set_received_at(now());
        lines.push(&chunk, |line| take_line(&line, upload));
        if upload.is_full() || body.is_paused().await {
            upload.append().await?;
        }
    }
    lines.finish(|line| take_line(&line, upload));
    Ok(())
}

/// Takes the ping of a line.
pub(crate) fn take_line(line: &Line<'_>, upload: &mut Upload<'_>) {
    let item = match line {
        Line::Whole(json) => parse(json, upload.origin()),
        Line::TooLong => Err(Rejection::TooLarge.into()),
    };
    upload.ping(item);
}

async fn read_json(body: UploadBody<'_>, upload: &mut Upload<'_>) -> Result<(), Stop> {
    let (json, _share) = body.whole().await?;
    for item in json_items(&json)? {
        upload.ping(parse(item, upload.origin()));
        if upload.is_full() {
            upload.append().await?;
        }
    }
    Ok(())
}

/// Takes the pings of a short JSON document, all at once.
///
/// # Errors
/// [`Stop`] for what cannot be cut into items, or has too many.
pub(crate) fn take_json(json: &[u8], upload: &mut Upload<'_>) -> Result<(), Stop> {
    for item in json_items(json)? {
        upload.ping(parse(item, upload.origin()));
    }
    Ok(())
}

/// Takes the pings of a short Protobuf batch, all at once.
///
/// # Errors
/// [`Stop`] for what cannot be cut into items, or has too many.
pub(crate) fn take_protobuf(bytes: &[u8], upload: &mut Upload<'_>) -> Result<(), Stop> {
    for item in &protobuf_items(bytes)?.pings {
        upload.ping(from_wire(item, upload.origin()));
    }
    Ok(())
}

/// The items of an array, or the one that there is.
fn json_items(json: &[u8]) -> Result<Vec<&[u8]>, Stop> {
    if json.trim_ascii_start().first() != Some(&b'[') {
        return Ok(vec![json]);
    }
    let items: Vec<&RawValue> =
        serde_json::from_slice(json).map_err(|error| Stop::Unreadable(error.to_string()))?;
    if items.len() > MAX_ITEMS {
        return Err(Stop::TooLarge(format!("{MAX_ITEMS} items; send NDJSON")));
    }
    Ok(items
        .into_iter()
        .map(|item| item.get().as_bytes())
        .collect())
}

fn protobuf_items(bytes: &[u8]) -> Result<proto::PingItemsView<'_>, Stop> {
    let batch = proto::PingItemsView::decode_view(bytes)
        .map_err(|error| Stop::Unreadable(error.to_string()))?;
    if batch.pings.len() > MAX_ITEMS {
        return Err(Stop::TooLarge(format!(
            "{MAX_ITEMS} items; send several requests"
        )));
    }
    Ok(batch)
}

async fn read_protobuf(body: UploadBody<'_>, upload: &mut Upload<'_>) -> Result<(), Stop> {
    let (bytes, _share) = body.whole().await?;
    for item in &protobuf_items(&bytes)?.pings {
        upload.ping(from_wire(item, upload.origin()));
        if upload.is_full() {
            upload.append().await?;
        }
    }
    Ok(())
}

fn parse(
    json: &[u8],
    (received_at, protocol): (Timestamp, Protocol),
) -> Result<Ping, ItemRejection> {
    let upload: PingUpload = serde_json::from_slice(json)?;
    Ok(upload.check(received_at, protocol)?)
}

/// Reads an item of a Protobuf batch: what the server sets is set.
fn from_wire(
    item: &[u8],
    (received_at, protocol): (Timestamp, Protocol),
) -> Result<Ping, ItemRejection> {
    let wire = proto::PingView::decode_view(item)
        .map_err(|error| ItemRejection::new(Rejection::Malformed, error.to_string()))?;
    Ok(record::uploaded_ping_from(&wire, received_at, protocol)?)
}
