//! One upload: judges item after item, packs what is accepted, appends it batch by batch, and
//! keeps the account of all of them.

use schemas::{
    FleetId, Ping, Protocol, Record, Rejection, RideEvent, Timestamp, VehicleId, record,
};
use tracing::debug;
use transport::{AppendError, Batch};

use crate::{
    ack::Name,
    answer::Answer,
    api::{Ingest, now},
    authority::Authority,
    lane::Lane,
    metrics,
    problem::Stop,
};

/// A batch goes to the stream once it has this many bytes: about 4,000 pings, so that one fsync
/// serves many and a long upload holds little.
const BATCH_BYTES: usize = 256 << 10;

/// What is packed for one lane.
#[derive(Default)]
struct Packed {
    batch: Batch,
    /// The index in the upload of every record of the batch.
    indices: Vec<u64>,
}

/// One upload under way.
pub(crate) struct Upload<'a> {
    ingest: &'a Ingest,
    authority: Authority,
    protocol: Protocol,
    received_at: Timestamp,
    live: Packed,
    backfill: Packed,
    next_index: u64,
    /// The last ping that could be read.
    last: Option<Name>,
    answer: Answer,
}

impl Packed {
    fn push(
        &mut self,
        index: u64,
        (fleet, vehicle): (FleetId, VehicleId),
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        self.batch
            .push(|key| record::write_key(fleet, vehicle, key), payload);
        self.indices.push(index);
    }
}

impl<'a> Upload<'a> {
    /// An upload of whoever has this authority, received now.
    pub(crate) fn new(ingest: &'a Ingest, authority: Authority, protocol: Protocol) -> Self {
        Self {
            ingest,
            authority,
            protocol,
            received_at: now(),
            live: Packed::default(),
            backfill: Packed::default(),
            next_index: 0,
            last: None,
            answer: Answer::default(),
        }
    }

    /// What is taken from now on was received then.
    pub(crate) fn set_received_at(&mut self, received_at: Timestamp) {
        self.received_at = received_at;
    }

    /// What is taken from now on was sent by whoever has this authority.
    pub(crate) fn set_authority(&mut self, authority: Authority) {
        self.authority = authority;
    }

    /// When what is taken now was received, and how.
    pub(crate) fn origin(&self) -> (Timestamp, Protocol) {
        (self.received_at, self.protocol)
    }

    /// Takes the next item: a ping, or why it is none.
    pub(crate) fn ping(&mut self, item: Result<Ping, ItemRejection>) {
        let index = self.next_index;
        self.next_index += 1;
        self.ping_at(index, item);
    }

    /// Takes the item that stands at `index` in the request: for who takes them in another order.
    pub(crate) fn ping_at(&mut self, index: u64, item: Result<Ping, ItemRejection>) {
        if let Ok(Ping { vehicle, name, .. }) = item {
            self.last = Some(Name { vehicle, name });
        }
        let judged = item.and_then(|mut ping| {
            self.authority.check_ping(&mut ping)?;
            self.ingest.age_limit.check(ping.time, self.received_at)?;
            self.ingest.fleet_rate.check(ping.fleet)?;
            Ok(ping)
        });
        match judged {
            Ok(ping) => {
                let packed = self.packed(Lane::of(ping.time, self.received_at));
                packed.push(index, (ping.fleet, ping.vehicle), |payload| {
                    record::encode_ping(&ping, payload);
                });
            }
            Err(rejection) => self.reject(index, rejection),
        }
    }

    /// Takes a ride event.
    pub(crate) fn event(&mut self, item: Result<RideEvent, ItemRejection>) {
        let judged = item.and_then(|mut event| {
            self.authority.check_event(&mut event)?;
            self.ingest.age_limit.check(event.time, self.received_at)?;
            Ok(event)
        });
        match judged {
            Ok(event) => {
                let subject = (event.fleet, event.vehicle);
                let lane = Lane::of(event.time, self.received_at);
                let event = Record::RideEvent(Box::new(event));
                let packed = self.packed(lane);
                packed.push(0, subject, |payload| event.encode(payload));
            }
            Err(rejection) => self.reject(0, rejection),
        }
    }

    fn packed(&mut self, lane: Lane) -> &mut Packed {
        match lane {
            Lane::Live => &mut self.live,
            Lane::Backfill => &mut self.backfill,
        }
    }

    /// How many items were taken by [`Upload::ping`].
    pub(crate) fn items(&self) -> u64 {
        self.next_index
    }

    /// The last ping that could be read.
    pub(crate) fn last(&self) -> Option<Name> {
        self.last
    }

    /// Items that the fleet may send again later.
    pub(crate) fn too_frequent(&self) -> u64 {
        self.answer.too_frequent()
    }

    /// Whether the batch has enough for one append.
    pub(crate) fn is_full(&self) -> bool {
        self.live.batch.bytes() + self.backfill.batch.bytes() >= BATCH_BYTES
    }

    /// Appends what is packed and waits until it is durable.
    ///
    /// # Errors
    /// [`Stop`] if the stream did not take all that it could ever take.
    pub(crate) async fn append(&mut self) -> Result<(), Stop> {
        for lane in Lane::ALL {
            self.append_lane(lane).await?;
        }
        Ok(())
    }

    async fn append_lane(&mut self, lane: Lane) -> Result<(), Stop> {
        let Packed { batch, indices } = std::mem::take(self.packed(lane));
        if batch.is_empty() {
            return Ok(());
        }
        let append = self.ingest.intake.append(lane, batch, self.protocol);
        let appended = append.await?;
        self.answer.accepted += (indices.len() - appended.failed.len()) as u64;
        let mut unavailable = None;
        for (record, error) in appended.failed {
            match error {
                AppendError::Rejected(reason) => {
                    self.reject(
                        indices[record],
                        ItemRejection::new(Rejection::Refused, reason),
                    );
                }
                AppendError::Unavailable(why) => unavailable = Some(why),
            }
        }
        match unavailable {
            Some(why) => {
                debug!(why, "the stream takes no records");
                Err(Stop::Unavailable)
            }
            None => Ok(()),
        }
    }

    /// What would go to the stream next, lane by lane.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn batches(&self) -> [&Batch; 2] {
        [&self.live.batch, &self.backfill.batch]
    }

    /// Ends the upload and hands out its account.
    pub(crate) fn into_answer(self) -> Answer {
        self.answer
    }

    fn reject(&mut self, index: u64, rejection: ItemRejection) {
        metrics::item_rejected(rejection.reason);
        self.answer
            .reject(index, rejection.reason, rejection.detail);
    }
}

/// Why an item is not taken, and what a parser said about it.
#[derive(Debug)]
pub(crate) struct ItemRejection {
    reason: Rejection,
    detail: Option<String>,
}

impl ItemRejection {
    pub(crate) fn new(reason: Rejection, detail: String) -> Self {
        Self {
            reason,
            detail: Some(detail),
        }
    }

    #[cfg(test)]
    pub(crate) fn reason(&self) -> Rejection {
        self.reason
    }
}

impl From<Rejection> for ItemRejection {
    fn from(reason: Rejection) -> Self {
        Self {
            reason,
            detail: None,
        }
    }
}

impl From<serde_json::Error> for ItemRejection {
    fn from(error: serde_json::Error) -> Self {
        let reason = if error.is_data() {
            Rejection::WrongShape
        } else {
            Rejection::Malformed
        };
        Self::new(reason, error.to_string())
    }
}
