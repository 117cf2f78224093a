//! The way of messages to the stream: what has arrived goes into one append, and what is durable is
//! acknowledged. How messages arrive, and when no more do, is not decided here.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use schemas::{FleetId, Protocol, Timestamp};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc::Receiver},
    time::sleep,
};
use tracing::{debug, warn};

use super::{
    connection::{Acks, Publish},
    message::{Found, Message, Unusable},
};
use crate::{
    api::SharedIngest,
    authority::{Authority, Within},
    metrics,
    upload::Upload,
};

/// So many messages go into one append at most.
const MAX_GATHERED: usize = 256;
/// What the stream has refused is tried again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// After this time a fleet that has used up its share has all of it again.
const SHARE: Duration = Duration::from_secs(10);
/// What pings that come by MQTT are recorded with.
const PROTOCOLS: [Protocol; 3] = [
    Protocol::MqttOwntracks,
    Protocol::MqttJson,
    Protocol::MqttProtobuf,
];

/// Which connection there is. An acknowledgement is worth something on the connection by which its
/// message came, and on no other: there its number may be another message's.
#[derive(Debug, Clone, Default)]
pub(super) struct Number(Arc<AtomicU64>);

impl Number {
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The connection has ended; the next one is another.
    pub(super) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A message that is not acknowledged yet.
pub(super) struct Held {
    publish: Publish,
    /// By which connection it came.
    number: u64,
    received_at: Timestamp,
    _share: OwnedSemaphorePermit,
}

impl Held {
    /// A message that came by the connection of this number; `share` is its part of what may be held.
    pub(super) fn new(
        publish: Publish,
        number: u64,
        received_at: Timestamp,
        share: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            publish,
            number,
            received_at,
            _share: share,
        }
    }
}

/// Takes messages to the stream.
pub(super) struct Appending {
    pub(super) ingest: SharedIngest,
    pub(super) fleet: FleetId,
    pub(super) acks: Acks,
    pub(super) number: Number,
}

/// What became of a message that is done with.
enum Done {
    /// Its items are durable, or rejected for good.
    Appended,
    /// It told something that is no ping.
    NoFix(Protocol),
    /// It could never be taken.
    Never(Unusable),
}

/// What came of taking messages to the stream, the first of them first.
struct Attempt {
    done: Vec<Done>,
    /// How long to wait before the next one, where this one was not the end of them.
    pause: Option<Duration>,
}

impl Appending {
    /// Goes on until nothing more can arrive, or until ingest is stopping and the stream takes nothing.
    pub(super) async fn run(self, mut arrived: Receiver<Held>) {
        let mut waiting = VecDeque::new();
        while let Some(first) = arrived.recv().await {
            waiting.push_back(first);
            while !waiting.is_empty() {
                while waiting.len() < MAX_GATHERED
                    && let Ok(next) = arrived.try_recv()
                {
                    waiting.push_back(next);
                }
                let Attempt { done, pause } = self.attempt(&waiting).await;
                for (held, done) in waiting.drain(..done.len()).zip(done) {
                    self.acknowledge(&held, &done);
                }
                let Some(pause) = pause else { continue };
                metrics::mqtt_put_off();
                let stopping = &self.ingest.stopping;
                if stopping.unless_requested(sleep(pause)).await.is_none() {
                    return;
                }
            }
        }
    }

    /// Takes as many messages as one append has room for.
    async fn attempt(&self, waiting: &VecDeque<Held>) -> Attempt {
        let whole = Authority::Fleet(self.fleet, Within::Whole);
        let mut uploads = PROTOCOLS.map(|protocol| Upload::new(&self.ingest, whole, protocol));
        let mut attempt = Attempt {
            done: Vec::new(),
            pause: None,
        };
        for held in waiting {
            let done = self.take(held, &mut uploads);
            let too_frequent = uploads.iter().map(Upload::too_frequent).sum::<u64>();
            let items = uploads.iter().map(Upload::items).sum::<u64>();
            // One message with more items than a whole share has would come back for ever.
            let is_hopeless = attempt.done.is_empty() && items > self.share_of_fleet();
            if too_frequent > 0 && !is_hopeless {
                attempt.pause = Some(SHARE);
                break;
            }
            attempt.done.push(done);
            if too_frequent > 0 || uploads.iter().any(Upload::is_full) {
                break;
            }
        }
        let appended = join_all(uploads.iter_mut().map(Upload::append)).await;
        if let Some(stop) = appended.into_iter().find_map(Result::err) {
            debug!(%stop, "messages wait for the stream");
            attempt.done.clear();
            attempt.pause = Some(PAUSE);
        }
        attempt
    }

    /// The most items that a fleet may send at once.
    fn share_of_fleet(&self) -> u64 {
        u64::from(self.ingest.settings.fleet_rate) * SHARE.as_secs()
    }

    fn take(&self, held: &Held, uploads: &mut [Upload<'_>]) -> Done {
        let message = match Message::of(held.publish.topic(), held.publish.payload()) {
            Ok(message) => message,
            Err(unusable) => return Done::Never(unusable),
        };
        let is_its = |upload: &&mut Upload<'_>| upload.origin().1 == message.protocol;
        let Some(upload) = uploads.iter_mut().find(is_its) else {
            return Done::Never(Unusable::Unreadable);
        };
        // However often it is taken, it was received once.
        upload.set_received_at(held.received_at);
        upload.set_authority(Authority::Fleet(
            self.fleet,
            Within::Vehicle(message.vehicle),
        ));
        match message.take(self.fleet, upload) {
            Ok(Found::Items) => Done::Appended,
            Ok(Found::NoFix) => Done::NoFix(message.protocol),
            Err(unusable) => Done::Never(unusable),
        }
    }

    fn acknowledge(&self, held: &Held, done: &Done) {
        match done {
            Done::Appended => {}
            Done::NoFix(protocol) => metrics::without_fix(*protocol),
            Done::Never(unusable) => {
                let topic = String::from_utf8_lossy(held.publish.topic());
                debug!(%topic, reason = unusable.code(), "a message that cannot be taken");
                metrics::mqtt_unusable(*unusable);
            }
        }
        if held.number != self.number.now() {
            return;
        }
        if let Err(error) = self.acks.acknowledge(&held.publish) {
            warn!(%error, "a message is not acknowledged, and will come again");
        }
    }
}

#[cfg(test)]
mod tests;
