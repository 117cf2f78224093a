//! What strangers may send, read as ingest reads it, and the laws that hold whatever it is: one
//! function a protocol. Compiled for fuzzing and for tests; no product has it.
//!
//! `fuzz/` gives these functions bytes that nobody thought of; the tests give them the bytes that
//! were kept from that.

#![allow(
    clippy::missing_panics_doc,
    reason = "a law that is broken is a panic, and nothing else is"
)]

mod http;
mod laws;

use axum::{
    body::Bytes,
    extract::ws::Message,
    http::{HeaderMap, HeaderValue},
};
use buffa::{Message as _, MessageView as _};
use schemas::{FleetId, Protocol, Record, proto, record};
use serde_json::Value;

use crate::{
    ack::Account,
    devices::{self, App, Sent, fix::Reading, parameters::Parameters, paths},
    events,
    lines::Lines,
    mqtt::message::{self, Found},
    pings, problem,
    socket::frame::Kind,
    upload::Upload,
};
use laws::{NOW, Taken, is_kept, repeatable, take};

pub use http::pings_http;

/// What reads one protocol.
pub type Target = fn(&[u8]);

/// All of them, by the names that they have in `fuzz/`.
pub const TARGETS: [(&str, Target); 12] = [
    ("pings_json", pings_json),
    ("pings_ndjson", pings_ndjson),
    ("pings_protobuf", pings_protobuf),
    ("pings_http", pings_http),
    ("ride_event", ride_event),
    ("osmand", osmand),
    ("traccar", traccar),
    ("owntracks", owntracks),
    ("gpslogger", gpslogger),
    ("socket", socket),
    ("mqtt", mqtt),
    ("record", record),
];

/// A body of JSON, as HTTP and a WebSocket take it.
pub fn pings_json(bytes: &[u8]) {
    repeatable(bytes, || {
        let read = |upload: &mut Upload<'_>| {
            pings::take_json(bytes, upload)?;
            Ok(upload.items())
        };
        take(Protocol::HttpJson, 0, read)
    });
}

/// A body of NDJSON. The first byte says into what chunks it is cut, which makes no difference.
pub fn pings_ndjson(bytes: &[u8]) {
    let Some((&size, body)) = bytes.split_first() else {
        return;
    };
    let read = |size: usize| {
        let mut lines = Lines::default();
        let read = |upload: &mut Upload<'_>| {
            for chunk in body.chunks(size) {
                lines.push(chunk, |line| pings::take_line(&line, upload));
            }
            lines.finish(|line| pings::take_line(&line, upload));
            Ok(upload.items())
        };
        take(Protocol::HttpNdjson, 0, read)
    };
    assert_eq!(read(usize::from(size) + 1), read(body.len().max(1)));
}

/// A body of Protobuf. A batch that decodes as one decodes item by item, into the same pings.
pub fn pings_protobuf(bytes: &[u8]) {
    let taken = repeatable(bytes, || {
        let read = |upload: &mut Upload<'_>| {
            pings::take_protobuf(bytes, upload)?;
            Ok(upload.items())
        };
        take(Protocol::HttpProtobuf, 0, read)
    });
    let Ok(batch) = proto::PingBatchView::decode_view(bytes) else {
        return;
    };
    let checked = batch
        .pings
        .iter()
        .map(|wire| record::uploaded_ping_from(wire, NOW, Protocol::HttpProtobuf));
    let good = checked.flatten().count();
    assert!(taken.stop.is_some() || taken.items == batch.pings.len() as u64);
    assert!(
        taken.records.len() <= good,
        "what is accepted is a good ping"
    );
}

/// A ride event: the ride on the first line, then JSON.
pub fn ride_event(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let ride = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let json = parts.next().unwrap_or_default();
    let taken = repeatable(bytes, || {
        let read = |upload: &mut Upload<'_>| {
            upload.event(events::parse(json, &ride, NOW));
            Ok(1)
        };
        take(Protocol::HttpJson, 0, read)
    });
    for record in &taken.records {
        assert!(matches!(record, Record::RideEvent(event) if event.ride.as_str() == ride));
    }
}

/// A request to `/osmand`: see [`app`].
pub fn osmand(bytes: &[u8]) {
    app(&paths::OSMAND, bytes);
}

/// A request to `/traccar`: see [`app`].
pub fn traccar(bytes: &[u8]) {
    app(&paths::TRACCAR, bytes);
}

/// A request to `/owntracks`: see [`app`].
pub fn owntracks(bytes: &[u8]) {
    app(&paths::OWNTRACKS, bytes);
}

/// A request to `/gpslogger`: see [`app`].
pub fn gpslogger(bytes: &[u8]) {
    app(&paths::GPSLOGGER, bytes);
}

/// A request of an app: on the first line its query, on the next two what OwnTracks says in headers,
/// then its body.
fn app(app: &App, bytes: &[u8]) {
    let parts: Vec<_> = bytes.splitn(4, |byte| *byte == b'\n').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let query = Parameters::of_form(part(0));
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-limit-u", part(1)), ("x-limit-d", part(2))] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let sent = Sent {
        query: &query,
        headers: &headers,
        body: part(3),
        received_at: NOW,
    };
    let items = (app.read)(&sent);
    let is_fixless = |item: &&_| matches!(item, Ok(Reading::NoFix));
    let fixless = items.iter().filter(is_fixless).count() as u64;
    let Taken { answer, .. } = repeatable(bytes, || {
        let read = |upload: &mut Upload<'_>| {
            for (index, ping) in devices::pings(app, &sent) {
                upload.ping_at(index, ping);
            }
            Ok(items.len() as u64)
        };
        take(app.protocol, fixless, read)
    });
    let status = problem::finished_for_app(answer, app.thank).status();
    let is_told = [200, 400, 403, 413].contains(&status.as_u16());
    assert!(is_told, "an app is told whether to send again: {status}");
}

/// A message of a WebSocket and its acknowledgement. The first byte says whether it is text.
pub fn socket(bytes: &[u8]) {
    let Some((&first, payload)) = bytes.split_first() else {
        return;
    };
    let message = match std::str::from_utf8(payload) {
        Ok(text) if first & 1 == 0 => Message::Text(text.into()),
        _ => Message::Binary(Bytes::copy_from_slice(payload)),
    };
    let Some((kind, protocol)) = Kind::of(&message) else {
        unreachable!("it is text or binary");
    };
    let read = |upload: &mut Upload<'_>| {
        kind.read(&message, upload)?;
        Ok(upload.items())
    };
    let Taken { items, answer, .. } = take(protocol, 0, read);
    let rejected = answer.rejected;
    let ack = Account::default().tell(items, answer);
    let (told, listed) = match kind.write(&ack) {
        Message::Text(text) => {
            let ack: Value = serde_json::from_str(&text).unwrap_or_default();
            let omitted = ack["rejected_omitted"].as_u64().unwrap_or_default();
            let listed = ack["rejected"].as_array().map_or(0, Vec::len) as u64;
            (ack["items"].as_u64(), listed + omitted)
        }
        Message::Binary(bytes) => {
            let ack = proto::StreamAck::decode_from_slice(&bytes).unwrap_or_default();
            (
                Some(ack.items),
                ack.rejected.len() as u64 + ack.rejected_omitted,
            )
        }
        _ => unreachable!("an acknowledgement is text or binary"),
    };
    assert_eq!((told, listed), (Some(items), rejected));
}

/// A message of a broker: its topic on the first line, then what was published there.
pub fn mqtt(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let topic = parts.next().unwrap_or_default();
    let payload = parts.next().unwrap_or_default();
    let Ok(message) = message::Message::of(topic, payload) else {
        return;
    };
    repeatable(bytes, || {
        let read = |upload: &mut Upload<'_>| {
            let found = message.take(FleetId::default(), upload);
            let is_nothing = found.is_err() || found == Ok(Found::NoFix);
            assert!(!is_nothing || upload.items() == 0, "all of it or nothing");
            Ok(upload.items())
        };
        take(message.protocol, 0, read)
    });
}

/// A record of the stream as its readers decode it: one that is none is refused, any other keeps what
/// it says however often it is written and read.
pub fn record(bytes: &[u8]) {
    let record = Record::decode(bytes);
    assert_eq!(Record::decode(bytes), record);
    if let Ok(record) = record {
        is_kept(&record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn what_fuzzing_kept_breaks_no_law() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for (name, run) in TARGETS {
            let inputs = fs::read_dir(corpus.join(name)).unwrap();
            let run_all = inputs.map(|input| run(&fs::read(input.unwrap().path()).unwrap()));
            assert!(run_all.count() > 5, "{name} has lost its corpus");
        }
    }
}
