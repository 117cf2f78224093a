//! How a batch of readings is written: three formats, one way to append to each.

use bytes::Bytes;

use super::{Reading, json, protobuf};

/// How pings are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// One JSON array a batch.
    Json,
    /// `PingBatch` of `hansom.proto`.
    Protobuf,
}

impl Format {
    /// The media type of a batch.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// Appends a reading as an item: items joined end to end are an open batch.
    pub(super) fn write_item(self, reading: &Reading<'_>, batch: &mut Vec<u8>) {
        match self {
            Self::Ndjson => {
                json::write_reading(reading, batch);
                batch.push(b'\n');
            }
            Self::Json => {
                batch.push(b',');
                json::write_reading(reading, batch);
            }
            Self::Protobuf => protobuf::write_reading(reading, batch),
        }
    }

    /// Makes a body of an open batch.
    pub(super) fn close(self, mut batch: Vec<u8>) -> Bytes {
        match self {
            Self::Ndjson | Self::Protobuf => {}
            Self::Json => {
                // The comma before the first item becomes the bracket.
                match batch.first_mut() {
                    Some(comma) => *comma = b'[',
                    None => batch.push(b'['),
                }
                batch.push(b']');
            }
        }
        Bytes::from(batch)
    }
}
