//! Object storage that is waited for: what is unavailable is tried again until it is there.
//! It does not repeat what the storage refuses.

use std::{ops::Range, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use objects::{Key, ObjectError, Objects};
use service::Shutdown;
use tokio::time;
use tracing::warn;

use crate::metrics;

/// The wait before the first repetition; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait: soon enough after an outage, few enough requests during one.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Repetitions once the worker is to end: 6 to 13 seconds of trouble are sat out.
const LAST_REPETITIONS: u32 = 6;

/// A storage that is waited for, until the work is to end.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) drain: Shutdown,
}

impl Storage {
    /// Reads an object; None if there is none.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        persist(&self.drain, || self.objects.get(key)).await
    }

    /// Lists a page of keys.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&Key>,
    ) -> Result<Vec<Key>, ObjectError> {
        persist(&self.drain, || self.objects.list(prefix, after)).await
    }

    /// Reads a range of an object; None if there is no object.
    pub(crate) async fn get_range(
        &self,
        key: &Key,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, ObjectError> {
        let get = || self.objects.get_range(key, range.clone());
        persist(&self.drain, get).await
    }
}

/// Does `attempt` until the storage is available; near the end of the work only a few times.
///
/// # Errors
/// [`ObjectError`] for what the storage refuses, and when `drain` is requested and the storage
/// stays unavailable. What was begun then is finished by whoever takes the shard next.
pub(crate) async fn persist<T, Attempt>(
    drain: &Shutdown,
    mut attempt: impl FnMut() -> Attempt,
) -> Result<T, ObjectError>
where
    Attempt: Future<Output = Result<T, ObjectError>>,
{
    let mut wait = FIRST_WAIT;
    let mut last_repetitions = 0;
    loop {
        let error = match attempt().await {
            Err(error @ ObjectError::Unavailable { .. }) => error,
            ended => return ended,
        };
        if drain.is_requested() {
            if last_repetitions == LAST_REPETITIONS {
                return Err(error);
            }
            last_repetitions += 1;
            wait = wait.min(FIRST_WAIT * 2_u32.pow(last_repetitions));
        }
        metrics::retried();
        warn!(%error, ?wait, "object storage is unavailable, trying again");
        sleep_unless_drained(wait, drain).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Sleeps; a drain that is requested meanwhile ends the sleep.
async fn sleep_unless_drained(wait: Duration, drain: &Shutdown) {
    let sleep = pin!(time::sleep(wait));
    if drain.is_requested() {
        sleep.await;
    } else {
        tokio::select! {
            () = sleep => {}
            () = drain.requested() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn unavailable() -> ObjectError {
        ObjectError::Unavailable {
            key: "k".to_owned(),
            reason: "r".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_an_hour_is_sat_out() {
        let began = time::Instant::now();
        let attempt = async || {
            if began.elapsed() < Duration::from_hours(1) {
                Err(unavailable())
            } else {
                Ok(7)
            }
        };
        assert_eq!(persist(&Shutdown::new(), attempt).await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_repeated() {
        let attempts = Cell::new(0);
        let attempt = async || {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(ObjectError::Refused {
                key: "k".to_owned(),
                reason: "r".to_owned(),
            })
        };
        assert!(persist(&Shutdown::new(), attempt).await.is_err());
        assert_eq!(attempts.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_work_waits_only_so_long() {
        let drain = Shutdown::new();
        let attempts = Cell::new(0);
        let attempt = async || {
            attempts.set(attempts.get() + 1);
            if attempts.get() == 20 {
                drain.request();
            }
            Err::<(), _>(unavailable())
        };
        assert!(persist(&drain, attempt).await.is_err());
        assert_eq!(attempts.get(), 20 + LAST_REPETITIONS);
    }
}
