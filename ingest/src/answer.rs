//! What became of the items of a request: counts, and the first errors with their index.
//! How that turns into an HTTP response is `problem`'s work.

use schemas::{Rejection, proto};
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::Refused;

/// An answer lists this many errors; the rest is counted. A phone shows none, a developer reads
/// a few.
const MAX_ERRORS: usize = 100;

/// What became of the items of a request.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Items that the stream has durably.
    pub(crate) accepted: u64,
    /// Items that were not taken; sending them again is of no use, but for `too_frequent`, of which
    /// there are some if the status is 429.
    pub(crate) rejected: u64,
    /// The first of them, by index.
    pub(crate) errors: Vec<ItemError>,
    /// How many more there are.
    pub(crate) errors_omitted: u64,
    /// The reasons of all rejections so far, each once.
    #[serde(skip)]
    reasons: Vec<Rejection>,
    #[serde(skip)]
    too_frequent: u64,
}

/// Why one item was not taken.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ItemError {
    /// Position of the item in the request, from 0.
    pub(crate) index: u64,
    /// Stable code.
    code: &'static str,
    /// Plain words.
    message: String,
}

impl ItemError {
    /// The same, of an item that came after so many others.
    pub(crate) fn after(mut self, others: u64) -> Self {
        self.index += others;
        self
    }

    /// The same as Protobuf.
    pub(crate) fn to_wire(&self) -> proto::stream_ack::Rejected {
        proto::stream_ack::Rejected {
            item: self.index,
            code: self.code.to_owned(),
            message: self.message.clone(),
        }
    }
}

impl Answer {
    /// Counts a rejected item; `detail` replaces the usual words.
    pub(crate) fn reject(&mut self, index: u64, reason: Rejection, detail: Option<String>) {
        self.rejected += 1;
        self.too_frequent += u64::from(reason == Rejection::TooFrequent);
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
        // The stream refuses an item after later ones were found wrong.
        let place = self.errors.partition_point(|error| error.index < index);
        if place < MAX_ERRORS {
            let message = detail.unwrap_or_else(|| reason.to_string());
            self.errors.insert(
                place,
                ItemError {
                    index,
                    code: reason.code(),
                    message,
                },
            );
        }
        self.errors.truncate(MAX_ERRORS);
        self.errors_omitted = self.rejected - self.errors.len() as u64;
    }

    /// Items that the fleet may send again later.
    pub(crate) fn too_frequent(&self) -> u64 {
        self.too_frequent
    }

    /// The reason of all rejections, if they have one in common.
    pub(crate) fn common_reason(&self) -> Option<Rejection> {
        match self.reasons[..] {
            [reason] => Some(reason),
            _ => None,
        }
    }

    /// Whether, and why, some of it is not the sender's to write, or not so often.
    pub(crate) fn refused(&self) -> Option<Refused> {
        let is_refusal = |reason| matches!(reason, Rejection::NotYours | Rejection::TooFrequent);
        let refusal = self.reasons.iter().find(|reason| is_refusal(**reason))?;
        Some(Refused(refusal.code()))
    }

    /// The reasons of all rejections, each once.
    pub(crate) fn reasons(&self) -> &[Rejection] {
        &self.reasons
    }
}
