//! Writing trips to the stream: again and again while it is unavailable, while everything else
//! goes on. When a trip is due is not decided here, and none is kept here.

use std::{future::pending, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use schemas::Trip;
use tokio::time::{self, Instant};
use tracing::{error, warn};
use transport::{AppendError, Appended, Producer};

use crate::{
    metrics,
    outbox::{Outbox, Settled},
};

/// Waits between two tries: from the first, doubled, to the last, for ever.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(5);
/// Trips of one append at most; each has up to some KB.
const MAX_TRIPS: usize = 100;

/// Appends the trips of an outbox, one batch at a time.
pub(crate) struct TripWriter {
    producer: Arc<dyn Producer>,
    under_way: Option<UnderWay>,
    /// The wait after the next failure.
    wait: Duration,
    /// Nothing is appended before, as the stream was unavailable.
    again_at: Option<Instant>,
}

/// An append that has begun, of so many trips.
struct UnderWay {
    asked: usize,
    append: BoxFuture<'static, Appended>,
}

impl TripWriter {
    pub(crate) fn new(producer: Arc<dyn Producer>) -> Self {
        Self {
            producer,
            under_way: None,
            wait: FIRST_WAIT,
            again_at: None,
        }
    }

    /// Waits until some trips can be tried, and tries them; says how many left the outbox. For
    /// ever where there is none.
    ///
    /// Safe to drop while it waits: an append that has begun goes on with the next call.
    pub(crate) async fn write(&mut self, outbox: &mut Outbox) -> usize {
        if outbox.is_empty() {
            return pending().await;
        }
        if let (None, Some(again_at)) = (&self.under_way, self.again_at) {
            time::sleep_until(again_at).await;
        }
        self.write_now(outbox).await
    }

    /// Tries the first trips at once; says how many left the outbox.
    pub(crate) async fn write_now(&mut self, outbox: &mut Outbox) -> usize {
        let UnderWay { asked, append } = self.under_way.get_or_insert_with(|| {
            let (producer, batch) = (self.producer.clone(), outbox.first(MAX_TRIPS));
            UnderWay {
                asked: batch.len(),
                append: async move { producer.append(batch).await }.boxed(),
            }
        });
        let (appended, asked) = (append.await, *asked);
        self.under_way = None;
        let settled = outbox.settle(asked, appended);
        self.note(&settled);
        settled.written + settled.refused.len()
    }

    /// Counts and logs what became of trips, and says when to try again.
    fn note(&mut self, settled: &Settled) {
        metrics::trips_written(settled.written);
        for (trip, error) in &settled.refused {
            report_refused(trip.as_ref(), error);
        }
        let Some(reason) = &settled.reason else {
            (self.wait, self.again_at) = (FIRST_WAIT, None);
            return;
        };
        metrics::trips_retried(settled.unavailable);
        let trips = settled.unavailable;
        warn!(trips, reason, wait = ?self.wait, "stream unavailable, appending trips again");
        self.again_at = Some(Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(LAST_WAIT);
    }
}

fn report_refused(trip: Option<&Trip>, error: &AppendError) {
    metrics::trip_rejected();
    let name = trip.map(|trip| (trip.fleet, trip.ride, trip.version));
    error!(?name, %error, "the trip is lost: the stream refuses it");
}
