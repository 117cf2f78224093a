//! A stream that may be away when its process starts. Until it can be opened, appends wait, which is
//! what a spool before it is for; nothing is kept here.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    AppendError, Appended, Batch, Consumer, Producer, Shard, Stream, StreamError, backoff,
    lock::locked, open_shared,
};

/// A stream that answers is open by then. Longer, and the process starts without it.
const USUAL_OPENING: Duration = Duration::from_secs(3);

/// Opens a stream like [`open_shared`], and does not wait for one that is away: it goes on trying.
///
/// # Errors
/// [`StreamError::Url`] for a URL that names no stream, if that is known at once.
pub async fn open_late(url: &str) -> Result<Arc<dyn Stream>, StreamError> {
    let url = url.to_owned();
    open_by(USUAL_OPENING, move || {
        let url = url.clone();
        async move { open_shared(&url).await }
    })
    .await
}

type Opened = Option<Result<Arc<dyn Stream>, StreamError>>;

async fn open_by<F>(
    usual: Duration,
    open: impl Fn() -> F + Send + 'static,
) -> Result<Arc<dyn Stream>, StreamError>
where
    F: Future<Output = Result<Arc<dyn Stream>, StreamError>> + Send + 'static,
{
    let (sender, mut opened) = watch::channel(None);
    let mut opening = JoinSet::new();
    opening.spawn(keep_trying(open, sender));
    if let Ok(Ok(opened)) = timeout(usual, opened.wait_for(Option::is_some)).await
        && let Some(result) = opened.clone()
    {
        return result;
    }
    warn!("the stream is away: starting without it, and trying on");
    Ok(Arc::new(Late {
        opened,
        opening: opening.into(),
    }))
}

async fn keep_trying<F>(open: impl Fn() -> F, opened: watch::Sender<Opened>)
where
    F: Future<Output = Result<Arc<dyn Stream>, StreamError>>,
{
    let mut failures = 0;
    loop {
        let error = match open().await {
            Err(error @ (StreamError::Storage(_) | StreamError::Closed)) => error,
            Err(error @ StreamError::Url { .. }) => {
                warn!(%error, "the stream cannot be opened: start again with the right --stream");
                opened.send_replace(Some(Err(error)));
                return;
            }
            Ok(stream) => {
                if failures > 0 {
                    info!(failures, "the stream is open at last");
                }
                opened.send_replace(Some(Ok(stream)));
                return;
            }
        };
        failures += 1;
        warn!(%error, failures, "the stream cannot be opened yet");
        sleep(backoff::after(failures)).await;
    }
}

/// A stream that is opened later.
struct Late {
    opened: watch::Receiver<Opened>,
    /// Ends with this.
    opening: std::sync::Mutex<JoinSet<()>>,
}

/// What waits for the stream.
#[derive(Clone)]
struct Waiting(watch::Receiver<Opened>);

impl Waiting {
    async fn stream(&mut self) -> Result<Arc<dyn Stream>, StreamError> {
        match self.0.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            Ok(None) | Err(_) => Err(StreamError::Closed),
        }
    }
}

#[async_trait]
impl Stream for Late {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(Waiting(self.opened.clone()))
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        Box::new(LateConsumer {
            waiting: Waiting(self.opened.clone()),
            group: group.to_owned(),
            joined: None,
        })
    }

    async fn close(&self) -> Result<(), StreamError> {
        let mut opening = std::mem::take(&mut *locked(&self.opening));
        opening.shutdown().await;
        let opened = self.opened.borrow().clone();
        match opened {
            Some(Ok(stream)) => stream.close().await,
            // Nothing was ever appended.
            Some(Err(_)) | None => Ok(()),
        }
    }
}

#[async_trait]
impl Producer for Waiting {
    async fn append(&self, batch: Batch) -> Appended {
        match self.clone().stream().await {
            Ok(stream) => stream.producer().append(batch).await,
            Err(error) => {
                let unavailable = AppendError::Unavailable(error.to_string());
                let failed = (0..batch.len()).map(|record| (record, unavailable.clone()));
                Appended {
                    failed: failed.collect(),
                }
            }
        }
    }
}

/// A member that joins its group once there is one.
struct LateConsumer {
    waiting: Waiting,
    group: String,
    joined: Option<Box<dyn Consumer>>,
}

#[async_trait]
impl Consumer for LateConsumer {
    async fn acquire(&mut self) -> Result<Box<dyn Shard>, StreamError> {
        if self.joined.is_none() {
            let stream = self.waiting.stream().await?;
            self.joined = Some(stream.consumer(&self.group));
        }
        match &mut self.joined {
            Some(consumer) => consumer.acquire().await,
            None => Err(StreamError::Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::{Read, open};

    const SHORT: Duration = Duration::from_millis(20);

    fn batch() -> Batch {
        let mut batch = Batch::default();
        batch.push(|key| key.push(1), |payload| payload.push(2));
        batch
    }

    /// Opens on its `tries`-th try.
    async fn opened_at(tries: u32, error: StreamError) -> Result<Arc<dyn Stream>, StreamError> {
        let count = Arc::new(AtomicU32::new(0));
        open_by(SHORT, move || {
            let (error, count) = (error.clone(), count.clone());
            async move {
                if count.fetch_add(1, Ordering::Relaxed) + 1 < tries {
                    return Err(error);
                }
                open("memory:?shards=1").await
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_appended_waits_for_a_stream_that_is_away() {
        let away = StreamError::Storage("away".to_owned());
        let stream = opened_at(5, away).await.unwrap();
        assert!(stream.producer().append(batch()).await.failed.is_empty());
        let mut shard = stream.consumer("test").acquire().await.unwrap();
        assert!(matches!(shard.read().await, Ok(Read::Records(records)) if records.len() == 1));
        stream.close().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_url_that_names_none_is_told_at_once() {
        let wrong = StreamError::Url {
            url: "x:".to_owned(),
            reason: "is none".to_owned(),
        };
        let told = opened_at(2, wrong).await.err().unwrap();
        assert!(matches!(told, StreamError::Url { .. }), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_comes_can_be_closed() {
        let away = StreamError::Storage("away".to_owned());
        let stream = opened_at(u32::MAX, away).await.unwrap();
        let producer = stream.producer();
        stream.close().await.unwrap();
        assert_eq!(producer.append(batch()).await.failed.len(), 1);
    }
}
