//! `POST /v1/pings`: one JSON object, a JSON array, NDJSON or Protobuf.
//! NDJSON is read as it comes, in memory that does not grow with it; the others are held whole,
//! within a limit.

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::State,
    http::HeaderMap,
    response::Response,
};
use buffa::MessageView as _;
use futures_util::StreamExt as _;
use schemas::{Ping, PingName, Protocol, Rejection, Timestamp, proto, record, upload::PingUpload};
use serde_json::value::RawValue;

use crate::{
    answer::Answer,
    api::{Ingest, SharedIngest, now},
    format::Format,
    intake::BodyShare,
    lines::{Line, Lines},
    problem::{self, Problem, Stop},
    upload::{ItemRejection, Upload},
};

/// An array or a Protobuf batch has at most this many pings; larger uploads are NDJSON.
const MAX_ITEMS: usize = 10_000;

/// Takes pings.
///
/// Answers 2xx once the stream has every accepted ping durably; a ping that is not accepted is
/// listed with its index and touches no other. Without a 2xx answer send the whole upload again:
/// repeats are recognised by vehicle, epoch and seq.
#[utoipa::path(
    post,
    path = "/v1/pings",
    tag = "pings",
    request_body(
        description = "One object, an array of at most 10,000, or an object a line; or a \
                       Protobuf `hansom.v1.PingBatch`. Content-Encoding gzip and zstd are taken.",
        content(
            (PingUpload = "application/json"),
            (PingUpload = "application/x-ndjson"),
            (Vec<u8> = "application/x-protobuf"),
        ),
    ),
    responses(
        (status = 200, description = "At least one ping is accepted and durable", body = Answer),
        (status = 400, description = "No ping was accepted, or the body cannot be read",
            body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body paused for too long",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes or items",
            body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Unknown Content-Type or Content-Encoding",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The fleet sends more than its share",
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
        return problem::stopped(&Stop::UnknownFormat, Answer::default());
    };
    let mut upload = Upload::new(&ingest, format.protocol(), now());
    let body = body.into_data_stream();
    let read = match format {
        Format::Ndjson => read_ndjson(&ingest, body, &mut upload).await,
        Format::Json => read_json(&ingest, body, &mut upload).await,
        Format::Protobuf => read_protobuf(&ingest, body, &mut upload).await,
    };
    // What was taken before a stop is made durable too, so that the answer's counts are true.
    let appended = upload.append().await;
    match read.and(appended) {
        Ok(()) => problem::finished(upload.into_answer()),
        Err(stop) => problem::stopped(&stop, upload.into_answer()),
    }
}

async fn read_ndjson(
    ingest: &Ingest,
    mut body: BodyDataStream,
    upload: &mut Upload<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::default();
    let mut bytes = 0;
    while let Some(chunk) = next_chunk(ingest, &mut body).await? {
        bytes += chunk.len() as u64;
        if bytes > ingest.settings.max_ndjson_bytes {
            return Err(Stop::TooLarge(format!(
                "{} bytes",
                ingest.settings.max_ndjson_bytes
            )));
        }
        lines.push(&chunk, |line| take_line(&line, upload));
        if upload.is_full() {
            upload.append().await?;
        }
    }
    lines.finish(|line| take_line(&line, upload));
    Ok(())
}

fn take_line(line: &Line<'_>, upload: &mut Upload<'_>) {
    let item = match line {
        Line::Whole(json) => parse(json, upload.origin()),
        Line::TooLong => Err(Rejection::TooLarge.into()),
    };
    upload.ping(item);
}

async fn read_json(
    ingest: &Ingest,
    body: BodyDataStream,
    upload: &mut Upload<'_>,
) -> Result<(), Stop> {
    let (json, _share) = whole_body(ingest, body).await?;
    if json.trim_ascii_start().first() != Some(&b'[') {
        upload.ping(parse(&json, upload.origin()));
        return Ok(());
    }
    let items: Vec<&RawValue> =
        serde_json::from_slice(&json).map_err(|error| Stop::Unreadable(error.to_string()))?;
    if items.len() > MAX_ITEMS {
        return Err(Stop::TooLarge(format!("{MAX_ITEMS} items; send NDJSON")));
    }
    for item in items {
        upload.ping(parse(item.get().as_bytes(), upload.origin()));
        if upload.is_full() {
            upload.append().await?;
        }
    }
    Ok(())
}

async fn read_protobuf(
    ingest: &Ingest,
    body: BodyDataStream,
    upload: &mut Upload<'_>,
) -> Result<(), Stop> {
    let (bytes, _share) = whole_body(ingest, body).await?;
    let batch = proto::PingBatchView::decode_view(&bytes)
        .map_err(|error| Stop::Unreadable(error.to_string()))?;
    if batch.pings.len() > MAX_ITEMS {
        return Err(Stop::TooLarge(format!(
            "{MAX_ITEMS} items; send several requests"
        )));
    }
    for wire in &batch.pings {
        let (received_at, protocol) = upload.origin();
        upload.ping(from_wire(wire, received_at, protocol));
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

/// Checks an uploaded Protobuf ping: what the server sets is set, a name is made where none is.
fn from_wire(
    wire: &proto::PingView<'_>,
    received_at: Timestamp,
    protocol: Protocol,
) -> Result<Ping, ItemRejection> {
    let mut ping = record::ping_from(wire)?;
    if (ping.name.epoch, ping.name.seq) == (0, 0) {
        ping.name = PingName::of_time(ping.time);
    }
    Ok(Ping {
        received_at,
        protocol,
        ..ping
    })
}

/// Reads a body that is held whole, counting it against the limit and the budget as it grows.
pub(crate) async fn whole_body(
    ingest: &Ingest,
    mut body: BodyDataStream,
) -> Result<(Vec<u8>, BodyShare), Stop> {
    let limit = ingest.settings.max_body_bytes as usize;
    let (mut whole, mut share) = (Vec::new(), BodyShare::default());
    while let Some(chunk) = next_chunk(ingest, &mut body).await? {
        if whole.len() + chunk.len() > limit {
            return Err(Stop::TooLarge(format!("{limit} bytes")));
        }
        ingest.intake.hold(&mut share, chunk.len())?;
        whole.extend_from_slice(&chunk);
    }
    Ok((whole, share))
}

async fn next_chunk(ingest: &Ingest, body: &mut BodyDataStream) -> Result<Option<Bytes>, Stop> {
    match tokio::time::timeout(ingest.settings.body_timeout, body.next()).await {
        Err(_) => Err(Stop::TooSlow),
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(error))) => Err(Stop::Unreadable(error.to_string())),
    }
}
