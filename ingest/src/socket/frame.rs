//! The messages of a WebSocket: pings in, acknowledgements out, as JSON or as Protobuf. When they come
//! and go is the session's.

use std::fmt;

use axum::extract::ws::Message;
use buffa::Message as _;
use schemas::{PingName, Protocol, VehicleId, proto};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, ItemError},
    pings,
    problem::Stop,
    upload::Upload,
};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Json,
    /// Binary.
    Protobuf,
}

/// The name of a ping among all of its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) vehicle: VehicleId,
    pub(crate) name: PingName,
}

/// What is durable, or rejected for good: all that this connection has sent up to here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ack {
    /// Items of this connection so far.
    items: u64,
    /// The last ping among them that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Acked>,
    /// Those that were rejected since the last acknowledgement, by their number on this connection,
    /// from 0: at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<ItemError>,
    /// How many more there were.
    #[serde(skip_serializing_if = "is_zero")]
    rejected_omitted: u64,
}

/// The name of a ping.
#[derive(Debug, Serialize, ToSchema)]
struct Acked {
    /// The vehicle.
    vehicle_id: String,
    /// As it was sent, or 0.
    epoch: u64,
    /// As it was sent, or the time in ms.
    seq: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Kind {
    /// How a message is written, and what its pings are recorded with; None for one that has none.
    pub(super) fn of(message: &Message) -> Option<(Self, Protocol)> {
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
    pub(super) fn read(self, message: &Message, upload: &mut Upload<'_>) -> Result<(), Stop> {
        match (self, message) {
            (Self::Json, Message::Text(text)) => pings::take_json(text.as_bytes(), upload),
            (Self::Protobuf, Message::Binary(bytes)) => pings::take_protobuf(bytes, upload),
            _ => Ok(()),
        }
    }

    /// Writes an acknowledgement.
    pub(super) fn write(self, ack: &Ack) -> Message {
        match self {
            // Numbers and texts always become JSON.
            Self::Json => Message::Text(serde_json::to_string(ack).unwrap_or_default().into()),
            Self::Protobuf => Message::Binary(ack.to_wire().encode_to_vec().into()),
        }
    }
}

impl Ack {
    /// Of `items` items after the `before` that were decided before.
    pub(super) fn of(before: u64, items: u64, last: Option<Name>, answer: Answer) -> Self {
        Self {
            items: before + items,
            last: last.map(|Name { vehicle, name }| Acked {
                vehicle_id: vehicle.to_string(),
                epoch: name.epoch,
                seq: name.seq,
            }),
            rejected_omitted: answer.errors_omitted,
            rejected: answer
                .errors
                .into_iter()
                .map(|error| error.after(before))
                .collect(),
        }
    }

    fn to_wire(&self) -> proto::StreamAck {
        let (vehicle_id, epoch, seq) = match &self.last {
            Some(last) => (last.vehicle_id.clone(), last.epoch, last.seq),
            None => (String::new(), 0, 0),
        };
        proto::StreamAck {
            items: self.items,
            vehicle_id,
            epoch,
            seq,
            rejected: self.rejected.iter().map(ItemError::to_wire).collect(),
            rejected_omitted: self.rejected_omitted,
            ..Default::default()
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vehicle, name } = self;
        write!(formatter, "{vehicle} {} {}", name.epoch, name.seq)
    }
}
