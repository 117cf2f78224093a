//! What this instance read from the cache lately: equal questions become one, and what was read is
//! still told, with its age, while the cache is away. It is told nothing by the stream.

use std::{hash::Hash, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use crate::{cache::CacheError, metrics};

/// Answers kept at most, some 400 bytes each.
const MAX_KEPT: usize = 100_000;
/// An answer that is older is told no more, whatever the cache is.
const MAX_AGE: Duration = Duration::from_mins(10);

/// Answers of the cache, by what was asked.
pub(super) struct Recent<Key, Value> {
    kept: quick_cache::sync::Cache<Key, Arc<Mutex<Kept<Value>>>>,
    /// Younger answers are told without asking.
    fresh: Duration,
}

/// What is known of one answer.
struct Kept<Value> {
    /// None where the cache has no such thing.
    answer: Option<(Option<Value>, Instant)>,
    /// When the cache was asked last and could not say.
    failure: Option<(CacheError, Instant)>,
}

/// An answer, and how long ago the cache gave it.
#[derive(Debug, PartialEq)]
pub(super) struct Aged<Value> {
    pub(super) value: Option<Value>,
    pub(super) age: Duration,
}

impl<Value> Aged<Value> {
    /// An answer that is given now.
    pub(super) fn new(value: Option<Value>) -> Self {
        Self {
            value,
            age: Duration::ZERO,
        }
    }
}

impl<Key: Eq + Hash + Clone, Value: Clone> Recent<Key, Value> {
    /// Nothing yet. Answers that are younger than `fresh` are told without asking again.
    pub(super) fn new(fresh: Duration) -> Self {
        Self {
            kept: quick_cache::sync::Cache::new(MAX_KEPT),
            fresh,
        }
    }

    /// The answer for `key`, by `ask` unless a fresh one is there; while the cache cannot say, the last.
    /// Of all who want the same at once, one asks.
    ///
    /// # Errors
    /// [`CacheError`] where the cache cannot say, and has not for longer than an answer is told.
    pub(super) async fn get(
        &self,
        key: Key,
        ask: impl Future<Output = Result<Option<Value>, CacheError>>,
    ) -> Result<Aged<Value>, CacheError> {
        let new = || Ok::<_, CacheError>(Arc::default());
        let kept = self.kept.get_or_insert_with(&key, new)?;
        let mut kept = kept.lock().await;
        if let Some(answer) = kept.younger_than(self.fresh) {
            metrics::live_read("recent");
            return Ok(answer);
        }
        if let Some(error) = kept.failed_within(self.fresh) {
            return kept.or_older(error);
        }
        let asked = Instant::now();
        match ask.await {
            Ok(value) => {
                metrics::live_read("cache");
                kept.answer = Some((value.clone(), asked));
                kept.failure = None;
                Ok(Aged {
                    value,
                    age: asked.elapsed(),
                })
            }
            Err(error) => {
                kept.failure = Some((error.clone(), Instant::now()));
                kept.or_older(error)
            }
        }
    }
}

impl<Value: Clone> Kept<Value> {
    fn younger_than(&self, limit: Duration) -> Option<Aged<Value>> {
        let (value, at) = self.answer.as_ref()?;
        let age = at.elapsed();
        let value = value.clone();
        (age < limit).then_some(Aged { value, age })
    }

    fn failed_within(&self, limit: Duration) -> Option<CacheError> {
        let (error, at) = self.failure.as_ref()?;
        (at.elapsed() < limit).then(|| error.clone())
    }

    /// What is still told where the cache cannot say. That there was nothing is not: it may have come.
    fn or_older(&self, error: CacheError) -> Result<Aged<Value>, CacheError> {
        let older = self
            .younger_than(MAX_AGE)
            .filter(|older| older.value.is_some());
        let older = older.ok_or(error)?;
        metrics::live_read("old");
        Ok(older)
    }
}

impl<Value> Default for Kept<Value> {
    fn default() -> Self {
        Self {
            answer: None,
            failure: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::sleep;

    use super::*;

    const FRESH: Duration = Duration::from_millis(500);

    fn unavailable<Value>() -> Result<Option<Value>, CacheError> {
        Err(CacheError::Unavailable("gone".to_owned()))
    }

    fn aged(value: u32, age: Duration) -> Aged<u32> {
        let value = Some(value);
        Aged { value, age }
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_who_want_the_same_one_asks() {
        let recent = Recent::new(FRESH);
        let asked = AtomicU32::new(0);
        let ask = async || {
            sleep(Duration::from_millis(10)).await;
            Ok(Some(asked.fetch_add(1, Ordering::Relaxed)))
        };
        let many = (0..100).map(|_| recent.get("ride", ask()));
        for answer in futures_util::future::join_all(many).await {
            assert_eq!(answer.unwrap().value, Some(0));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(recent.get("other", ask()).await.unwrap().value, Some(1));
        sleep(FRESH).await;
        assert_eq!(recent.get("ride", ask()).await.unwrap().value, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_known_is_told_with_its_age_while_the_cache_is_away_and_not_for_ever() {
        let recent = Recent::new(FRESH);
        let first = recent.get("ride", async { Ok(Some(7)) }).await;
        assert_eq!(first.unwrap(), aged(7, Duration::ZERO));
        sleep(Duration::from_secs(42)).await;
        let away = recent.get("ride", async { unavailable() }).await;
        assert_eq!(away.unwrap(), aged(7, Duration::from_secs(42)));
        // Right after a failure nobody asks again.
        let at_once = recent.get("ride", async { panic!("asked") }).await;
        assert_eq!(at_once.unwrap(), aged(7, Duration::from_secs(42)));
        assert!(recent.get("other", async { unavailable() }).await.is_err());
        sleep(FRESH).await;
        let back = recent.get("ride", async { Ok(Some(8)) }).await;
        assert_eq!(back.unwrap(), aged(8, Duration::ZERO));
        sleep(MAX_AGE).await;
        assert!(recent.get("ride", async { unavailable() }).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_was_nothing_is_not_told_while_the_cache_is_away() {
        let recent = Recent::<_, u32>::new(FRESH);
        let nothing = recent.get("ride", async { Ok(None) }).await;
        assert_eq!(nothing.unwrap().value, None);
        sleep(FRESH).await;
        assert!(recent.get("ride", async { unavailable() }).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_goes_leaves_the_question_to_the_next() {
        let recent = Recent::new(FRESH);
        let leaves = recent.get("ride", std::future::pending());
        assert!(tokio::time::timeout(FRESH, leaves).await.is_err());
        let next = recent.get("ride", async { Ok(Some(1)) }).await;
        assert_eq!(next.unwrap().value, Some(1));
    }
}
