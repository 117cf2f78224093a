//! Writing trips to the stream: again and again while it is unavailable, in their order.
//! When a trip is due is not decided here.

use std::{sync::Arc, time::Duration};

use schemas::{Record, Trip, record::write_key};
use service::Shutdown;
use tokio::time;
use tracing::{error, warn};
use transport::{AppendError, Batch, Producer};

use crate::metrics;

/// Waits between two tries: from the first, doubled, to the last, for ever.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(5);
/// So many tries when the process is to end; the trips are written after the next start.
const LAST_TRIES: u32 = 5;
/// Trips of one append at most; each has up to some KB.
const MAX_TRIPS: usize = 100;

/// What became of trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// All are durable, but for those that the stream will never take, which are logged.
    All,
    /// The process is to end and the stream is unavailable.
    GaveUp,
}

/// Appends trips to the stream and waits until they are durable.
pub(crate) async fn write(
    producer: &Arc<dyn Producer>,
    trips: Vec<Trip>,
    drain: &Shutdown,
) -> Written {
    let records: Vec<_> = trips
        .into_iter()
        .map(|trip| Record::Trip(Box::new(trip)))
        .collect();
    for part in records.chunks(MAX_TRIPS) {
        if append(producer, part.iter().collect(), drain).await == Written::GaveUp {
            return Written::GaveUp;
        }
    }
    Written::All
}

async fn append(
    producer: &Arc<dyn Producer>,
    mut records: Vec<&Record>,
    drain: &Shutdown,
) -> Written {
    let (mut wait, mut tries) = (FIRST_WAIT, 0);
    loop {
        let appended = producer.append(batch_of(&records)).await;
        let mut again = Vec::new();
        let mut reason = None;
        let failed = appended.failed.len();
        for (index, error) in appended.failed {
            let Some(&record) = records.get(index) else {
                continue;
            };
            match error {
                AppendError::Unavailable(why) => {
                    reason = Some(why);
                    again.push(record);
                }
                AppendError::Rejected(_) => report_rejected(record, &error),
            }
        }
        metrics::trips_written(records.len() - failed);
        let Some(reason) = reason else {
            return Written::All;
        };
        records = again;
        tries += 1;
        metrics::trips_retried(records.len());
        warn!(
            trips = records.len(),
            tries, reason, "stream unavailable, appending trips again"
        );
        if drain.is_requested() && tries >= LAST_TRIES {
            return Written::GaveUp;
        }
        time::sleep(wait).await;
        wait = (wait * 2).min(LAST_WAIT);
    }
}

fn batch_of(records: &[&Record]) -> Batch {
    let mut batch = Batch::default();
    for record in records {
        let (fleet, vehicle) = record.subject();
        batch.push(
            |key| write_key(fleet, vehicle, key),
            |payload| record.encode(payload),
        );
    }
    batch
}

fn report_rejected(record: &Record, error: &AppendError) {
    metrics::trip_rejected();
    if let Record::Trip(trip) = record {
        let Trip {
            fleet,
            ride,
            version,
            ..
        } = trip.as_ref();
        error!(%fleet, %ride, version, %error, "the trip is lost: the stream refuses it");
    }
}
