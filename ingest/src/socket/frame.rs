//! The messages of a WebSocket: pings in, acknowledgements out, as JSON or as Protobuf. When they come
//! and go is the session's.

use axum::extract::ws::Message;
use buffa::Message as _;
use schemas::Protocol;

use crate::{ack::Ack, pings, problem::Stop, upload::Upload};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Json,
    /// Binary.
    Protobuf,
}

impl Kind {
    /// How a message is written, and what its pings are recorded with; None for one that has none.
    pub(crate) fn of(message: &Message) -> Option<(Self, Protocol)> {
        match message {
            Message::Text(_) => Some((Self::Json, Protocol::WebsocketJson)),
            Message::Binary(_) => Some((Self::Protobuf, Protocol::WebsocketProtobuf)),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
        }
    }

    /// Takes the pings of a message.
    ///
    /// # Errors
    /// [`Stop`] for what is neither JSON nor Protobuf as a whole, or has too many items.
    pub(crate) fn read(self, message: &Message, upload: &mut Upload<'_>) -> Result<(), Stop> {
        match (self, message) {
            (Self::Json, Message::Text(text)) => pings::take_json(text.as_bytes(), upload),
            (Self::Protobuf, Message::Binary(bytes)) => pings::take_protobuf(bytes, upload),
            _ => Ok(()),
        }
    }

    /// Writes an acknowledgement.
    pub(crate) fn write(self, ack: &Ack) -> Message {
        match self {
            // Numbers and texts always become JSON.
            Self::Json => Message::Text(serde_json::to_string(ack).unwrap_or_default().into()),
            Self::Protobuf => Message::Binary(ack.to_wire().encode_to_vec().into()),
        }
    }
}
