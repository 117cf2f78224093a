//! What the sender of a stream is told: how far all that it has sent is decided, by the number of
//! items and by the name of the last ping. How that is written is each protocol's.

use std::fmt;

use schemas::{PingName, VehicleId, proto};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, ItemError},
    audit::Refused,
    problem::Stop,
    upload::Upload,
};

/// The name of a ping among all of its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) vehicle: VehicleId,
    pub(crate) name: PingName,
}

/// What is durable, or rejected for good: all that this connection has sent up to here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ack {
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
    /// What the audit log wants to know.
    #[serde(skip)]
    pub(crate) refused: Option<Refused>,
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

/// How far a connection is decided.
#[derive(Debug, Default)]
pub(crate) struct Account {
    items: u64,
    last: Option<Name>,
}

impl Account {
    /// Appends what was taken and, when it is durable, says what to tell: nothing where there was no
    /// item.
    ///
    /// # Errors
    /// [`Stop`] for what is to be sent again: it is not acknowledged.
    pub(crate) async fn settle(&mut self, mut upload: Upload<'_>) -> Result<Option<Ack>, Stop> {
        upload.append().await?;
        let (items, last) = (upload.items(), upload.last());
        if items == 0 {
            return Ok(None);
        }
        let answer = upload.into_answer();
        if answer.too_frequent() > 0 {
            return Err(Stop::TooFrequent);
        }
        self.last = last.or(self.last);
        let ack = self.tell(items, answer);
        self.items += items;
        Ok(Some(ack))
    }

    /// Words for a sender whose connection ends here, of at most `length` characters.
    pub(crate) fn last_words(&self, length: usize) -> String {
        let acknowledged = self
            .last
            .as_ref()
            .map(|name| format!(", acknowledged to {name}"));
        let words = format!("going away{}", acknowledged.unwrap_or_default());
        words.chars().take(length).collect()
    }

    /// What to tell of so many items more, once they are decided.
    pub(crate) fn tell(&self, items: u64, answer: Answer) -> Ack {
        Ack {
            items: self.items + items,
            last: self.last.map(|Name { vehicle, name }| Acked {
                vehicle_id: vehicle.to_string(),
                epoch: name.epoch,
                seq: name.seq,
            }),
            refused: answer.refused(),
            rejected_omitted: answer.errors_omitted,
            rejected: answer
                .errors
                .into_iter()
                .map(|error| error.after(self.items))
                .collect(),
        }
    }
}

impl Ack {
    /// The same as Protobuf.
    pub(crate) fn to_wire(&self) -> proto::StreamAck {
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
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vehicle, name } = self;
        write!(formatter, "{vehicle} {} {}", name.epoch, name.seq)
    }
}
