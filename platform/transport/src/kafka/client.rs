//! The client that appends, as long as it lives: it counts records down as the brokers take or refuse
//! them. When it is made, and what comes after it, is decided in [`producer`](super::producer).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    config::{BATCH_BYTES, GIVE_UP_AFTER},
    metrics,
    pending::{Pending, Ticket},
    voice::Voice,
};
use crate::{
    AppendError, Appended, Batch,
    admission::check,
    clock::{StreamClock, wall_ms},
    lock::locked,
};

/// A ticket travels as a number that is as wide as a pointer.
const _: () = assert!(usize::BITS == 64, "tickets have 64 bits");

/// How often it is looked whether the last append that uses a client is through with it.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Batches under way, and who waits for each.
pub(super) type Underway = Arc<Mutex<Pending<Waiting>>>;

/// Who waits for a batch, and its share of the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    /// How many records it has.
    pub(super) records: usize,
    pub(super) answer: oneshot::Sender<Appended>,
    pub(super) _share: OwnedSemaphorePermit,
}

/// A client under way.
pub(super) struct Client {
    producer: ThreadedProducer<Deliveries>,
    topic: Arc<str>,
    underway: Underway,
    /// Held while a batch is handed over, so that times grow as records do.
    clock: Mutex<StreamClock>,
}

impl Client {
    /// Starts one.
    pub(super) fn start(
        config: &ClientConfig,
        topic: &Arc<str>,
        underway: &Underway,
    ) -> Result<Self, KafkaError> {
        let deliveries = Deliveries {
            voice: Voice::of("producer"),
            underway: underway.clone(),
        };
        Ok(Self {
            producer: config.create_with_context(deliveries)?,
            topic: topic.clone(),
            underway: underway.clone(),
            clock: Mutex::new(StreamClock::after(0)),
        })
    }

    /// Whether it has met an error after which it takes nothing more.
    pub(super) fn is_broken(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Hands over the records of a batch, which has some, in their order.
    pub(super) fn send(&self, batch: &Batch, waiting: Waiting) {
        let open = locked(&self.underway).open(batch.len(), waiting);
        let mut failed = Vec::new();
        let mut clock = locked(&self.clock);
        let now_ms = clock.at(wall_ms());
        for (index, (key, payload)) in batch.iter().enumerate() {
            let ticket = open.ticket(index);
            let sent = check(key, payload).and_then(|()| {
                let record = BaseRecord::with_opaque_to(&self.topic, ticket.number() as usize)
                    .key(key)
                    .payload(payload)
                    .timestamp(now_ms);
                let sent = self.producer.send(record);
                sent.map_err(|(error, _)| refusal(&error, key.len() + payload.len()))
            });
            failed.extend(sent.err().map(|error| (ticket, error)));
        }
        drop(clock);
        for (ticket, error) in failed {
            settle(&self.underway, ticket, Some(error));
        }
    }

    /// Ends it, once no append uses it; what is under way fails. It blocks.
    pub(super) fn end(mut this: Arc<Self>) {
        loop {
            match Arc::try_unwrap(this) {
                Ok(client) => return drop(client),
                Err(used) => this = used,
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Notes what became of a record, and answers its batch if it was the last.
fn settle(underway: &Underway, ticket: Ticket, error: Option<AppendError>) {
    let done = locked(underway).settle(ticket, error);
    if let Some((waiting, appended)) = done {
        crate::metrics::appended((waiting.records - appended.failed.len()) as u64);
        // Whoever is gone does not wait for it.
        let _gone = waiting.answer.send(appended);
    }
}

/// What an error means for a record of so many bytes.
fn refusal(error: &KafkaError, bytes: usize) -> AppendError {
    let code = error.rdkafka_error_code();
    match code {
        // Smaller ones travel together, and one of them is none too large.
        Some(RDKafkaErrorCode::MessageSizeTooLarge) if bytes >= BATCH_BYTES => {
            AppendError::Rejected(format!("{bytes} bytes are more than the topic takes"))
        }
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => AppendError::Unavailable(format!(
            "the topic's max.message.bytes is less than {BATCH_BYTES}, which travel together"
        )),
        Some(RDKafkaErrorCode::InvalidRecord) => AppendError::Rejected(error.to_string()),
        Some(RDKafkaErrorCode::MessageTimedOut) => {
            AppendError::Unavailable(format!("not taken within {GIVE_UP_AFTER:?}"))
        }
        Some(code) => AppendError::Unavailable(code.to_string()),
        None => AppendError::Unavailable(error.to_string()),
    }
}

/// Takes what the client says of records.
struct Deliveries {
    voice: Voice,
    underway: Underway,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        self.voice.log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.voice.stats(statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let ticket = Ticket::from_number(number as u64);
        let error = match result {
            Ok(_) => None,
            Err((error, message)) => {
                metrics::given_up();
                Some(refusal(error, message.key_len() + message.payload_len()))
            }
        };
        settle(&self.underway, ticket, error);
    }
}
