//! Which format a body has, by its Content-Type. Compression is undone before.

use axum::http::{HeaderMap, header};
use schemas::Protocol;

/// The formats of `POST /v1/pings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One object, or an array of them.
    Json,
    /// An object a line.
    Ndjson,
    /// A `PingBatch`.
    Protobuf,
}

impl Format {
    /// Reads the Content-Type; None for one that is not taken, or none at all.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Some(Self::Ndjson)
            }
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// What pings of this format are recorded with.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Json => Protocol::HttpJson,
            Self::Ndjson => Protocol::HttpNdjson,
            Self::Protobuf => Protocol::HttpProtobuf,
        }
    }
}
